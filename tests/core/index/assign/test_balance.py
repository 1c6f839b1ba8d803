"""Clusters of equal size."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.assign import balance
from core.index.assign.balance import balanced_assignment, balanced_kmeans
from core.index.assign.matching import squared_distances


def cloud(rows: int, dim: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)


def sizes_are_even(labels: np.ndarray, rows: int, k: int) -> None:
    counts = Counter(labels.tolist())
    assert len(labels) == rows and set(counts) <= set(range(k))
    sizes = [counts[cluster] for cluster in range(k)]
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 60), st.integers(1, 70), st.integers(1, 5), st.integers(0, 3), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_sizes_differ_by_at_most_one(rows: int, k: int, dim: int, seed: int, distinct: int) -> None:
    points = cloud(min(rows, distinct), dim, seed)[np.arange(rows) % min(rows, distinct)]
    sizes_are_even(balanced_kmeans(points, k, seed), rows, k)


@pytest.mark.parametrize("k", [1, 3, 7, 40, 64, 100])
@pytest.mark.parametrize(
    "points",
    [
        np.ones((64, 4), np.float32),
        np.zeros((64, 4), np.float32),
        np.repeat(cloud(7, 3, 0), [58, 1, 1, 1, 1, 1, 1], axis=0),
        cloud(64, 1, 0) * 1e-20,
        cloud(64, 2, 0) * 1e6,
        cloud(2, 3, 0),
        cloud(1, 3, 0),
    ],
    ids=["identical", "zero", "nine in ten the same", "minute", "huge", "two", "one"],
)
def test_hostile_clouds(points: np.ndarray, k: int) -> None:
    sizes_are_even(balanced_kmeans(points, k, 0), len(points), k)


@pytest.mark.parametrize("exact_rows", [1200, 0], ids=["exact", "greedy"])
def test_plain_clusters_are_found(exact_rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "EXACT_ROWS", exact_rows)
    truth = np.arange(120) % 4
    points = np.eye(4, dtype=np.float32)[truth] * 10 + cloud(120, 4, 1) * 0.1
    labels = balanced_kmeans(points, 4, 0)
    assert len(set(zip(truth.tolist(), labels.tolist(), strict=True))) == 4


def test_the_same_seed_gives_the_same_clusters() -> None:
    points = cloud(90, 5, 2)
    assert balanced_kmeans(points, 8, 3).tolist() == balanced_kmeans(points, 8, 3).tolist()


def test_nan_is_refused() -> None:
    points = cloud(20, 3, 0)
    points[7, 1] = np.nan
    with pytest.raises((RuntimeError, ValueError)):
        balanced_kmeans(points, 4, 0)


def cheapest(cost: np.ndarray, k: int) -> float:
    rows = len(cost)
    return min(
        float(cost[np.arange(rows), labels].sum())
        for labels in itertools.product(range(k), repeat=rows)
        if max(sizes := [labels.count(c) for c in range(k)]) - min(sizes) <= 1
    )


@pytest.mark.parametrize(("rows", "k"), [(6, 2), (7, 3), (5, 4), (7, 2), (4, 1)])
def test_a_small_assignment_costs_the_least_there_is(rows: int, k: int) -> None:
    for seed in range(4):
        cost = cloud(rows, k, seed)
        labels = balanced_assignment(cost, k)
        sizes_are_even(labels, rows, k)
        assert cost[np.arange(rows), labels].sum() == pytest.approx(cheapest(cost, k), abs=1e-4)


def test_a_large_assignment_is_even_and_nearly_as_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    for rows, k in ((203, 10), (240, 16), (101, 100)):
        cost = squared_distances(cloud(rows, 6, 0), cloud(k, 6, 1))
        best = balanced_assignment(cost, k)
        monkeypatch.setattr(balance, "EXACT_ROWS", 0)
        quick = balanced_assignment(cost, k)
        monkeypatch.undo()
        sizes_are_even(quick, rows, k)
        total, least = (float(cost[np.arange(rows), labels].sum()) for labels in (quick, best))
        careless = float(cost[np.arange(rows), np.arange(rows) % k].sum())
        assert least <= total + 1e-3 <= least + 0.35 * (careless - least)


def test_distances() -> None:
    points, centres = cloud(9, 4, 0), cloud(3, 4, 1)
    plain = ((points[:, None] - centres[None]) ** 2).sum(axis=2)
    assert squared_distances(points, centres) == pytest.approx(plain, abs=1e-4)
