"""A free code for a new item: under the nearest prefix that has room, no existing code moved.

Works for every index, however its codes were made, for it asks only what lies under a branch: at each level the
nearest of the existing branches, by the distance to the mean vector of its items; at the last level the free code
whose usual step away from the levels before fits best. Only codes that training has seen under some prefix are
preferred at the last level, for the model knows no others. Where every item's last code is its own, a new item gets the
next that nobody has, and there is always one more.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from core.index.table import ItemIndex

Matrix = npt.NDArray[np.float32]
Prefix = tuple[int, ...]

SAMPLE = 200_000
"""Items that the mean steps of the last level are taken from, at most."""


@dataclass(frozen=True)
class Space:
    """The vectors of one source as `core.index.build.centred` sees them, without a copy.

    Attributes:
        matrix: as stored; shape (items, dim).
        scale: what makes each row one of unit length; shape (items,).
        mean: of these; shape (dim,).
    """

    matrix: Matrix
    scale: Matrix
    mean: Matrix

    @staticmethod
    def of(matrix: Matrix) -> Space:
        """The space of a base's vectors."""
        lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix))
        scale = (1.0 / np.maximum(lengths, 1e-9)).astype(np.float32)
        return Space(matrix, scale, np.asarray(scale @ matrix / max(len(matrix), 1), dtype=np.float32))

    def unit(self, rows: npt.NDArray[np.integer]) -> Matrix:
        """Some of the base's rows, of unit length."""
        return np.asarray(self.matrix[rows] * self.scale[rows, None], dtype=np.float32)

    def centred(self, vectors: Matrix) -> Matrix:
        """Vectors that are not the base's, around the base's mean."""
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return np.asarray(unit - self.mean, dtype=np.float32)

    def means(self, members: npt.NDArray[np.integer], bounds: npt.NDArray[np.integer]) -> Matrix:
        """Mean of each group of the base's items, centred: `members[bounds[g]:bounds[g + 1]]`; (groups, dim)."""
        share = np.repeat(1.0 / np.diff(bounds), np.diff(bounds)).astype(np.float32)
        mixing = sparse.csr_array(
            (self.scale[members] * share, members, bounds), shape=(len(bounds) - 1, len(self.matrix))
        )
        return np.asarray(mixing @ self.matrix - self.mean, dtype=np.float32)


@dataclass(frozen=True)
class _Branches:
    """What lies below a prefix: codes, where each one's items lie in `Places.order`, and their means."""

    codes: list[int]
    bounds: npt.NDArray[np.int64]
    means: Matrix
    square: Matrix


class Places:
    """The free codes of an index, given out one by one.

    Args:
        index: the base.
        taken: codes of items that came later, removed ones too; shape (items, levels).
        spaces: the base's vectors, by source; a level whose source is missing goes by `semantic`, else by any.
    """

    def __init__(self, index: ItemIndex, taken: npt.NDArray[np.int32], spaces: Mapping[str, Space]) -> None:
        any_source = "semantic" if "semantic" in spaces else next(iter(spaces))
        self.sources = tuple(source if source in spaces else any_source for source in index.sources)
        self.index, self.spaces = index, spaces
        self.order = np.lexsort(index.codes.T[::-1])
        self.sorted = index.codes[self.order]
        self.later: dict[Prefix, set[int]] = {}
        for *prefix, code in taken.tolist():
            self.later.setdefault(tuple(prefix), set()).add(code)
        self.full: set[Prefix] = set()
        self.branches: dict[Prefix, _Branches] = {}
        self.free: dict[Prefix, npt.NDArray[np.bool_]] = {}
        # Levels of the last source: what they say of an item together is the sum of their steps.
        self.last_levels = [level for level, source in enumerate(self.sources) if source == self.sources[-1]]
        self.steps = self._mean_steps()
        self.unused = np.bincount(index.codes[:, -1], minlength=index.widths[-1]) == 0
        had = {*index.codes[:, -1].tolist(), *(codes[-1] for codes in taken.tolist())} if index.own else set()
        self.next_own = (code for code in itertools.count() if code not in had)

    def take(self, vectors: Mapping[str, Matrix]) -> Prefix | None:
        """The code of one new item, which then is taken; None where no prefix has room.

        Under no prefix but the empty one nothing is free: the model has never seen a first code that no item has.

        Args:
            vectors: centred, by source; each of shape (dim,).
        """
        return self._seat((), 0, len(self.order), vectors) if len(self.sources) > 1 else None

    def _seat(self, prefix: Prefix, start: int, end: int, vectors: Mapping[str, Matrix]) -> Prefix | None:
        if prefix in self.full:
            return None
        depth = len(prefix)
        if depth == len(self.sources) - 1:
            return self._last(prefix, start, end, vectors[self.sources[-1]])
        below = self._below(prefix, start, end)
        distance = below.square - 2.0 * (below.means @ vectors[self.sources[depth]])
        for branch in np.argsort(distance, kind="stable"):
            first, after = start + int(below.bounds[branch]), start + int(below.bounds[branch + 1])
            code = self._seat((*prefix, below.codes[branch]), first, after, vectors)
            if code is not None:
                return code
        self.full.add(prefix)
        return None

    def _below(self, prefix: Prefix, start: int, end: int) -> _Branches:
        if prefix not in self.branches:
            depth = len(prefix)
            codes, first = np.unique(self.sorted[start:end, depth], return_index=True)
            bounds = np.append(first, end - start).astype(np.int64)
            means = self.spaces[self.sources[depth]].means(self.order[start:end], bounds)
            self.branches[prefix] = _Branches(codes.tolist(), bounds, means, np.square(means).sum(axis=1))
        return self.branches[prefix]

    def _last(self, prefix: Prefix, start: int, end: int, vector: Matrix) -> Prefix | None:
        if self.index.own:  # under any prefix the same ones are free
            return (*prefix, next(self.next_own))
        if prefix not in self.free:
            free = np.ones(self.index.widths[-1], dtype=bool)
            free[self.sorted[start:end, -1]] = False
            free[list(self.later.get(prefix, ()))] = False
            self.free[prefix] = free
        free = self.free[prefix]
        if not free.any():
            self.full.add(prefix)
            return None
        rest = vector - sum(self.steps[place][prefix[level]] for place, level in enumerate(self.last_levels[:-1]))
        distance = np.square(self.steps[-1] - rest).sum(axis=1)
        distance[self.unused] += distance.max() + 1.0
        code = int(np.argmin(np.where(free, distance, np.inf)))
        free[code] = False
        return (*prefix, code)

    def _mean_steps(self) -> list[Matrix]:
        """What each code of the last source means on the average, level by level; each of shape (width, dim)."""
        items = np.arange(0, len(self.order), max(1, -(-len(self.order) // SAMPLE)))
        space = self.spaces[self.sources[-1]]
        residual = space.unit(items) - space.mean
        books = []
        for level in self.last_levels:
            codes, width = self.index.codes[items, level], self.index.widths[level]
            count = np.maximum(np.bincount(codes, minlength=width), 1)
            sums = sparse.csr_array(
                (np.ones(len(items), np.float32), (codes, np.arange(len(items)))), (width, len(items))
            )
            books.append(np.asarray((sums @ residual) / count[:, None], dtype=np.float32))
            residual -= books[-1][codes]
        return books
