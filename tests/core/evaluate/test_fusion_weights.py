"""Exact log-probabilities of chosen items, the dense head's training, and the weights of a fused list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.dataset import Evaluation
from core.evaluate import fusion_weights
from core.evaluate.fusion_weights import Candidates, ask, choose, fit_fusion
from core.evaluate.ranks import ranks_of
from core.model.checkpoint import TunedModel, generator_of
from core.model.dense import DenseHead, load_dense, save_dense
from core.model.trie import Trie
from core.model_settings import ContrastSettings
from core.recommend.encoded import encode
from core.recommend.exact import exact_log_probs
from core.recommend.fusion import Parts
from core.run.reporter import NullReporter
from core.tune.contrastive import NextContrast
from core.tune.losses import TargetStates
from core.vectors import ItemVectors
from tests.core.engine_tools import FAMILIES, exhaustive, sequences, small_index, small_lm, uneven_codes

COUNT = 30


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("levels", [1, 3])
def test_scores_are_those_of_scoring_every_item(family: str, levels: int, tmp_path: Path) -> None:
    codes = uneven_codes(COUNT, 3, 4, 0) if levels == 3 else np.arange(COUNT)[:, None]
    index = small_index(codes, (4, 4, 4)[:levels] if levels == 3 else (COUNT,))
    lm, vocabulary = small_lm(family, tmp_path, index)
    model, trie = generator_of(lm, vocabulary, index), Trie(index.codes)
    histories = np.array([[4, 9], [0, 29]])
    items = torch.tensor([[3, 3, 17, 0, 29], [1, 2, 28, 5, 0]])
    found = exact_log_probs(model, trie, encode(model, histories), items)
    for user, history in enumerate(histories.tolist()):
        wanted = exhaustive(lm, vocabulary, index, history).sum(axis=1)
        assert found[user].numpy() == pytest.approx(wanted[items[user].numpy()], abs=1e-4)


def drawn(count: int, seed: int) -> Candidates:
    """Made-up candidates: the second part knows a little of the target, the third nothing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, count, 25)).astype(np.float32)
    target = rng.integers(-1, 25, count)
    users = np.flatnonzero(target >= 0)
    values[0, users, target[users]] += 1.0
    values[1, users, target[users]] += 1.5
    seen, missing = rng.random((count, 25)) < 0.1, np.zeros((count, 25), dtype=bool)
    return Candidates(values, target, seen, np.arange(25)[None, :] < target[:, None], missing)


@pytest.mark.parametrize("hide_seen", [False, True])
def test_ranks_are_those_of_sorting(hide_seen: bool) -> None:
    """With ties, missing places and seen items."""
    candidates = drawn(60, 0)
    values = candidates.values.round(0)  # many ties
    missing = np.random.default_rng(1).random(candidates.missing.shape) < 0.2
    users = np.flatnonzero(candidates.target >= 0)
    missing[users, candidates.target[users]] = False
    candidates = replace(candidates, values=values, missing=missing)
    weights = np.array([0.5, 0.3, 0.2])
    found = candidates.ranks(weights, hide_seen)
    for user in range(60):
        target = int(candidates.target[user])
        closed = missing[user] | (candidates.seen[user] if hide_seen else False)
        order = [
            c for c in np.lexsort((np.arange(25), -(weights.astype(np.float32) @ values[:, user]))) if not closed[c]
        ]
        assert found[user] == (order.index(target) + 1 if target in order else 0)


def test_weights_follow_what_the_parts_know() -> None:
    candidates = drawn(3000, 2)
    fusion, about = fit_fusion(("model", "dense", "noise"), candidates, 100)
    for protocol, weights in (("kept", fusion.kept), ("hidden", fusion.hidden)):
        # A part that shifts the target of normal noise by d is worth d: the likelihood ratio of both.
        assert weights == pytest.approx((1.0, 1.5, 0.0), abs=0.15) and min(weights) >= 0
        told = about[protocol]
        assert told["weights"] == pytest.approx(dict(zip(about["parts"], weights, strict=True)), abs=1e-3)
        gains = {name: gain["difference"] for name, gain in told["gain"].items()}
        assert gains["dense"] > gains["model"] > 0.02 and told["gain"]["model"]["low"] > 0
        assert abs(gains["noise"]) < 0.01
        # Checked on users that chose nothing, and not far from those that did.
        assert told["checked"]["ndcg@10"] == pytest.approx(told["chosen"]["ndcg@10"], abs=0.05)
    assert about["users"] == {"chosen by": 1500, "checked on": 1500}
    assert fit_fusion(("model", "dense", "noise"), candidates, 100)[0] == fusion


