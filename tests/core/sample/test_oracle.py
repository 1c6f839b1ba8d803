"""The best reachable figures: the filter against brute force over every hidden path, and its optimality."""

from itertools import product

import numpy as np
import pytest

from core.sample.oracle import metrics, predict, ranks
from core.sample.readers import NextBook, Process, Shelf, draw, drift, simulate

PROCESS = Process(circles=2, shortest=4, longest=6)


def small_shelf() -> Shelf:
    """Twelve books, three genres, two circles; books 0-1-2 are a series."""
    rng = np.random.default_rng(5)
    following = np.full(12, -1)
    following[[0, 1]] = [1, 2]
    entry = np.ones(12, dtype=bool)
    entry[[1, 2]] = False
    return Shelf(
        genre=np.arange(12) // 4,
        author=np.arange(12) // 2,
        circle=np.arange(12) % 2,
        fame=0.5 + rng.random(12),
        following=following,
        entry=entry,
        genres=3,
    )


def certain(shelf: Shelf, circle: int, genre: int) -> np.ndarray:
    state = np.zeros((PROCESS.circles, shelf.genres))
    state[circle, genre] = 1.0
    return state


def by_brute_force(shelf: Shelf, history: list[int]) -> np.ndarray:
    """p(next | history) as a plain sum over circle and over every path of both threads' moods."""
    moves, total = drift(shelf, PROCESS), np.zeros(len(shelf))
    steps = len(history) + 1
    for circle in range(PROCESS.circles):
        for moods in product(range(shelf.genres), repeat=steps):
            weight = 1.0
            for step, mood in enumerate(moods):
                before = step - PROCESS.threads
                weight *= moves[moods[before], mood] if before >= 0 else 1.0 / shelf.genres
                if step < len(history):
                    chances = NextBook(shelf, PROCESS, history[:step]).mixed(certain(shelf, circle, mood))
                    weight *= chances[history[step]]
            total += weight * NextBook(shelf, PROCESS, history).mixed(certain(shelf, circle, moods[-1]))
    return total / total.sum()


@pytest.mark.parametrize("history", [[], [3], [0, 4, 1], [0, 9, 1, 8], [11, 0, 7, 5]])
def test_the_filter_equals_the_sum_over_all_hidden_paths(history: list[int]) -> None:
    shelf = small_shelf()
    np.testing.assert_allclose(predict(shelf, PROCESS, history), by_brute_force(shelf, history), atol=1e-12)


def test_choices_add_up_and_respect_the_rules() -> None:
    shelf = small_shelf()
    for history in ([], [0], [0, 5, 1], [*range(2, 12), 0]):
        choice = NextBook(shelf, PROCESS, history)
        for circle, genre in product(range(2), range(3)):
            chances = choice.mixed(certain(shelf, circle, genre))
            assert chances.sum() == pytest.approx(1.0)
            assert not chances[history].any()
            assert [choice.of(book)[circle, genre] for book in range(12)] == pytest.approx(chances.tolist())
    assert NextBook(shelf, PROCESS, []).mixed(certain(shelf, 0, 0))[[1, 2]].sum() == 0.0
    begun = NextBook(shelf, PROCESS, [0, 5]).mixed(certain(shelf, 0, 0))
    assert begun[1] == begun.max() and begun[2] == 0.0


def test_circles_show_in_what_readers_read() -> None:
    shelf = small_shelf()
    chances = NextBook(shelf, PROCESS, []).mixed(certain(shelf, 1, 2))
    assert set(np.argsort(-chances)[:2]) == {9, 11}


def test_simulated_lists_never_repeat_and_keep_series_in_order() -> None:
    shelf = small_shelf()
    lists = simulate(shelf, PROCESS, 50, np.random.default_rng(1))
    for books in lists:
        assert PROCESS.shortest <= len(books) <= PROCESS.longest
        assert len(set(books)) == len(books)
        assert 1 not in books or 0 in books[: books.index(1)]


def test_the_prediction_is_calibrated() -> None:
    """Its promised recall is the recall that comes about: no ranking can do better in the long run."""
    shelf = small_shelf()
    lists = simulate(shelf, PROCESS, 1500, np.random.default_rng(2))
    promised = np.mean([np.sort(predict(shelf, PROCESS, books[:-1]))[-2:].sum() for books in lists])
    reached = (ranks(shelf, PROCESS, lists) < 2).mean()
    assert reached == pytest.approx(promised, abs=0.04)


def test_ranks_and_metrics_by_hand() -> None:
    found = metrics(np.array([0, 2, 9, 70]), cuts=(1, 10))
    assert found["recall@1"] == 0.25
    assert found["recall@10"] == 0.75
    assert found["ndcg@10"] == pytest.approx((1 + 0.5 + 1 / np.log2(11)) / 4, abs=1e-6)


def test_draw_follows_its_weights() -> None:
    rng = np.random.default_rng(3)
    counts = np.bincount([draw(np.array([1.0, 0.0, 3.0]), rng) for _ in range(2000)], minlength=3)
    assert counts[1] == 0
    assert counts[2] / 2000 == pytest.approx(0.75, abs=0.04)
