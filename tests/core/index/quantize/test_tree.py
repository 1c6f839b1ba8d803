"""Trees of codes: shape, uniqueness, meaning."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import StopRequested
from core.index.quantize.mean_steps import mean_steps
from core.index.quantize.methods.random import random_codes
from core.index.quantize.tree import kmeans_tree
from core.index.shape import index_shape
from core.run.reporter import NullReporter


@given(st.integers(1, 80), st.integers(0, 3), st.integers(2, 16), st.integers(1, 80), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_full_tree_gives_every_item_its_own_code(items: int, depth: int, width: int, distinct: int, dim: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(distinct, dim)).astype(np.float32)[np.arange(items) % distinct]
    told = {"method": "kmeans-tree", "depth": depth, "width": width}
    widths = index_shape(told, ["semantic"], items).levels
    for codes in (kmeans_tree(vectors, widths, 0), random_codes(items, widths, 0)):
        assert codes.shape == (items, len(widths)) and codes.dtype == np.int32
        assert (codes >= 0).all() and (codes < np.array(widths)).all()
        assert len(np.unique(codes, axis=0)) == items


def test_the_branches_of_a_tree_are_balanced() -> None:
    vectors = np.random.default_rng(0).normal(size=(203, 5)).astype(np.float32)
    codes = kmeans_tree(vectors, (6, 6, 6), 0)
    for depth in (1, 2):
        sizes = np.unique(codes[:, :depth], axis=0, return_counts=True)[1]
        assert len(sizes) == 6**depth
        assert sizes.max() - sizes.min() <= 1 if depth == 1 else sizes.max() - sizes.min() <= 2


def test_neighbours_share_codes() -> None:
    """Nine clear clouds of nine items: the first code names the cloud, and the second one the place in it."""
    rng = np.random.default_rng(0)
    cloud, place = np.divmod(np.arange(81), 9)
    vectors = (rng.normal(size=(9, 8))[cloud] * 10 + rng.normal(size=(9, 8))[place]).astype(np.float32)
    codes = kmeans_tree(vectors, (9, 9), 0)
    assert len(set(zip(cloud.tolist(), codes[:, 0].tolist(), strict=True))) == 9
    # A number of the second level means the same under every parent.
    common = [Counter(codes[place == n, 1].tolist()).most_common(1)[0] for n in range(9)]
    assert len({number for number, _ in common}) == 9
    assert sum(times for _, times in common) >= 0.85 * 81


def test_the_seed_decides() -> None:
    vectors = np.random.default_rng(0).normal(size=(70, 6)).astype(np.float32)
    assert kmeans_tree(vectors, (9, 9), 4).tolist() == kmeans_tree(vectors, (9, 9), 4).tolist()
    assert random_codes(70, (9, 9), 4).tolist() == random_codes(70, (9, 9), 4).tolist()
    assert random_codes(70, (9, 9), 4).tolist() != random_codes(70, (9, 9), 5).tolist()


def test_nan_is_refused() -> None:
    vectors = np.ones((20, 3), np.float32)
    vectors[3, 0] = np.nan
    with pytest.raises((RuntimeError, ValueError)):
        kmeans_tree(vectors, (5, 5), 0)


class Impatient(NullReporter):
    """Hears the progress, and stops after some of it."""

    def __init__(self, patience: int) -> None:
        self.told: list[tuple[float, float | None]] = []
        self.patience = patience

    def progress(self, text: str, done: float, total: float | None = None, unit: str = "") -> None:
        self.told.append((done, total))

    def wants(self) -> str | None:
        self.patience -= 1
        return "stop" if self.patience < 0 else None


def test_the_work_is_told_and_can_be_stopped() -> None:
    vectors = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)
    patient = Impatient(10**6)
    kmeans_tree(vectors, (13, 13, 13), 0, patient)
    assert patient.told[0] == (2000, 6000) and patient.told[-1] == (6000, 6000)
    assert [done for done, _ in patient.told] == sorted(done for done, _ in patient.told)
    with pytest.raises(StopRequested):
        kmeans_tree(vectors, (13, 13, 13), 0, Impatient(5))


def test_a_tree_of_many_duplicates_is_still_balanced() -> None:
    """More rows than are assigned exactly, nine in ten of them the same."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(3000, 4)).astype(np.float32)
    vectors[rng.random(3000) < 0.9] = 1.0
    codes = kmeans_tree(vectors, (16, 15, 15), 0)
    assert len(np.unique(codes, axis=0)) == 3000
    sizes = np.bincount(codes[:, 0], minlength=16)
    assert sizes.max() - sizes.min() <= 1


@given(st.integers(1, 60), st.integers(1, 3), st.integers(1, 6), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_the_mean_steps_are_the_means_of_what_is_left(items: int, levels: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, codes = rng.normal(size=(items, 3)).astype(np.float32), rng.integers(0, width, (items, levels))
    books = mean_steps(vectors, codes.astype(np.int32), (width,) * levels)
    left = vectors.copy()
    for level, book in enumerate(books):
        for code in range(width):
            mine = left[codes[:, level] == code]
            assert book[code] == pytest.approx(mine.mean(axis=0) if len(mine) else np.zeros(3), abs=1e-5)
        left -= book[codes[:, level]]
