"""The items below a branch as a table of any length: titles are looked up as they come into sight."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from core.index.lookup import Lookup
from eagertui.places.index.code_tree import short
from eagertui.places.index.item_code import mark
from eagertui.widgets.table.cell_texts import sort_key
from eagertui.widgets.table.frame_view import FrameColumn, Stopped, Texts
from eagertui.widgets.table.row_filter import Condition, Literal, parse

CHUNK = 20_000
"""Items that are filtered between two looks at `stopped`."""
NAMES = ("code", "title", "item")
SINCE = "since"
"""The column that tells what came and went after training, where anything did."""


class ItemRows:
    """The items of a branch in the order of their codes; a filter looks at everything that a row shows.

    Args:
        lookup: the index.
        branch: the branch.
        numbers: the items of this view; None = all that the branch has.
    """

    def __init__(self, lookup: Lookup, branch: int, numbers: npt.NDArray[np.int32] | None = None) -> None:
        self._lookup, self._branch = lookup, branch
        self._names = (*NAMES, SINCE) if lookup.revision else NAMES
        self.columns = tuple(FrameColumn(name) for name in self._names)
        self._all = lookup.branches.items(branch)
        self._numbers = self._all if numbers is None else numbers

    @property
    def height(self) -> int:
        """Items of this view."""
        return len(self._numbers)

    @property
    def total(self) -> int:
        """Items of the branch."""
        return len(self._all)

    def number(self, row: int) -> int:
        """The item of a row."""
        return int(self._numbers[row])

    def slice(self, start: int, count: int) -> list[Texts]:
        """Some rows: the rest of the code, title and id."""
        return self._texts(self._numbers[start : start + count])

    def _texts(self, numbers: npt.NDArray[np.int32]) -> list[Texts]:
        lookup, begin = self._lookup, int(self._lookup.branches.depth[self._branch])
        rows = zip(numbers.tolist(), lookup.index.codes[numbers, begin:].tolist(), strict=True)
        return [
            (
                " ".join(short(begin + at, code) for at, code in enumerate(codes)),
                *(lookup.title(n), lookup.item_id(n)),
                *((mark(lookup, n),) if lookup.revision else ()),
            )
            for n, codes in rows
        ]

    def _frame(self, numbers: npt.NDArray[np.int32]) -> pl.DataFrame:
        return pl.DataFrame(self._texts(numbers), schema=dict.fromkeys(self._names, pl.String), orient="row")

    def filtered(self, text: str, stopped: Stopped) -> ItemRows | None:
        """All items of the branch that a filter keeps."""
        wanted = parse(text, list(self._names))
        if wanted is None:
            return ItemRows(self._lookup, self._branch)
        kept = []
        for start in range(0, max(1, self.total), CHUNK):
            if stopped():
                return None
            numbers = self._all[start : start + CHUNK]
            kept.append(numbers[_mask(self._frame(numbers), wanted)])
        return ItemRows(self._lookup, self._branch, np.concatenate(kept))

    def ordered(self, column: int, descending: bool, stopped: Stopped) -> ItemRows | None:
        """The items of this view by a column; by code is how they stand."""
        texts: list[str | None] = []
        for start in range(0, self.height, CHUNK):
            if stopped():
                return None
            texts += [row[column] for row in self._texts(self._numbers[start : start + CHUNK])]
        keys = sort_key(pl.Series("key", texts, dtype=pl.String)).to_frame()
        by = pl.arg_sort_by("key", descending=descending, nulls_last=True, maintain_order=True)
        return ItemRows(self._lookup, self._branch, self._numbers[keys.select(by).to_series().to_numpy()])


def _mask(frame: pl.DataFrame, wanted: Literal | Condition) -> npt.NDArray[np.bool_]:
    if isinstance(wanted, Condition):
        return wanted.mask(frame.select(wanted.needs))
    mask = np.zeros(frame.height, np.bool_)
    for column in frame:
        mask |= wanted.mask(column)
    return mask ^ wanted.inverted