def test_a_part_that_is_left_out_has_no_weight() -> None:
    candidates = drawn(400, 3)
    weights = choose(candidates, False, np.array([True, False, True]))
    assert weights[1] == 0 and weights[0] > 0.5
    nobody = candidates.take(np.flatnonzero(candidates.target < 0))
    assert choose(nobody, False, np.ones(3, dtype=bool)).tolist() == pytest.approx([1 / 3] * 3)
    assert len(candidates.take(slice(0, 0))) == 0 and fit_fusion(("a", "b", "c"), candidates.take(slice(0, 0)), 10)


def test_candidates_of_every_part_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for all items, what is asked of every user is everything, as scoring item by item says it."""
    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
    lm, vocabulary = small_lm("tiny", tmp_path, index)
    model, trie = generator_of(lm, vocabulary, index).eval(), Trie(index.codes)
    draw = torch.Generator().manual_seed(3)
    vectors = torch.nn.functional.normalize(torch.randn(COUNT, 8, generator=draw), dim=1)
    dense = DenseHead(torch.randn(8, 16, generator=draw), vectors, 0.1, -0.3)
    parts = Parts.of(["dense", "nothing"], TunedModel(model, trie, index, vocabulary, dense), {})
    assert parts.names == ("model", "dense")
    histories = sequences([4, 9], [0, 29], [7, 8, 9], [5])
    split = Evaluation(np.arange(4), histories, np.array([3, 17, 8, 0], dtype=np.int32))
    monkeypatch.setattr(fusion_weights, "FAVOURITES", COUNT)
    found = ask(parts, split, np.array([2, 0, 1, 3]), 20, False, NullReporter())
    assert found.values.shape == (2, 4, COUNT) and not found.missing.any()
    lists = ranks_of(model, trie, split, np.array([2, 0, 1, 3]), 20, COUNT, False, NullReporter())
    assert found.ranks(np.array([1.0, 0.0]), False).tolist() == lists.ranks.tolist()
    assert found.ranks(np.array([1.0, 0.0]), True).tolist() == lists.masked.tolist()
    assert found.ranks(np.array([1.0, 0.0]), True)[0] == 0  # its target stands in the history
    for row, user in enumerate((2, 0, 1, 3)):
        history = np.array([histories[user]])
        states = encode(model, history).states
        liked = dense.scores(states, torch.from_numpy(history.astype(np.int64)))[0].numpy()
        own = liked[split.targets[user]]
        assert found.ranks(np.array([0.0, 1.0]), False)[row] == 1 + int((liked > own).sum())


def contrast_loss(contrast: NextContrast, states, items, past_rows, past_items, *teachers) -> torch.Tensor:
    """The loss of some targets, which stand at no row's end."""
    return contrast.loss(TargetStates(states, items, past_rows, past_items, states[:0], items[:0], *teachers))


