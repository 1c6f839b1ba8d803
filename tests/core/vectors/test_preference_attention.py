"""Attention of a SASRec's states over the groups of their histories, after LANE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.errors import StopRequested
from core.pipeline import recipes_of, run_stages
from core.project import Project
from core.run.reporter import NullReporter
from core.settings import SasrecSettings
from core.vectors.preference_attention import PreferenceAttention
from core.vectors.sasrec_model import SasRec, fit_sasrec
from core.vectors.stage import make_teacher
from tests.core.engine_tools import StopAfter, sequences, stages_of

COUNT, DIM, WIDTH, HEADS, MOST = 12, 6, 8, 2, 2
GROUPS = np.arange(COUNT) % 4
TEXTS = np.random.default_rng(0).normal(size=(COUNT, DIM)).astype(np.float32)
SMALL = SasrecSettings(
    hidden_size=WIDTH, layers=1, heads=HEADS, dropout=0.2, epochs=2, batch_users=8, max_history=6, preferences=MOST
)
LISTS = sequences(*[[(n + step) % COUNT for step in range(4)] for n in range(30)])
HISTORIES = torch.tensor([[0, 1, 4, 2, 8, 5], [3, 7, 11, 6, COUNT, COUNT], [9, 9, 9, 9, 9, 9]])


def attention() -> tuple[PreferenceAttention, torch.Tensor, torch.Tensor]:
    """One with weights drawn by lot, states, and the texts with the row of padding."""
    torch.manual_seed(0)
    module = PreferenceAttention(GROUPS, DIM, WIDTH, HEADS, MOST, 0.0).eval()
    texts = torch.cat([torch.from_numpy(TEXTS), torch.zeros(1, DIM)])
    return module, torch.randn(*HISTORIES.shape, WIDTH), texts


def by_hand(
    module: PreferenceAttention, state: torch.Tensor, history: list[int]
) -> tuple[dict[int, torch.Tensor], torch.Tensor]:
    """The shares of a history's groups, head by head, and the state that has read them: one thing after the other."""
    age = {place: len(history) - 1 - place for place in range(len(history))}
    members: dict[int, list[int]] = {}
    for place, item in enumerate(history):
        members.setdefault(int(GROUPS[item]), []).append(place)
    mass = {group: sum(0.8 ** age[place] for place in places) for group, places in members.items()}
    kept = sorted(mass, key=lambda group: -mass[group])[:MOST]
    query, each = module.query(state), WIDTH // HEADS
    of_item = [module.key_value(torch.from_numpy(TEXTS[item])).view(HEADS, 2 * each) for item in history]
    shares: dict[int, torch.Tensor] = {}
    read = []
    for head in range(HEADS):
        means = {
            group: sum(0.8 ** age[place] * of_item[place][head] for place in members[group]) / mass[group]
            for group in kept
        }
        logits = [query[head * each : (head + 1) * each] @ means[group][:each] / each**0.5 for group in kept]
        share = torch.softmax(torch.stack(logits), dim=0)
        read.append(sum(one * means[group][each:] for one, group in zip(share, kept, strict=True)))
        for one, group in zip(share, kept, strict=True):
            shares[group] = torch.cat([shares.get(group, torch.zeros(0)), one[None]])
    state = module.read_norm(state + module.out(torch.cat(read)))
    return shares, module.mlp_norm(state + module.down(functional.gelu(module.up(state))))


@torch.no_grad()
def test_it_is_what_it_is_by_hand_and_the_shares_are_those_that_were_read() -> None:
    module, states, texts = attention()
    read, shares = module(states, HISTORIES, texts), module.shares(states, HISTORIES, texts)
    for row, line in enumerate(HISTORIES.tolist()):
        for place in range(line.index(COUNT) if COUNT in line else len(line)):
            history = line[: place + 1]
            of_groups, state = by_hand(module, states[row, place], history)
            assert torch.allclose(read[row, place], state, atol=1e-5)
            for group, share in of_groups.items():
                newest = max(n for n, item in enumerate(history) if GROUPS[item] == group)
                assert torch.allclose(shares[row, :, place, newest], share, atol=1e-5)
            assert torch.allclose(shares[row, :, place].sum(dim=1), torch.ones(HEADS))
            assert (shares[row, :, place] > 0).sum() <= HEADS * MOST


