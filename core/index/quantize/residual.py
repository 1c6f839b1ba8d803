"""Residual coding: each level names what the levels before leave of an item, by the nearest code of its codebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from core.index.kmeans import codebook
from core.index.quantize import Codes, Matrix
from core.run.reporting import Reporter

BLOCK = 65536


def nearest(points: Matrix, book: Matrix) -> npt.NDArray[np.int32]:
    """The nearest code of each row, squared Euclidean; the lowest of equally near ones. Shape (items,)."""
    codes = np.empty(len(points), dtype=np.int32)
    # |x - c|² / 2 less |x|² / 2, which all codes share: shape (block, width), and no differences are formed.
    half = np.square(book).sum(axis=1) / 2
    for start in range(0, len(points), BLOCK):
        block = np.asarray(points[start : start + BLOCK], dtype=np.float32)
        codes[start : start + BLOCK] = (half - block @ book.T).argmin(axis=1)
    return codes


def encode(latent: Matrix, books: Sequence[Matrix]) -> Codes:
    """Codes of shape (items, levels): level by level the nearest code of what is left."""
    codes = np.empty((len(latent), len(books)), dtype=np.int32)
    for start in range(0, len(latent), BLOCK):
        residual = np.array(latent[start : start + BLOCK], dtype=np.float32)
        for level, book in enumerate(books):
            codes[start : start + BLOCK, level] = chosen = nearest(residual, book)
            residual -= book[chosen]
    return codes


def fit(
    latent: Matrix,
    widths: Sequence[int],
    seed: int,
    reporter: Reporter,
    columns: Callable[[int], slice] = lambda level: slice(None),
) -> tuple[Codes, tuple[Matrix, ...]]:
    """Codebooks by k-means, each on what the ones before leave of the full catalogue, and the items' codes.

    Args:
        latent: shape (items, dim).
        widths: codes at each level.
        seed: of k-means.
        reporter: hears the progress; may ask to stop.
        columns: the dimensions that a level's codes stand for; all where levels refine one another.

    Raises:
        StopRequested: somebody asked to stop.
    """
    residual = np.array(latent, dtype=np.float32)  # what the levels so far leave of each item; (items, dim)
    codes = np.empty((len(latent), len(widths)), dtype=np.int32)
    books = []
    for level, width in enumerate(widths):
        reporter.stop_if_asked()
        part = residual[:, columns(level)]  # a view: what is taken off it is taken off the residual
        book = codebook(np.ascontiguousarray(part), width, seed + level)
        codes[:, level] = nearest(part, book)
        for start in range(0, len(residual), BLOCK):
            part[start : start + BLOCK] -= book[codes[start : start + BLOCK, level]]
        books.append(book)
        reporter.progress("codebooks", level + 1, len(widths), "levels")
    return codes, tuple(books)
