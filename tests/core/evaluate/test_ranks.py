"""Ranks in the generator's lists, against scoring every item."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.dataset import Evaluation
from core.errors import StopRequested
from core.evaluate.metrics import ranking_metrics
from core.evaluate.ranks import Ranking, Tally, ranks_of
from core.model.checkpoint import TunedModel, generator_of, load_checkpoint
from core.model.trie import Trie
from core.recommend import search_batches
from core.run.reporter import NullReporter
from tests.core.engine_tools import StopAfter, exhaustive, sequences, small_index, small_lm, uneven_codes

COUNT, LONGEST = 30, 4


def questions() -> Evaluation:
    rng = np.random.default_rng(3)
    histories = [rng.integers(0, COUNT, rng.integers(1, 9)).tolist() for _ in range(24)]
    targets = rng.integers(0, COUNT, 24).astype(np.int32)
    targets[0] = histories[0][0]
    return Evaluation(np.arange(24, dtype=np.int32), sequences(*histories), targets)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[TunedModel, np.ndarray]:
    """A random model over 30 items, and its log-probability of every item after every history."""
    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
    lm, vocabulary = small_lm("tiny", tmp_path_factory.mktemp("lm"), index)
    split = questions()
    visible = [split.histories[n][-LONGEST:].tolist() for n in range(len(split))]
    table = np.stack([exhaustive(lm, vocabulary, index, history).sum(axis=1) for history in visible])
    return TunedModel(generator_of(lm, vocabulary, index).eval(), Trie(index.codes), index, vocabulary), table


def ranking(held: TunedModel, chosen: np.ndarray | None = None, beams: int = COUNT) -> Ranking:
    split = questions()
    everybody = np.arange(len(split)) if chosen is None else chosen
    return ranks_of(held.model, held.trie, split, everybody, LONGEST, beams, False, NullReporter())


def test_ranks_by_hand(held: tuple[TunedModel, np.ndarray]) -> None:
    checkpoint, table = held
    split, found = questions(), ranking(checkpoint)
    shown, shown_masked = np.zeros(COUNT, dtype=int), np.zeros(COUNT, dtype=int)
    for user in range(len(split)):
        order = np.argsort(-table[user], kind="stable")
        fresh = order[~np.isin(order, split.histories[user])]  # the whole history, not only what the model sees
        target = split.targets[user]
        assert found.ranks[user] == int(np.flatnonzero(order == target)[0]) + 1
        hits = np.flatnonzero(fresh == target)
        assert found.masked[user] == (int(hits[0]) + 1 if len(hits) else 0)
        shown[order[:10]] += 1
        shown_masked[fresh[:10]] += 1
    assert found.masked[0] == 0
    assert found.shown.tolist() == shown.tolist() and found.shown_masked.tolist() == shown_masked.tolist()


@pytest.mark.parametrize("seed", range(6))
def test_lists_counted_one_by_one(seed: int) -> None:
    """Short lists, lists with gaps, lists longer than what counts, users in any order and over several batches."""
    rng = np.random.default_rng(seed)
    n_items, length = int(rng.integers(12, 90)), int(rng.integers(1, 80))
    histories = [rng.integers(0, n_items, rng.integers(1, 30)).tolist() for _ in range(40)]
    split = Evaluation(np.arange(40), sequences(*histories), rng.integers(0, n_items, 40).astype(np.int32))
    chosen = rng.permutation(40)[:25]
    lists = np.full((25, length), -1, dtype=np.int32)
    for row in lists:
        known = rng.permutation(n_items)[: rng.integers(0, min(length, n_items) + 1)]
        row[np.sort(rng.permutation(length)[: len(known)])] = known
    tally = Tally(split, chosen, n_items)
    for places in np.array_split(rng.permutation(25), 3):
        tally.add_lists(places, lists[places])
    found = tally.ranking()
    shown, shown_masked = [0] * n_items, [0] * n_items
    for place, user in enumerate(chosen):
        row = lists[place].tolist()[:50]
        fresh = [item for item in row if item not in histories[user]]
        target = int(split.targets[user])
        assert found.ranks[place] == (row.index(target) + 1 if target in row else 0)
        assert found.masked[place] == (fresh.index(target) + 1 if target in fresh else 0)
        for items, counts in ((row, shown), (fresh, shown_masked)):
            for item in items[:10]:
                counts[item] += item >= 0
    assert found.shown.tolist() == shown and found.shown_masked.tolist() == shown_masked
    assert [array.dtype for array in vars(found).values()] == [np.int32, np.int32, np.int64, np.int64]


def test_a_target_beyond_the_beam_has_no_rank(held: tuple[TunedModel, np.ndarray]) -> None:
    found, wide = ranking(held[0], beams=5), ranking(held[0])
    assert found.ranks.max() <= 5 and (found.ranks == 0).any()
    assert (found.ranks > 0).sum() <= (wide.ranks > 0).sum()
    assert found.shown.sum() == 24 * 5


def test_batch_order_and_threads_do_not_matter(
    held: tuple[TunedModel, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ranking(held[0])
    monkeypatch.setattr(search_batches, "SIZES", (3,))
    assert ranking(held[0]).ranks.tolist() == whole.ranks.tolist()
    order = np.random.default_rng(0).permutation(24)
    assert ranking(held[0], order).ranks.tolist() == whole.ranks[order].tolist()
    assert ranking(held[0], order[:5]).masked.tolist() == whole.masked[order[:5]].tolist()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2 if threads == 1 else 1)
        assert ranking(held[0]).ranks.tolist() == whole.ranks.tolist()
    finally:
        torch.set_num_threads(threads)


def test_nobody_to_rank(held: tuple[TunedModel, np.ndarray]) -> None:
    found = ranking(held[0], np.zeros(0, dtype=np.int64))
    assert len(found.ranks) == 0 and found.shown.sum() == 0


def test_a_wish_to_stop_is_heard_while_ranking(held: tuple[TunedModel, np.ndarray]) -> None:
    """Scoring everybody takes minutes on real data; Ctrl-C must not wait for it."""
    checkpoint, split = held[0], questions()
    with pytest.raises(StopRequested):
        ranks_of(checkpoint.model, checkpoint.trie, split, np.arange(24), LONGEST, 30, False, StopAfter(1))


def test_an_untrained_model_is_as_good_as_chance(tmp_path: Path) -> None:
    """No code is favoured by the way the model is made: recall@10 is about 10 in 200."""
    index = small_index(uneven_codes(200, 2, 16, 1), (16, 16))
    lm, vocabulary = small_lm("tiny", tmp_path, index)
    with torch.no_grad():
        for parameter in lm.parameters():
            parameter.mul_(0.05)
    rng = np.random.default_rng(0)
    histories = sequences(*rng.integers(0, 200, (400, 3)).tolist())
    split = Evaluation(np.arange(400, dtype=np.int32), histories, rng.integers(0, 200, 400).astype(np.int32))
    model, trie = generator_of(lm, vocabulary, index).eval(), Trie(index.codes)
    found = ranks_of(model, trie, split, np.arange(400), 20, 50, False, NullReporter())
    assert 0.02 <= ranking_metrics(found.ranks)["recall@10"] <= 0.09


def test_metrics_of_one_checkpoint_do_not_depend_on_how_it_is_run(
    trained: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the trained run, in fp32: batch size, user order and threads move no metric by more than 1e-4."""
    from core.data.dataset import Dataset
    from core.run.folder import RunFolder

    assert isinstance(trained, RunFolder)
    split = Dataset.load(trained.artefact("data")).evaluation("test")
    checkpoint = load_checkpoint(trained.artefact("tune") / "best")
    base = trained.metrics()["test"]["model"]
    everybody, order = np.arange(len(split)), np.random.default_rng(1).permutation(len(split))
    threads = torch.get_num_threads()
    try:
        for batch, chosen, count in ((64, everybody, 1), (1, everybody, 1), (17, order, 1), (64, order, 2)):
            monkeypatch.setattr(search_batches, "SIZES", (batch,))
            torch.set_num_threads(count)
            found = ranks_of(checkpoint.model, checkpoint.trie, split, chosen, 6, 60, False, NullReporter())
            for name, value in ranking_metrics(found.ranks).items():
                assert value == pytest.approx(base[name], abs=1e-4), (batch, count, name)
    finally:
        torch.set_num_threads(threads)