@torch.no_grad()
def test_what_comes_later_changes_nothing() -> None:
    module, states, texts = attention()
    before = module(states, HISTORIES, texts)
    other = HISTORIES.clone()
    other[:, 3:] = 10
    assert torch.equal(module(states, other, texts)[:, :3], before[:, :3])
    assert torch.isfinite(module(states, torch.full_like(HISTORIES, COUNT), texts)).all()


@torch.no_grad()
def test_states_from_some_items_vectors_are_those_from_all() -> None:
    model = SasRec(COUNT, SMALL, TEXTS, groups=GROUPS).eval()
    used, where = torch.unique(HISTORIES, return_inverse=True)
    some = model.encoded(where, model.item_vectors()[used], HISTORIES)
    assert torch.allclose(some, model.states(HISTORIES), atol=1e-6)
    assert not torch.allclose(SasRec(COUNT, SMALL, TEXTS).eval().states(HISTORIES), model.states(HISTORIES))


def fitted(folder: Path, stop: int = 0) -> SasRec:
    reporter = StopAfter(stop) if stop else NullReporter()
    return fit_sasrec(LISTS, COUNT, SMALL, 0, False, reporter, folder, TEXTS, groups=GROUPS)


def test_what_was_saved_scores_the_same_and_stopping_changes_nothing(tmp_path: Path) -> None:
    whole = fitted(tmp_path / "whole")
    whole.save(tmp_path / "model.safetensors")
    again = SasRec.load(tmp_path / "model.safetensors", COUNT, SMALL)
    assert np.array_equal(again.score(LISTS), whole.score(LISTS))
    with pytest.raises(StopRequested):
        fitted(tmp_path / "stopped", stop=3)
    resumed = fitted(tmp_path / "stopped").state_dict()
    assert all(torch.equal(resumed[name], tensor) for name, tensor in whole.state_dict().items())
    drawn = SasRec(COUNT, replace(SMALL, epochs=1), TEXTS, groups=GROUPS)
    learnt = [name for name, one in drawn.named_parameters() if not torch.equal(one, whole.state_dict()[name])]
    assert {name.split(".")[1] for name in learnt if name.startswith("preferences.")} == {
        "query", "key_value", "out", "up", "down", "read_norm", "mlp_norm",
    }  # fmt: skip


def test_the_sasrec_that_reads_text_reads_the_branches_of_the_index(world: Path) -> None:
    """As a stage, and as the baseline that it is."""
    sets = ["sasrec.preferences=3", "sasrec.epochs=1", "run.goal=index", 'evaluate.baselines=["sasrec-text"]']
    run_stages(project := Project.load(world, sets), NullReporter())
    made = stages_of(project)
    make_teacher(project, made, folder := world.parent / "teacher", NullReporter())
    model = SasRec.load(folder / "sasrec.safetensors", 60, project.sasrec)
    assert model.preferences is not None and model.preferences.most == 3
    assert np.array_equal(model.preferences.groups[:-1].numpy(), np.load(made["index"] / "raw.npy")[:, 0])


def test_off_is_the_model_that_it_was(world: Path) -> None:
    named = 'evaluate.baselines=["sasrec-text"]'
    before, after = (recipes_of(Project.load(world, [named, *sets])) for sets in ([], ["sasrec.preferences=5"]))
    assert "preferences" not in before["teacher"]["settings"] and "preferences" not in before["sasrec"]["settings"]
    assert after["teacher"]["settings"]["preferences"] == 5
    assert after["teacher"]["inputs"].keys() == {"data", "semantic", "index"}
    assert all(after[name] == before[name] for name in ("data", "semantic", "sasrec", "behavior", "index"))
