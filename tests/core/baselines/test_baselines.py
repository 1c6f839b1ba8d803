"""Baselines against plain Python, and the rule for ranks and ties."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.baselines import Scorer, itemknn
from core.baselines.itemknn import ItemKNN
from core.baselines.popularity import Popularity
from core.baselines.transitions import Transitions
from core.data.arrays import Sequences
from core.data.data_report import DataReport
from core.data.dataset import Dataset, Evaluation
from core.errors import StopRequested
from core.evaluate import ranks
from core.evaluate.measure import ranks_frame
from core.evaluate.ranks import Ranking, load_ranking, rank_by_scores, save_ranking
from core.run.reporter import NullReporter
from tests.core.engine_tools import StopAfter, sequences

N_ITEMS = 23
TIE = 2e-6  # more than popularity adds to a score to settle ties


def random_log(seed: int, users: int = 40, items: int = N_ITEMS) -> list[list[int]]:
    """Lists of 0 to 9 items, repeats allowed; the last three items are in none."""
    draw = random.Random(seed)
    return [[int((items - 3) * draw.random() ** 2) for _ in range(draw.randint(0, 9))] for _ in range(users)]


HISTORIES = [[3], [0, 0, 1], [5, 2, 9, 4, 1, 1], [22, 21], [7, 22, 3]]


def popularity_by_hand(log: list[list[int]], history: list[int]) -> list[float]:
    counts = Counter(item for items in log for item in items)
    return [float(counts[item]) for item in range(N_ITEMS)]


def transitions_by_hand(log: list[list[int]], history: list[int]) -> list[float]:
    pairs: dict[tuple[int, int], float] = defaultdict(float)
    for items in log:
        for i, a in enumerate(items):
            for step in (1, 2, 3):
                if i + step < len(items):
                    pairs[a, items[i + step]] += 1 / step
    last = list(reversed(history[-3:]))
    return [sum(pairs[a, item] / (age + 1) for age, a in enumerate(last)) for item in range(N_ITEMS)]


def itemknn_by_hand(log: list[list[int]], history: list[int], keep: int = 100) -> list[float]:
    takers = [{user for user, items in enumerate(log) if item in items} for item in range(N_ITEMS)]

    def cosine(a: int, b: int) -> float:
        both = len(takers[a] & takers[b])
        return round(both / math.sqrt(len(takers[a]) * len(takers[b])), 9) if both and a != b else 0.0

    near = {a: sorted(range(N_ITEMS), key=lambda b: (-cosine(a, b), b))[:keep] for a in set(history)}
    return [sum(cosine(a, item) for a in history if item in near[a]) for item in range(N_ITEMS)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("make", "by_hand"),
    [(Popularity, popularity_by_hand), (Transitions, transitions_by_hand), (ItemKNN, itemknn_by_hand)],
)
def test_scores_by_hand(seed: int, make: type, by_hand: object) -> None:
    log = random_log(seed)
    found = make(sequences(*log), N_ITEMS).score(sequences(*HISTORIES))
    assert found.shape == (len(HISTORIES), N_ITEMS) and found.dtype == np.float32
    for row, history in zip(found, HISTORIES, strict=True):
        assert row == pytest.approx(by_hand(log, history), abs=TIE, rel=1e-6)  # type: ignore[operator]


@pytest.mark.parametrize("seed", range(8))
def test_itemknn_keeps_the_nearest(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of equally near ones the lower item number; the cosines are there in blocks of a few items."""
    monkeypatch.setattr(ItemKNN, "NEIGHBOURS", 3)
    monkeypatch.setattr(itemknn, "PAIRS", 1 + 10 * seed)
    log = random_log(seed)
    found = ItemKNN(sequences(*log), N_ITEMS).score(sequences(*HISTORIES))
    for row, history in zip(found, HISTORIES, strict=True):
        assert row == pytest.approx(itemknn_by_hand(log, history, keep=3), abs=TIE)


@pytest.mark.parametrize("make", [Transitions, ItemKNN])
def test_of_equal_scores_the_popular_item_is_first(make: type) -> None:
    """After item 0 come 4, 2 and 3 equally often; 3 is taken most elsewhere, 2 and 4 as often as each other."""
    log = [[0, 4], [0, 2], [0, 3], *[[3]] * 3] if make is Transitions else [[0, 4], [0, 2], [0, 3], [3, 1], [4], [2]]
    scores = make(sequences(*log), 6).score(sequences([0]))[0]
    order = sorted(range(6), key=lambda item: (-scores[item], item))
    assert order.index(2) < order.index(4)
    if make is Transitions:
        assert order[0] == 3


