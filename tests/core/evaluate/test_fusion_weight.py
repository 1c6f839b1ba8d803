"""Exact log-probabilities of chosen items, and lists that follow the generator and the dense head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.dataset import Evaluation
from core.evaluate.fusion_weight import best_weight, ranks_by_weight
from core.evaluate.ranks import ranks_of
from core.model.checkpoint import generator_of
from core.model.dense import DenseHead, load_dense, save_dense
from core.model.trie import Trie
from core.recommend.beam import beam_search
from core.recommend.encoded import encode
from core.recommend.exact import exact_log_probs
from core.recommend.fusion import candidates
from core.run.reporter import NullReporter
from core.settings import ContrastSettings
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


def test_fusion_goes_from_the_generator_to_the_dense_head(tmp_path: Path) -> None:
    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
    lm, vocabulary = small_lm("tiny", tmp_path, index)
    model, trie = generator_of(lm, vocabulary, index), Trie(index.codes)
    draw = torch.Generator().manual_seed(3)
    dense = DenseHead(
        torch.randn(8, 16, generator=draw),
        torch.nn.functional.normalize(torch.randn(COUNT, 8, generator=draw), dim=1),
        0.1,
        -0.3,
    )
    histories = sequences([4, 9], [0, 29], [7, 8, 9], [5])
    split = Evaluation(np.arange(4), histories, np.array([3, 17, 2, 0], dtype=np.int32))
    told = (20, COUNT)  # as many beams as items: nothing is missed
    weights = (0.0, 0.4, 1.0)
    own, mixed = ranks_by_weight(model, trie, dense, split, np.arange(4), *told, weights, False, NullReporter())
    alone = ranks_of(model, trie, split, np.arange(4), *told, False, NullReporter())
    assert all(np.array_equal(one, vars(alone)[name]) for name, one in vars(own).items())
    assert mixed[0.0].ranks.tolist() == alone.ranks.tolist() and mixed[0.0].masked.tolist() == alone.masked.tolist()
    for user in range(4):
        history = np.array([histories[user]])
        states = encode(model, history).states
        liked = dense.scores(states, torch.from_numpy(history.astype(np.int64)))[0].numpy()
        found, spoken = beam_search(model, trie, history, COUNT)
        table = np.empty(COUNT)
        table[found[0]] = spoken[0]
        for weight in weights[1:]:
            both = (1 - weight) * table + weight * liked
            assert mixed[weight].ranks[user] == 1 + int((both > both[split.targets[user]]).sum())
    _, coarse = ranks_by_weight(
        model, trie, dense, split, np.arange(4), *told, weights, True, NullReporter()
    )  # in bf16
    assert [len(one.ranks) for one in coarse.values()] == [4, 4, 4]
    few = candidates(model, trie, dense, np.array([[4, 9]]), 5)
    kept = few[0][0][few[0][0] >= 0].tolist()
    assert len(kept) == len(set(kept)) and 5 <= len(kept) <= 10
    assert best_weight(mixed, masked=False) in weights


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