def test_the_contrast_learns_a_scorer() -> None:
    """States that carry the item's number find it after some steps; what is kept scores like what was trained."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    vectors = {
        name: ItemVectors(rng.normal(size=(COUNT, dim)).astype(np.float32), np.arange(COUNT) != unknown, name)
        for name, dim, unknown in (("semantic", 12, 3), ("behavior", 6, 4))
    }
    contrast = NextContrast(ContrastSettings("next", semantic=0.1, behavior=0.2), 16, vectors)
    assert contrast.weight == pytest.approx(0.3)
    states, items = torch.randn(COUNT, 16), torch.arange(COUNT)
    optimizer = torch.optim.Adam(contrast.parameters(), 0.02)
    nothing = torch.zeros(0, dtype=torch.long)
    before = contrast_loss(contrast, states, items, nothing, nothing).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = contrast_loss(contrast, states, items, nothing, nothing)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * before
    scores = contrast.dense().scores(states, torch.zeros(COUNT, 0, dtype=torch.long))
    plain = contrast_loss(contrast, states, items, nothing, nothing).item()
    assert -scores.gather(1, items[:, None]).mean().item() == pytest.approx(plain, abs=1e-4)
    teacher_items, teacher_probs = torch.tensor([[3, 4]] * COUNT), torch.tensor([[0.5, 0.25]] * COUNT)
    wanted = 0.6 * plain - 0.4 * (scores[:, [3, 4]] * teacher_probs).sum(dim=1).mean()
    found = contrast_loss(contrast, states, items, nothing, nothing, teacher_items, teacher_probs, 0.4)
    assert found.item() == pytest.approx(wanted.item(), abs=1e-4)


def test_drawn_items_stand_for_the_rest() -> None:
    """The loss over named and drawn items is about that over the catalogue, and exactly so where all are named."""
    torch.manual_seed(0)
    count = 400
    vectors = {"semantic": ItemVectors(np.random.default_rng(0).normal(size=(count, 8)), np.ones(count, bool), "s")}
    whole, some = (NextContrast(ContrastSettings("next", negatives=n), 16, vectors) for n in (0, 100))
    some.load_state_dict(whole.state_dict())
    with torch.no_grad():
        whole.repeat.fill_(-0.2)
        some.repeat.fill_(-0.2)
    states, items = torch.randn(6, 16), torch.tensor([3, 50, 3, 399, 0, 120])
    rows, past = torch.tensor([0, 0, 5]), torch.tensor([7, 9, 399])
    teacher_items, teacher_probs = torch.randint(count, (6, 4)), torch.rand(6, 4) / 4
    values = (states, items, rows, past, teacher_items, teacher_probs, 0.7)
    exact = contrast_loss(whole, *values).item()
    drawn = [contrast_loss(some, *values).item() for _ in range(200)]
    assert np.mean(drawn) == pytest.approx(exact, rel=0.01) and np.std(drawn) > 0
    everything = (states, items, rows, past, torch.arange(count).repeat(6, 1), torch.full((6, count), 1 / count), 0.7)
    assert contrast_loss(some, *everything).item() == pytest.approx(contrast_loss(whole, *everything).item(), abs=1e-4)


@pytest.mark.parametrize("again", [False, True], ids=["nobody comes back", "everybody comes back"])
def test_the_contrast_learns_what_a_repeat_is_worth(again: bool, tmp_path: Path) -> None:
    """States tell nothing but the history's last item; whether the answer is among it, the log must tell."""
    torch.manual_seed(0)
    vectors = {"behavior": ItemVectors(np.eye(COUNT, dtype=np.float32), np.ones(COUNT, dtype=bool), "behavior")}
    contrast = NextContrast(ContrastSettings("next", behavior=1.0), 16, vectors)
    states, histories = torch.randn(COUNT, 16), torch.stack([torch.arange(COUNT), torch.arange(COUNT).roll(5)], dim=1)
    rows, past = torch.arange(COUNT).repeat_interleave(2), histories.flatten()
    optimizer = torch.optim.Adam([contrast.repeat], 0.02)
    for step in range(40):
        answer = histories[:, step % 2] if again else histories[:, 0].roll(-1 - step % 7)
        optimizer.zero_grad()
        contrast_loss(contrast, states, answer, rows, past).backward()
        optimizer.step()
    assert contrast.repeat.item() > 0.2 if again else contrast.repeat.item() < -0.2
    save_dense(contrast.dense(), tmp_path)
    dense = load_dense(tmp_path)
    assert dense is not None
    scores = dense.scores(states, histories)
    wanted = contrast_loss(contrast, states, answer, rows, past).item()
    assert -scores.gather(1, answer[:, None]).mean().item() == pytest.approx(wanted, abs=1e-4)
