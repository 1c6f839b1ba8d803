"""The code tree's inner nodes as one table: what lies under every prefix, quickly, at millions of items.

Needs numpy and polars alone: the screens use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import DataError
from core.index.prefixes import prefix_starts, sorted_by_code

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

TABLE, ORDER = "branches.parquet", "order.npy"
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "depth": pl.UInt8, "code": pl.Int32, "parent": pl.Int32, "first": pl.Int32, "items": pl.Int32, "rows": pl.Int64,
    "words": pl.List(pl.String),
}  # fmt: skip


@dataclass(frozen=True)
class BranchTable:
    """All branches, breadth first, the children of a branch in a row; row 0 is the root.

    A code of full length names an item and is no branch, so the depths are 0 ... levels - 1.
    Make it with `build` or `load`.

    Attributes:
        depth: codes that lead to the branch; the root's is 0.
        code: the last of them; -1 at the root.
        parent: its row; -1 at the root.
        first: where its items start in `order`.
        size: how many items it has.
        rows: training interactions of its items.
        order: item numbers, sorted by code; items with one code by number.
        labels: the words of every branch, lists of text.
    """

    depth: npt.NDArray[np.uint8]
    code: Int32
    parent: Int32
    first: Int32
    size: Int32
    rows: Int64
    order: Int32
    labels: pl.Series

    @staticmethod
    def build(codes: Int32, rows_per_item: npt.ArrayLike, words: Sequence[Sequence[str]] | None = None) -> BranchTable:
        """Find the branches of an index.

        Args:
            codes: shape (items, levels).
            rows_per_item: training interactions of every item; shape (items,).
            words: words of every branch in the order of the rows; None = not known yet.
        """
        items, levels = codes.shape
        order = sorted_by_code(codes)
        ranked = codes[order]
        # Depth by depth, the root first: where each branch's items start in the order, its last code, its parent's row.
        starts = [np.zeros(1, dtype=np.int64)]
        last_codes = [np.full(1, -1, dtype=np.int32)]
        parents = [np.full(1, -1, dtype=np.int64)]
        offset = 0
        for level, new in enumerate(prefix_starts(ranked[:, : levels - 1])):
            starts.append(np.flatnonzero(new))
            last_codes.append(ranked[starts[-1], level])
            parents.append(offset + np.searchsorted(starts[-2], starts[-1], side="right") - 1)
            offset += len(starts[-2])
        sizes = [np.diff(np.append(start, items)) for start in starts]
        first, size = np.concatenate(starts), np.concatenate(sizes)
        before = np.concatenate([[0], np.cumsum(np.asarray(rows_per_item, dtype=np.int64)[order])])
        depth = np.repeat(np.arange(len(starts)), [len(start) for start in starts])
        labels = words if words is not None else [()] * len(depth)
        if len(labels) != len(depth):
            raise ValueError(f"words of {len(labels)} branches for {len(depth)}")
        return BranchTable(
            depth.astype(np.uint8),
            np.concatenate(last_codes).astype(np.int32),
            np.concatenate(parents).astype(np.int32),
            first.astype(np.int32),
            size.astype(np.int32),
            before[first + size] - before[first],
            order,
            pl.Series("words", [list(row) for row in labels], dtype=SCHEMA["words"]),
        )

    def with_words(self, words: Sequence[Sequence[str]]) -> BranchTable:
        """The same branches with other words, one list a row."""
        if len(words) != len(self):
            raise ValueError(f"words of {len(words)} branches for {len(self)}")
        labels = pl.Series("words", [list(row) for row in words], dtype=SCHEMA["words"])
        return replace(self, labels=labels)

    def grown(self, codes: Int32) -> BranchTable:
        """The same branches with more items: rows, words and interactions stay, for no training row names a new item.

        Args:
            codes: of all items, those of this table first; shape (items, levels).

        Raises:
            ValueError: a new item stands under a prefix that is not there.
        """
        old, levels = len(self.order), self.levels
        more = codes[old:]
        size, row = self.size.astype(np.int64), np.zeros(len(more), dtype=np.int64)
        places = _key(self.parent[1:], self.code[1:])  # ascending, as the rows stand
        size[0] += len(more)
        for level in range(levels - 1):
            wanted = _key(row, more[:, level])
            row = 1 + np.searchsorted(places, wanted)
            if (row > len(places)).any() or (places[row - 1] != wanted).any():
                raise ValueError("a new item stands under a prefix that the index has not")
            size += np.bincount(row, minlength=len(self))
        deepest = np.flatnonzero(self.depth == levels - 1)
        ranked = _key(np.repeat(deepest, self.size[deepest]), codes[self.order, -1])
        new = _key(row, more[:, -1])
        turn = np.argsort(new, kind="stable")
        order = np.insert(self.order, np.searchsorted(ranked, new[turn], side="right"), old + turn)
        first = np.cumsum(size) - size - self.depth * np.int64(len(codes))  # every depth holds all items
        return replace(self, first=first.astype(np.int32), size=size.astype(np.int32), order=order.astype(np.int32))

    def save(self, folder: Path) -> None:
        """Write `branches.parquet` and `order.npy` into an existing folder."""
        columns: dict[str, Any] = {
            "depth": self.depth, "code": self.code, "parent": self.parent, "first": self.first, "items": self.size,
            "rows": self.rows, "words": self.labels,
        }  # fmt: skip
        pl.DataFrame(columns, schema=SCHEMA).write_parquet(folder / TABLE)
        np.save(folder / ORDER, self.order)

    @staticmethod
    def load(folder: Path) -> BranchTable:
        """Read what `save` wrote.

        Raises:
            DataError: a file is missing or damaged, or the two do not fit together.
        """
        try:
            table = pl.read_parquet(folder / TABLE, glob=False)
            order = np.load(folder / ORDER, allow_pickle=False)
            if dict(table.schema) != SCHEMA:
                raise ValueError("other columns")
            depth, code, parent, first, items, rows = (table[name].to_numpy() for name in list(SCHEMA)[:6])
            read = BranchTable(depth, code, parent, first, items, rows, order, table["words"])
            read._check()
        except (OSError, ValueError, EOFError, pl.exceptions.PolarsError) as error:
            raise DataError(
                f"{folder}: the branches of the index cannot be read ({error})", "train again with --new"
            ) from error
        return read

    def _check(self) -> None:
        """Refuse tables that would lead a reader astray; a few passes over the arrays."""
        count, items = len(self), len(self.order)
        whole = self.order.ndim == 1 and self.order.dtype == np.int32
        if not whole or (items and (self.order.min() < 0 or self.order.max() >= items)):
            raise ValueError("the order names items that are not there")
        if (np.bincount(self.order, minlength=items) != 1).any():
            raise ValueError("the order names an item twice")
        if not count or self.depth[0] or self.parent[0] != -1 or self.first[0] or self.size[0] != items:
            raise ValueError("no root")
        parent, row = self.parent[1:], np.arange(1, count)
        if not ((parent >= 0) & (parent < row)).all() or (np.diff(parent) < 0).any():
            raise ValueError("branches without a parent before them")
        start, end = self.first[1:].astype(np.int64), self.first[1:].astype(np.int64) + self.size[1:]
        if (start < self.first[parent]).any() or (end > self.first[parent].astype(np.int64) + self.size[parent]).any():
            raise ValueError("a branch has items that its parent has not")
        if (self.size[1:] < 1).any() or (self.depth[1:] != self.depth[parent] + 1).any():
            raise ValueError("an empty branch, or one at a wrong depth")
        if ((np.diff(self.code[1:]) <= 0) & (np.diff(parent) == 0)).any():
            raise ValueError("two branches under one prefix are out of order")

    def __len__(self) -> int:
        return len(self.depth)

    @property
    def levels(self) -> int:
        """Codes an item: one more than the deepest branch has."""
        return int(self.depth[-1]) + 1

    def children(self, branch: int) -> range:
        """Rows of the branches directly below; empty where only items are."""
        first, after = self.parent.searchsorted(np.array([branch, branch + 1], dtype=np.int32))
        return range(int(first), int(after))

    def items(self, branch: int, offset: int = 0, limit: int | None = None) -> Int32:
        """Numbers of a branch's items in the order of their codes, a page of them where asked."""
        start, size = int(self.first[branch]), int(self.size[branch])
        begin = min(max(offset, 0), size)
        end = size if limit is None else min(begin + max(limit, 0), size)
        return self.order[start + begin : start + end]

    def find(self, prefix: Sequence[int]) -> int:
        """The row of a prefix; -1 where no item has it or it is a whole code."""
        branch = 0
        for code in prefix:
            branch = self.child(branch, code)
            if branch < 0:
                return -1
        return branch

    def child(self, branch: int, code: int) -> int:
        """The row directly below a branch with a code; -1 where there is none."""
        if not 0 <= code < 1 << 31:
            return -1
        below = self.children(branch)
        place = below.start + int(self.code[below.start : below.stop].searchsorted(np.int32(code)))
        return place if place < below.stop and self.code[place] == code else -1

    def path(self, branch: int) -> list[int]:
        """The rows from the root down to a branch."""
        rows = [branch]
        while (parent := int(self.parent[rows[-1]])) >= 0:
            rows.append(parent)
        return rows[::-1]

    def words(self, branch: int) -> list[str]:
        """The words of a branch; empty where none are known."""
        return list(self.labels[branch])


def _key(rows: npt.ArrayLike, codes: Int32) -> Int64:
    """One number for a row and a code below it, in the order of both."""
    return (np.asarray(rows, dtype=np.int64) << 32) + codes
