"""Lists of item numbers as two arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Int32 = np.ndarray[Any, np.dtype[np.int32]]
Int64 = np.ndarray[Any, np.dtype[np.int64]]
TAKEN = 1 << 16
"""Lists that are copied at a time."""


def row_blocks(rows: int, columns: int, cells: int, most: int | None = None) -> Iterator[slice]:
    """Rows of a matrix in blocks of at most so many cells, for scores that are never there all at once.

    Args:
        rows: Of the matrix.
        columns: Of it, e.g. items.
        cells: Of a block, at most; the smallest block is one row.
        most: Rows of a block, at most; None = any number.
    """
    size = max(1, min(cells // max(1, columns), most or rows))
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


@dataclass(frozen=True)
class Sequences:
    """Lists of item numbers, one after the other in one array.

    Attributes:
        items: All item numbers, int32.
        offsets: Where each list starts, int64, one more than there are lists.
    """

    items: Int32
    offsets: Int64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Int32:
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        return self.items[self.offsets[index] : self.offsets[index + 1]]

    @property
    def lengths(self) -> Int64:
        """The length of every list."""
        return np.diff(self.offsets)

    def take(self, rows: Int32 | Int64, drop_last: Int32 | Int64 | int = 0) -> Sequences:
        """The lists of some rows, in that order, without their last `drop_last` items (one number or one a row)."""
        starts = self.offsets[:-1][rows]
        lengths = np.maximum(self.lengths[rows] - drop_last, 0)
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        items = np.empty(offsets[-1], dtype=np.int32)
        for start in range(0, len(rows), TAKEN):  # block by block, for the places are twice as large as the items
            block = slice(start, start + TAKEN)
            first, last = offsets[start], offsets[min(start + TAKEN, len(rows))]
            places = np.arange(first, last) + np.repeat(starts[block] - offsets[:-1][block], lengths[block])
            items[first:last] = self.items[places]
        return Sequences(items, offsets)
