"""Lists of item numbers as two arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Int32 = np.ndarray[Any, np.dtype[np.int32]]
Int64 = np.ndarray[Any, np.dtype[np.int64]]


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
        places = np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], lengths)
        return Sequences(self.items[places], offsets)
