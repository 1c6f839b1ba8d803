"""Uniform semantic mapping: the plan, and LC-Rec's rounds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.index.assign.sinkhorn import sinkhorn, sinkhorn_rounds

Array = npt.NDArray[np.float64]


def rescaled(distances: Array, epsilon: float, rounds: int) -> Array:
    """The same in so many words: the whole matrix is rescaled each time."""
    middle, half = (distances.max() + distances.min()) / 2, (distances.max() - distances.min()) / 2
    plan = np.exp(-(distances - middle) / (half + 1e-5) / epsilon)
    plan /= plan.sum()
    for _ in range(rounds):
        plan /= plan.sum(axis=1, keepdims=True) * len(plan)
        plan /= plan.sum(axis=0, keepdims=True) * plan.shape[1]
    return np.asarray(plan * len(plan))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 30),
    st.integers(2, 20),
    st.sampled_from([0.003, 0.05, 1.0]),
    st.integers(1, 50),
    st.floats(0.01, 1.0),  # beyond some hundred epsilons the plain iteration underflows
    st.integers(0, 99),
)
@example(items=2, codes=15, epsilon=0.003, rounds=1, size=1.0, seed=7)  # a code that is far from both items
def test_it_is_the_published_iteration(
    items: int, codes: int, epsilon: float, rounds: int, size: float, seed: int
) -> None:
    distances = np.random.default_rng(seed).random((items, codes)) * size
    plan = sinkhorn(distances, epsilon, rounds)
    assert np.allclose(plan, rescaled(distances, epsilon, rounds), atol=1e-6)
    assert np.allclose(plan.sum(axis=0), items / codes)


def test_a_crowd_is_spread() -> None:
    rng = np.random.default_rng(0)
    book = rng.normal(size=(8, 4))
    crowd = book[0] + 0.1 * rng.normal(size=(64, 4))
    distances = np.square(crowd[:, None] - book).sum(axis=2)
    nearest, mapped = distances.argmin(axis=1), sinkhorn(distances, 0.003, 50).argmax(axis=1)
    assert len(set(nearest)) == 1
    assert np.bincount(mapped, minlength=8).max() <= 16 and len(set(mapped)) == 8


def test_a_row_may_stand_for_several_and_problems_side_by_side_do_not_mix() -> None:
    distances = np.random.default_rng(1).random((2, 3, 5))
    mass = np.array([[2.0, 1.0, 3.0], [1.0, 1.0, 1.0]])
    both = sinkhorn(distances, 0.1, 20, mass)
    copied = sinkhorn(np.repeat(distances[0], [2, 1, 3], axis=0), 0.1, 20)
    assert np.allclose(both[0], [copied[:2].sum(axis=0), copied[2], copied[3:].sum(axis=0)])
    assert np.allclose(both[1], sinkhorn(distances[1], 0.1, 20))


def test_extreme_distances_stay_finite() -> None:
    for distances in (np.zeros((3, 4)), np.full((1, 2), 1e30), np.array([[0.0, 1e30], [1e-30, 0.0]]), np.ones((0, 3))):
        plan = sinkhorn(distances, 0.0001, 50)
        assert plan.shape == distances.shape and np.isfinite(plan).all()


def shared(codes: npt.NDArray[np.int32]) -> int:
    return len(codes) - len(np.unique(codes, axis=0))


def test_rounds_tell_items_apart_but_not_duplicates() -> None:
    rng = np.random.default_rng(2)
    residual, book = rng.normal(size=(90, 6)).astype(np.float32), rng.normal(size=(64, 6)).astype(np.float32)
    residual[:10] = residual[10:20]
    codes = np.stack([np.arange(90) % 9, np.zeros(90)], axis=1).astype(np.int32)
    codes[:10, 0] = codes[10:20, 0]
    given_codes = codes.copy()
    after, rounds = sinkhorn_rounds(codes, residual, book, 0.003, 50)
    assert np.array_equal(codes, given_codes) and 1 <= rounds <= 20
    assert np.array_equal(after[:, 0], codes[:, 0]) and after.min() >= 0 and after[:, 1].max() < 64
    assert np.array_equal(after[:10], after[10:20])
    assert shared(codes) == 81 and 10 <= shared(after) <= 12
    assert np.array_equal(after, sinkhorn_rounds(codes, residual, book, 0.003, 50)[0])


def test_nothing_to_tell_apart_takes_no_round() -> None:
    alone = np.array([[0, 1], [1, 1]], dtype=np.int32)
    alike = np.array([[0, 1], [0, 1]], dtype=np.int32)
    book = np.eye(3, dtype=np.float32)
    for codes, residual in ((alone, np.zeros((2, 3))), (alike, np.zeros((2, 3))), (alone[:0], np.zeros((0, 3)))):
        after, rounds = sinkhorn_rounds(codes, residual, book, 0.003, 50)
        assert np.array_equal(after, codes) and rounds == 0
    assert sinkhorn_rounds(alike, np.eye(2), np.eye(2)[:1], 0.003, 50)[1] == 0  # one code only
