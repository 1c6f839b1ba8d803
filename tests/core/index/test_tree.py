"""Trees of codes: shape, uniqueness, meaning."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.index.tree import coarse_widths, full_widths, kmeans_tree, random_codes


@given(st.integers(1, 5000), st.integers(0, 8), st.integers(2, 300))
@example(243, 5, 3)
@example(1000, 3, 10)
@example(12_101, 0, 256)
@example(65_537, 0, 256)
@settings(max_examples=200, deadline=None)
def test_a_full_tree_has_room_for_every_item_and_no_level_too_many(items: int, depth: int, width: int) -> None:
    widths = full_widths(items, depth, width)
    assert math.prod(widths) >= items and max(widths) <= width and min(widths) >= 2
    needed = next(d for d in range(1, 20) if width**d >= items)
    assert len(widths) == max(depth or 2, needed)
    assert max(widths) - min(widths) <= 1
    assert max(widths) == 2 or (max(widths) - 1) ** len(widths) < items


@given(st.integers(1, 100_000), st.integers(0, 6), st.integers(2, 300))
@settings(max_examples=100, deadline=None)
def test_a_coarse_tree_stays_inside_its_width(items: int, depth: int, width: int) -> None:
    widths = coarse_widths(items, depth, width, 0.65)
    assert len(widths) == depth or not depth
    assert widths and all(2 <= w <= width for w in widths)
    assert widths[0] == max(widths)
    if depth == 1:
        assert widths[0] == min(width, max(2, math.ceil(items**0.65)))


@given(st.integers(1, 80), st.integers(0, 3), st.integers(2, 16), st.integers(1, 80), st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_a_full_tree_gives_every_item_its_own_code(items: int, depth: int, width: int, distinct: int, dim: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(distinct, dim)).astype(np.float32)[np.arange(items) % distinct]
    widths = full_widths(items, depth, width)
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
