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
    # The best of the blocks so far: squared distances and row numbers, shape (asked, at most k), the nearest first.
    distances = np.empty((len(asked), 0), dtype=np.float32)
    nearest = np.empty((len(asked), 0), dtype=np.int64)
    for start in range(0, len(matrix), BLOCK):
        block = unit_rows(matrix[start : start + BLOCK])
        new, rows = faiss.knn(queries, block, min(k, len(block)))
        distances, nearest = np.hstack([distances, new]), np.hstack([nearest, rows + start])
        best = np.argsort(distances, axis=1, kind="stable")[:, :k]
        distances, nearest = np.take_along_axis(distances, best, 1), np.take_along_axis(nearest, best, 1)
    return nearest


class Nearest:
    """Vectors of one or more sources, ready to be asked.

    Args:
        vectors: a source's vectors.
    """

    def __init__(self, vectors: Mapping[str, ItemVectors]) -> None:
        self._units: dict[str, Matrix] = {}
        self._known: dict[str, npt.NDArray[np.bool_]] = {}
        self._short: dict[str, faiss.Index] = {}
        for name, source in vectors.items():
            self._add(name, source)

    def _add(self, name: str, source: ItemVectors) -> None:
        unit = unit_rows(source.matrix)
        self._units[name], self._known[name] = unit, source.known
        if unit.size > SMALL:
            self._short[name] = _first_look(unit)

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
        if short is None:
            rows, similar = np.delete(np.arange(len(unit)), item), np.delete(unit @ unit[item], item)
            best = _top(similar, k)
        else:
            asked = min(FIRST_LOOK * (k + 1), len(unit))
            rows = short.search(unit[item : item + 1], asked)[1][0]
            rows = rows[(rows >= 0) & (rows != item)]
            similar = unit[rows] @ unit[item]
            best = np.lexsort((rows, -similar))[:k]
        return [(int(rows[place]), round(float(similar[place]), 6)) for place in best]


def _top(values: Matrix, k: int) -> Int64:
    """Places of the k largest values, the largest first; equal ones by place."""
    if len(values) > 4 * k:
        least = np.partition(values, len(values) - k)[len(values) - k] if k else np.inf
        places = np.flatnonzero(values >= least)
    else:
        places = np.arange(len(values))
    return np.asarray(places[np.lexsort((places, -values[places]))][:k])


def _first_look(unit: Matrix) -> faiss.Index:
    """Vectors shortened by principal components, in half precision: a quick first look at many of them.

    Its candidates are compared whole afterwards. faiss could do that too (`RFlat`), but from a second copy of all
    vectors, and without the order by number among equally near ones.
    """
    rows = np.linspace(0, len(unit) - 1, min(SAMPLE, len(unit))).astype(np.int64)
    index = faiss.index_factory(unit.shape[1], f"PCA{min(SHORT, unit.shape[1])},SQfp16")
    index.train(np.ascontiguousarray(unit[rows]))
    for start in range(0, len(unit), BLOCK):
        index.add(unit[start : start + BLOCK])
    return index
