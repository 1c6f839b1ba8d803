"""The items nearest to an item in a source's vectors.

Exact where they are few; by a first look at shortened vectors where they are many.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile

import faiss
import numpy as np
import numpy.typing as npt

from core.errors import DataError
from core.vectors import ItemVectors

Matrix = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

BLOCK = 1 << 16
"""Rows at a time."""
SMALL = 50_000_000
"""Numbers up to which every vector is compared whole: about 30 ms."""
SHORT = 64
"""Length of the shortened vectors of the first look."""
SAMPLE = 20_000
"""Vectors from which the shortening is learnt."""
FIRST_LOOK = 20
"""Candidates of the first look for every item asked for."""


def unit_rows(matrix: Matrix) -> Matrix:
    """Rows of unit length; rows of zeros stay."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.ascontiguousarray(matrix / np.maximum(lengths, 1e-9), dtype=np.float32)


def nearest_rows(matrix: Matrix, asked: Int64, k: int) -> Int64:
    """The k rows nearest in direction to some rows, themselves among them; exact, in blocks.

    Args:
        matrix: shape (items, dim).
        asked: row numbers.
        k: at most the number of rows.

    Returns:
        Row numbers, the nearest first; shape (asked, k).
    """
    queries = unit_rows(matrix[asked])
    distances = np.empty((len(asked), 0), dtype=np.float32)
    found = np.empty((len(asked), 0), dtype=np.int64)
    for start in range(0, len(matrix), BLOCK):
        block = unit_rows(matrix[start : start + BLOCK])
        new, rows = faiss.knn(queries, block, min(k, len(block)))
        distances, found = np.hstack([distances, new]), np.hstack([found, rows + start])
        best = np.argsort(distances, axis=1, kind="stable")[:, :k]
        distances, found = np.take_along_axis(distances, best, 1), np.take_along_axis(found, best, 1)
    return found


class Nearest:
    """Vectors of one or more sources, ready to be asked.

    Args:
        vectors: a source's vectors.
    """

    def __init__(self, vectors: Mapping[str, ItemVectors]) -> None:
        self._units: dict[str, Matrix] = {}
        self._known: dict[str, npt.NDArray[np.bool_]] = {}
        self._short: dict[str, _Short] = {}
        for name, held in vectors.items():
            self._add(name, held)

    def _add(self, name: str, held: ItemVectors) -> None:
        unit = unit_rows(held.matrix)
        self._units[name], self._known[name] = unit, held.known
        if unit.size > SMALL:
            self._short[name] = _Short(unit)

    @classmethod
    def load(cls, paths: Mapping[str, Path]) -> Nearest:
        """Read the vectors of every source.

        Args:
            paths: for each source its `vectors.npz`.

        Raises:
            DataError: a file is missing or damaged.
        """
        near = cls({})
        for name, path in paths.items():
            try:
                near._add(name, ItemVectors.load(path))
            except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
                raise DataError(f"{path}: the vectors cannot be read ({error})", "train again with --new") from error
        return near

    @property
    def sources(self) -> list[str]:
        """The sources' names."""
        return list(self._units)

    def known(self, item: int, source: str) -> bool:
        """Whether an item has a vector of its own in a source."""
        return bool(self._known[source][item])

    def near(self, item: int, source: str, k: int = 10) -> list[tuple[int, float]]:
        """The items nearest to one, itself left out.

        Args:
            item: its number.
            source: whose vectors.
            k: how many.

        Returns:
            Item number and cosine similarity, the nearest first; equally near ones by number.
        """
        unit = self._units[source]
        short = self._short.get(source)
        rows = np.arange(len(unit)) if short is None else short.look(unit[item], FIRST_LOOK * (k + 1))
        rows = rows[rows != item]
        similar = unit[rows] @ unit[item] if short is not None else np.delete(unit @ unit[item], item)
        best = np.lexsort((rows, -similar))[:k] if short is not None else _top(similar, k)
        return [(int(rows[place]), round(float(similar[place]), 6)) for place in best]


def _top(values: Matrix, k: int) -> Int64:
    """Places of the k largest values, the largest first; equal ones by place."""
    if len(values) > 4 * k:
        least = np.partition(values, len(values) - k)[len(values) - k] if k else np.inf
        places = np.flatnonzero(values >= least)
    else:
        places = np.arange(len(values))
    return np.asarray(places[np.lexsort((places, -values[places]))][:k])


class _Short:
    """Vectors shortened by principal components, in half precision: a quick first look at many of them."""

    def __init__(self, unit: Matrix) -> None:
        rows = np.linspace(0, len(unit) - 1, min(SAMPLE, len(unit))).astype(np.int64)
        dim = min(SHORT, unit.shape[1])
        self._fold = faiss.PCAMatrix(unit.shape[1], dim)
        self._fold.train(np.ascontiguousarray(unit[rows]))
        self._index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_L2)
        for start in range(0, len(unit), BLOCK):
            self._index.add(self._fold.apply(unit[start : start + BLOCK]))

    def look(self, vector: Matrix, k: int) -> Int64:
        """Rows that may be the k nearest."""
        found = self._index.search(self._fold.apply(vector[None]), min(k, self._index.ntotal))[1][0]
        return np.asarray(found[found >= 0], dtype=np.int64)
