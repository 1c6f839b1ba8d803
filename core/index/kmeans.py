"""k-means, by faiss: centroids for trees and clusters of equal size, codebooks for residual and parallel codes."""

from __future__ import annotations

import faiss
import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

ITERATIONS = 20
MOST_POINTS, MOST_EACH = 1 << 15, 256
"""Points that k-means looks at, and points a centroid where that makes more; of still more it draws some."""


def kmeans(points: Matrix, k: int, seed: int, most_each: int | None = None) -> Matrix:
    """Centroids of k-means; shape (k, dim).

    Args:
        points: shape (points, dim), at least k rows.
        k: centroids.
        seed: of the rows that faiss draws and of the start.
        most_each: rows a centroid that it learns from, of more faiss draws some; None = what the constants above allow.

    Raises:
        RuntimeError: fewer rows than centroids, or numbers that are not finite.
    """
    solver = faiss.Kmeans(
        points.shape[1],
        k,
        niter=ITERATIONS,
        seed=seed,
        verbose=False,
        min_points_per_centroid=1,
        max_points_per_centroid=most_each or max(MOST_POINTS // k, MOST_EACH),
    )
    solver.train(np.ascontiguousarray(points, dtype=np.float32))
    return np.asarray(solver.centroids, dtype=np.float32)


def codebook(points: Matrix, width: int, seed: int, most_each: int = MOST_EACH) -> Matrix:
    """Code vectors by k-means, always as many as asked for; shape (width, dim).

    Where the rows hold no more than `width` distinct vectors these are the codebook, and the rest of it is zero.

    Args:
        points: shape (items, dim), at least one row.
        width: codes.
        seed: of the rows that are drawn and of the start.
        most_each: rows a code to learn from; of more, some are drawn: further ones hardly move it.
    """
    rows = points
    if len(points) > most_each * width:
        rows = points[np.sort(np.random.default_rng(seed).choice(len(points), most_each * width, replace=False))]
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    distinct = np.unique(rows, axis=0)
    if len(distinct) <= width:
        return np.concatenate([distinct, np.zeros((width - len(distinct), points.shape[1]), dtype=np.float32)])
    return np.nan_to_num(kmeans(rows, width, seed, len(rows)))  # they are drawn already: faiss takes them all
