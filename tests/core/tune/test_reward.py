"""The expected reward of GREAM: in closed form what drawing gives on average, and nothing where it is not asked for."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import Interrupted, ProjectError
from core.model_settings import TuneSettings
from core.pipeline import recipes_of, run_stages
from core.project import Project
from core.tune.objective import Objective
from core.tune.reward import expected_reward, prefix_rewards
from core.tune.target_rows import every_item_rows
from tests.core.engine_tools import Recorder, sequences, small_index, small_lm, stages_of, walks, write_world
from tests.core.tune.tools import batch_of, objective_of

CODES = [(a, b) for a in range(3) for b in range(4)]
INDEX = small_index([list(code) for code in CODES], (3, 4))
ROWS = every_item_rows(sequences([0, 5, 7, 2], [11, 3, 1]), 5)
KINDS = ("prefix", "exact", "pass")


def log_probs_of(root: torch.Tensor, below: torch.Tensor, item: int) -> torch.Tensor:
    """Of both codes of an item; (1, 2)."""
    first, second = CODES[item]
    return torch.stack([root.log_softmax(0)[first], below[first].log_softmax(0)[second]])[None]


def rewards_of(target: int) -> torch.Tensor:
    """The reward of every item where one is the answer, written out."""
    (first, _), right = CODES[target], CODES[target]
    return torch.tensor([1.0 if code == right else math.sqrt(0.5) if code[0] == first else 0.0 for code in CODES])


def test_the_table() -> None:
    """The paper's, for four codes that are all there is to an item."""
    assert prefix_rewards(4).tolist() == pytest.approx([0.5, 0.7071, 0.8660, 1.0], abs=1e-4)


def test_it_is_what_all_items_together_give_and_its_gradient_what_drawing_gives() -> None:
    generator = torch.Generator().manual_seed(0)
    root, below = (torch.randn(shape, generator=generator, requires_grad=True) for shape in ((3,), (3, 4)))
    target, rewards = 6, rewards_of(6)
    every = torch.cat([log_probs_of(root, below, item) for item in range(12)]).sum(dim=1)
    probs = every.exp().detach()
    exact = expected_reward(log_probs_of(root, below, target), TuneSettings(reward="prefix"))
    assert probs.sum().item() == pytest.approx(1.0) and exact.item() == pytest.approx(float(probs @ rewards), rel=1e-5)
    gradient = torch.cat([g.flatten() for g in torch.autograd.grad(exact.sum(), (root, below))])
    # The policy gradient over 100,000 drawn items: their reward times the gradient of their log-probability.
    drawn = torch.from_numpy(np.random.default_rng(0).multinomial(100_000, probs.double() / probs.double().sum()))
    sampled = torch.autograd.grad((drawn / 100_000 * rewards * every).sum(), (root, below))
    assert torch.allclose(gradient, torch.cat([g.flatten() for g in sampled]), atol=5e-3)
    assert gradient.abs().max() > 0.05


def test_several_draws_hit_as_often_as_is_said() -> None:
    """The unbiased estimate from n drawn items, 1 - C(n-c, k) / C(n, k), over every number c of hits among them."""
    chance, n = 0.3, 7
    for draws in (1, 2, 4):
        settings = TuneSettings(reward="pass", reward_draws=draws)
        said = expected_reward(torch.tensor([[math.log(0.6), math.log(0.5)]]), settings).item()
        mean = sum(
            math.comb(n, c) * chance**c * (1 - chance) ** (n - c)
            * (1 - math.comb(n - c, draws) / math.comb(n, draws))
            for c in range(n + 1)
        )  # fmt: skip
        assert said == pytest.approx(mean, rel=1e-5) == pytest.approx(1 - (1 - chance) ** draws)
    one = TuneSettings(reward="exact")
    assert expected_reward(torch.tensor([[math.log(0.6), math.log(0.5)]]), one).item() == pytest.approx(chance)
    sure = torch.zeros(1, 2, requires_grad=True)
    expected_reward(sure, TuneSettings(reward="pass")).sum().backward()
    assert sure.grad is not None and sure.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_raises_the_reward(kind: str, tmp_path: Path) -> None:
    lm, vocabulary = small_lm("tiny", tmp_path, INDEX)
    batch = batch_of(ROWS, vocabulary, INDEX)
    plain = objective_of(lm, vocabulary, INDEX, reward=kind, distill=0.5)
    rewarded = Objective(plain.model, plain.trie, plain.settings, {"sequential": 1.0}, rewarded=True).eval()
    loss, parts, _ = rewarded(batch)
    # What is shown is the loss of the answers; the total is in units of the mean reward.
    assert parts["loss"] == pytest.approx(plain(batch)[1]["loss"]) and loss.item() == pytest.approx(-1.0, abs=1e-5)
    assert 0 < parts["hit"] <= parts["reward"] < 1 and 0 < parts["entropy_1"] <= math.log(3) + 1e-6
    optimizer = torch.optim.SGD(rewarded.parameters(), lr=1e-3)
    loss.backward()
    optimizer.step()
    assert rewarded(batch)[1]["reward"] > parts["reward"]


def test_likelihood_changes_no_fingerprint_and_tokens_have_no_reward(world: Path) -> None:
    plain = recipes_of(Project.load(world))["tune"]
    assert "reward" not in json.dumps(plain) and "objective" not in json.dumps(plain)
    assert recipes_of(Project.load(world, ["tune.reward=exact", "tune.reward_draws=9"]))["tune"] == plain
    rewarded = ['tune.stages=[{ name="a" }, { name="b", objective="reward" }]']
    settings = recipes_of(Project.load(world, rewarded))["tune"]["settings"]
    assert settings["reward"] == "prefix" and [one.get("objective") for one in settings["stages"]] == [None, "reward"]
    for softmax in ("level", "vocabulary"):
        with pytest.raises(ProjectError, match=r"tune\.stages\.1\.objective.*legal"):
            Project.load(world, [*rewarded, f"tune.softmax={softmax}"])
    with pytest.raises(ProjectError, match=r"a stage of likelihood before it, or run\.base"):
        Project.load(world, ["tune.stages.0.objective=reward"])


def test_a_stage_of_rewards_goes_on_where_it_was(tmp_path: Path) -> None:
    file = write_world(tmp_path / "world", walks())
    text = file.read_text().partition("[[tune.stages]]")[0]
    stages = (
        '[[tune.stages]]\nname = "codes"\nepochs = 2\n'
        '[[tune.stages]]\nname = "reward"\nobjective = "reward"\nepochs = 3\nlearning_rate = 1e-3\n'
    )
    sets = ["contrast.form=none", "tune.distill=0", "vectors.behavior=none", 'index.method="random"',
            'evaluate.baselines=["popularity"]', "evaluate.bootstrap=0"]  # fmt: skip
    ends, seen = [], []

    class Metrics(Recorder):
        def metric(self, step: int, values: dict[str, float]) -> None:
            if "epoch_reward" in values:
                seen.append(values["epoch_reward"])

    for name, stop in (("world", 14), ("whole", None)):
        file = write_world(tmp_path / name, walks())
        file.write_text(text + stages)
        project = Project.load(file, sets)
        if stop is not None:
            with pytest.raises(Interrupted):
                run_stages(project, Metrics("tune", stop))
        run_stages(project, Metrics())
        best = stages_of(project)["tune"] / "best"
        ends.append({one.name: one.read_bytes() for one in sorted(best.glob("*.safetensors"))})
    assert ends[0] == ends[1]
    assert seen[-1] > seen[-3] > 0
