"""k-means: centroids, and codebooks that always have their width."""

from __future__ import annotations

import numpy as np
import pytest

from core.index.kmeans import MOST_EACH, MOST_POINTS, codebook, kmeans
from core.index.quantize.residual import nearest


def normal(rows: int, dim: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(rows, dim)).astype(np.float32)


def test_two_heaps_have_two_centroids() -> None:
    found = kmeans(np.repeat(np.array([[0.0, 1.0], [8.0, 0.0]], np.float32), 10, axis=0), 2, 0)
    assert sorted(found.tolist()) == [[0.0, 1.0], [8.0, 0.0]]


def test_of_very_many_points_some_are_drawn() -> None:
    """As many as the constants allow, and others with another seed."""
    assert MOST_EACH * 2 < MOST_POINTS
    rows = normal(MOST_POINTS + 2000, 2)
    every = kmeans(rows, 2, 0, most_each=len(rows))
    assert not np.array_equal(kmeans(rows, 2, 0), every)
    assert np.array_equal(kmeans(rows[:MOST_POINTS], 2, 0), kmeans(rows[:MOST_POINTS], 2, 0, most_each=len(rows)))


@pytest.mark.parametrize("distinct", [1, 3, 5])
def test_few_distinct_rows_are_the_codebook(distinct: int) -> None:
    rows = normal(distinct, 3)[np.arange(40) % distinct]
    book = codebook(rows, 5, seed=0)
    assert book.shape == (5, 3) and (book[distinct:] == 0).all()
    assert np.array_equal(book[:distinct], np.unique(rows, axis=0))


def test_k_means_may_learn_from_a_sample_of_many_rows() -> None:
    rows = normal(6000, 4)

    def error(most: int) -> float:
        book = codebook(rows, 8, seed=0, most_each=most)
        return float(np.square(rows - book[nearest(rows, book)]).sum())

    assert error(100) < 1.1 * error(10**6)
    assert error(1) > 1.1 * error(10**6)  # eight rows are too few
