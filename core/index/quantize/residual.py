"""Residual coding: each level names what the levels before leave of an item, by the nearest code of its codebook."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
import numpy.typing as npt

from core.index.quantize import Codes, Matrix
from core.run.reporter import Reporter

POINTS_PER_CENTRE = 256
"""Rows a centroid that k-means learns from; more hardly move it (faiss draws as many)."""
ITERATIONS = 20
BLOCK = 65536


def centroids(points: Matrix, width: int, seed: int, most: int = POINTS_PER_CENTRE) -> Matrix:
    """A codebook of `width` vectors by k-means; shape (width, dim).

    Where the rows hold no more than `width` distinct vectors these are the codebook, and the rest of it is zero.

    Args:
        points: shape (items, dim), at least one row.
        width: codes.
        seed: of the rows that are drawn and of the start.
        most: rows a code to learn from; of more, some are drawn.
    """
    rows = points
    if len(points) > most * width:
        rows = points[np.sort(np.random.default_rng(seed).choice(len(points), most * width, replace=False))]
    rows = np.ascontiguousarray(rows, dtype=np.float32)
    distinct = np.unique(rows, axis=0)
    if len(distinct) <= width:
        return np.concatenate([distinct, np.zeros((width - len(distinct), points.shape[1]), dtype=np.float32)])
    solver = faiss.Kmeans(
        points.shape[1],
        width,
        niter=ITERATIONS,
        seed=seed,
        min_points_per_centroid=1,
        max_points_per_centroid=1 << 30,  # the rows are drawn above
    )
    solver.train(rows)
    return np.nan_to_num(np.asarray(solver.centroids, dtype=np.float32))


def nearest(points: Matrix, book: Matrix) -> npt.NDArray[np.int32]:
    """The nearest code of each row, squared Euclidean; the lowest of equally near ones. Shape (items,)."""
    found = np.empty(len(points), dtype=np.int32)
    half = np.square(book).sum(axis=1) / 2
    for start in range(0, len(points), BLOCK):
        block = np.asarray(points[start : start + BLOCK], dtype=np.float32)
        found[start : start + BLOCK] = (half - block @ book.T).argmin(axis=1)
    return found


def encode(latent: Matrix, books: Sequence[Matrix]) -> Codes:
    """Codes of shape (items, levels): level by level the nearest code of what is left."""
    codes = np.empty((len(latent), len(books)), dtype=np.int32)
    for start in range(0, len(latent), BLOCK):
        residual = np.array(latent[start : start + BLOCK], dtype=np.float32)
        for level, book in enumerate(books):
            codes[start : start + BLOCK, level] = chosen = nearest(residual, book)
            residual -= book[chosen]
    return codes


def fit(latent: Matrix, widths: Sequence[int], seed: int, reporter: Reporter) -> tuple[Codes, tuple[Matrix, ...]]:
    """Codebooks by k-means, each on what the ones before leave of the full catalogue, and the items' codes.

    Args:
        latent: shape (items, dim).
        widths: codes at each level.
        seed: of k-means.
        reporter: hears the progress; may ask to stop.

    Raises:
        StopRequested: somebody asked to stop.
    """
    residual = np.array(latent, dtype=np.float32)
    codes = np.empty((len(latent), len(widths)), dtype=np.int32)
    books = []
    for level, width in enumerate(widths):
        reporter.stop_if_asked()
        book = centroids(residual, width, seed + level)
        codes[:, level] = nearest(residual, book)
        for start in range(0, len(residual), BLOCK):
            residual[start : start + BLOCK] -= book[codes[start : start + BLOCK, level]]
        books.append(book)
        reporter.progress("codebooks", level + 1, len(widths), "levels")
    return codes, tuple(books)