@pytest.mark.parametrize("make", [Popularity, Transitions, ItemKNN])
def test_an_empty_log_scores_nothing(make: type) -> None:
    for log in (sequences(), sequences([]), sequences([2])):
        scores = make(log, 5).score(sequences([0, 1], [4]))
        assert scores.shape == (2, 5) and np.isfinite(scores).all()


class Fixed(Scorer):
    """Gives every history the next row of a matrix."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores, self.done = scores.astype(np.float32), 0

    def score(self, histories: Sequences) -> np.ndarray:
        self.done += len(histories)
        return self.scores[self.done - len(histories) : self.done].copy()


def questions(histories: list[list[int]], targets: list[int]) -> Evaluation:
    users = np.arange(len(targets), dtype=np.int32)
    return Evaluation(users, sequences(*histories), np.array(targets, dtype=np.int32))


def ranked_by_hand(scores: list[float], history: list[int], target: int) -> tuple[int, int, list[int], list[int]]:
    """Rank, rank without seen items, and both top tens: higher scores first, then the lower item number."""
    order = sorted(range(len(scores)), key=lambda item: (-scores[item], item))
    fresh = [item for item in order if item not in history]
    rank, masked = (found.index(target) + 1 if target in found else 0 for found in (order, fresh))
    return (rank if rank <= 50 else 0), (masked if masked <= 50 else 0), order[:10], fresh[:10]


@pytest.mark.parametrize("kinds", [1, 3, 1000], ids=["all equal", "many ties", "no ties"])
@pytest.mark.parametrize("scores_at_once", [1 << 25, 7 * 80 + 1, 1])
def test_ranks_by_hand(kinds: int, scores_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "SCORES", scores_at_once)
    rng = np.random.default_rng(kinds)
    scores = rng.integers(0, kinds, (30, 80)).astype(np.float32)
    histories = [rng.integers(0, 80, rng.integers(1, 12)).tolist() for _ in range(30)]
    targets = rng.integers(0, 80, 30).tolist()
    targets[0] = histories[0][0]  # taken before, so masked lists cannot hold it
    found = rank_by_scores(Fixed(scores), questions(histories, targets), 80, "x", NullReporter())
    shown, shown_masked = Counter[int](), Counter[int]()
    for user in range(30):
        rank, masked, top, fresh = ranked_by_hand(scores[user].tolist(), histories[user], targets[user])
        assert (found.ranks[user], found.masked[user]) == (rank, masked)
        shown.update(top)
        shown_masked.update(fresh)
    assert found.masked[0] == 0
    assert found.shown.tolist() == [shown[item] for item in range(80)]
    assert found.shown_masked.tolist() == [shown_masked[item] for item in range(80)]


def test_masked_lists_never_show_a_seen_item() -> None:
    """Also where fewer than ten items are left."""
    found = rank_by_scores(Fixed(np.ones((1, 12))), questions([[0, 1, 2, 3, 4]], [7]), 12, "x", NullReporter())
    assert found.shown_masked.tolist() == [0] * 5 + [1] * 7
    assert found.shown.tolist() == [1] * 10 + [0] * 2
    assert (found.ranks.tolist(), found.masked.tolist()) == ([8], [3])


def test_a_wish_to_stop_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "SCORES_BATCH", 2)
    with pytest.raises(StopRequested):
        rank_by_scores(Fixed(np.ones((6, 9))), questions([[0]] * 6, [1] * 6), 9, "x", StopAfter(2))


def test_rankings_on_disk(tmp_path: Path) -> None:
    ranking = Ranking(*(np.array(values) for values in ([1, 0], [0, 2], [3, 4, 5], [6, 7, 8])))
    save_ranking(tmp_path / "x.npz", ranking)
    again = load_ranking(tmp_path / "x.npz")
    assert [values.tolist() for values in vars(again).values()] == [v.tolist() for v in vars(ranking).values()]
    assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_one_row_a_user() -> None:
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "title": ["A", "B", "C"], "text": ["", "", ""]})
    dataset = Dataset(pl.Series(["u", "v", "w"]), items, sequences([0, 1, 2], [1], [0, 0, 1, 0]), DataReport())
    ranking = Ranking(np.array([4, 0]), np.array([3, 0]), np.zeros(3), np.zeros(3))
    frame = ranks_frame(dataset, "test", {"model": ranking})
    names = ["split", "user_id", "item_id", "history", "popularity", "rank_model", "masked_rank_model"]
    assert frame.columns == names
    assert frame.rows() == [("test", "u", "c", 2, 0, 4, 3), ("test", "w", "a", 3, 3, 0, 0)]
