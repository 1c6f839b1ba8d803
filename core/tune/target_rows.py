"""Rows of the sequential task: windows over the users' training sequences, in which every target stands once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.data.arrays import Sequences
from core.prompts.render import RenderedRow
from core.prompts.tasks import task_number

SEQUENTIAL = task_number("sequential")
_NOTHING = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class TargetRows:
    """Windows of item numbers.

    Attributes:
        windows: the windows, flat.
        first_target: place of each window's first target; 1 but in later windows of a long history.
        drawn: which items of the windows, flat, a teacher put there; none = all are the users' own.
    """

    windows: Sequences
    first_target: npt.NDArray[np.int64]
    drawn: npt.NDArray[np.bool_] | None = None

    @property
    def targets(self) -> int:
        """Supervised items an epoch."""
        return int((self.windows.lengths - self.first_target).sum())

    @cached_property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Where each row's targets start among all targets; shape (rows + 1,)."""
        return np.concatenate([[0], np.cumsum(self.windows.lengths - self.first_target)]).astype(np.int64)

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """Where each target stands in the flat windows, in the order of `offsets`; shape (targets,)."""
        rows = np.repeat(np.arange(len(self.first_target)), np.diff(self.offsets))
        within = np.arange(self.targets) - self.offsets[rows] + self.first_target[rows]
        places: npt.NDArray[np.int64] = self.windows.offsets[rows] + within
        return places

    def own(self, rows: npt.NDArray[np.integer], length: int) -> npt.NDArray[np.bool_]:
        """Mask of the items that are the users' own, as `batch` lays them out; shape (rows, length)."""
        own = np.ones((len(rows), length), dtype=np.bool_)
        if self.drawn is not None:
            for line, row in zip(own, rows, strict=True):
                drawn = self.drawn[self.windows.offsets[row] : self.windows.offsets[row + 1]]
                line[: len(drawn)] = ~drawn
        return own

    def batch(self, rows: npt.NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        """Windows padded on the right with -1, shape (rows, longest), and their first targets, shape (rows,)."""
        lists = [self.windows[int(row)] for row in rows]
        items = np.full((len(lists), max(map(len, lists))), -1, dtype=np.int64)
        for line, window in zip(items, lists, strict=True):
            line[: len(window)] = window
        return torch.from_numpy(items), torch.from_numpy(self.first_target[rows])


@dataclass(frozen=True)
class SequentialRows:
    """Rows as examples: a frame, the codes of the window's items, nothing between them.

    Attributes:
        rows: the windows.
        item_tokens: token ids of every item's code; shape (items, levels).
        frames: what may stand before a history, as token ids; a row draws one of them.
        end: the token that ends a row; None = none.
    """

    rows: TargetRows
    item_tokens: npt.NDArray[np.int64]
    frames: tuple[tuple[int, ...], ...]
    end: int | None = None

    def __len__(self) -> int:
        return len(self.rows.first_target)

    def lengths(self, rows: npt.NDArray[np.int64], frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Tokens of some rows behind some frames; all (rows,)."""
        frame_tokens = np.array([len(frame) for frame in self.frames], dtype=np.int64)
        codes = self.rows.windows.lengths[rows] * self.item_tokens.shape[1]
        tokens: npt.NDArray[np.int64] = frame_tokens[frames] + codes + (self.end is not None)
        return tokens

    def example(self, row: int, frame: int, with_soft_targets: bool) -> RenderedRow:
        """One row.

        Args:
            row: its number.
            frame: which frame stands before it.
            with_soft_targets: whether teachers were asked about its targets.
        """
        window, first = self.rows.windows[row], int(self.rows.first_target[row])
        frame_tokens, levels = self.frames[frame], self.item_tokens.shape[1]
        end = [] if self.end is None else [self.end]
        # The row: frame, codes of every item, end token; shape (frame + items * levels + end,).
        tokens = np.concatenate([frame_tokens, self.item_tokens[window].reshape(-1), end]).astype(np.int64)
        # Where the code of each target begins, and the mask of all code tokens from the first target on.
        codes = len(frame_tokens) + levels * np.arange(first, len(window), dtype=np.int64)
        targets = np.zeros(len(tokens), dtype=np.bool_)
        targets[codes[0] : len(frame_tokens) + levels * len(window)] = True
        offsets = self.rows.offsets
        soft = np.arange(offsets[row], offsets[row + 1]) if with_soft_targets else _NOTHING
        items = window.astype(np.int64)
        return RenderedRow(tokens, targets, codes, items[first:], SEQUENTIAL, soft, items[:first])


def every_item_rows(train: Sequences, max_history: int) -> TargetRows:
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
    return _rows(windows, first)


def last_item_rows(train: Sequences, max_history: int) -> TargetRows:
    """A row for every target, with at most `max_history` items before it, as LC-Rec (arXiv 2311.09049) has it."""
    windows = [
        items[max(0, end - max_history) : end + 1]
        for number in range(len(train))
        for items in [train[number]]
        for end in range(1, len(items))
    ]
    return _rows(windows, [len(window) - 1 for window in windows])


def _rows(windows: list[npt.NDArray[np.int32]], first: list[int]) -> TargetRows:
    offsets = np.concatenate([[0], np.cumsum([len(w) for w in windows], dtype=np.int64)]).astype(np.int64)
    flat = np.concatenate(windows) if windows else np.zeros(0, dtype=np.int32)
    return TargetRows(Sequences(flat, offsets), np.array(first, dtype=np.int64))
