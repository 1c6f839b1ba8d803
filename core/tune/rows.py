"""Training rows: windows over the users' training sequences in which every item but the first is a target once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.data.arrays import Sequences


@dataclass(frozen=True)
class Rows:
    """Windows of item numbers.

    Attributes:
        windows: the windows, flat.
        first_target: place of each window's first target; 1 but in later windows of a long history.
    """

    windows: Sequences
    first_target: npt.NDArray[np.int64]

    @property
    def targets(self) -> int:
        """Supervised items an epoch."""
        return int((self.windows.lengths - self.first_target).sum())

    def batch(self, rows: npt.NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        """Windows padded on the right with -1, and their first targets."""
        lists = [self.windows[int(row)] for row in rows]
        items = np.full((len(lists), max(map(len, lists))), -1, dtype=np.int64)
        for line, window in zip(items, lists, strict=True):
            line[: len(window)] = window
        return torch.from_numpy(items), torch.from_numpy(self.first_target[rows])


def every_item_rows(train: Sequences, max_history: int) -> Rows:
    """Cut the sequences into windows of at most `max_history` + 1 items.

    Each target counts once an epoch. A history longer than a window goes on in further ones, whose first half is only
    context: there a target has at least half of `max_history` predecessors.
    """
    windows, first = [], []
    stride = max(1, max_history // 2)
    for number in range(len(train)):
        items = train[number]
        if len(items) < 2:
            continue
        windows.append(items[: max_history + 1])
        first.append(1)
        done = max_history + 1
        while done < len(items):
            end = min(done + stride, len(items))
            start = end - max_history - 1
            windows.append(items[start:end])
            first.append(done - start)
            done = end
    offsets = np.concatenate([[0], np.cumsum([len(w) for w in windows], dtype=np.int64)]).astype(np.int64)
    flat = np.concatenate(windows) if windows else np.zeros(0, dtype=np.int32)
    return Rows(Sequences(flat, offsets), np.array(first, dtype=np.int64))
