"""Tables for FrameTable: a data frame, and the interactions of a data set. Views keep row numbers, never copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import polars as pl

from eagertui.widgets.table.cell_texts import sort_key, texts
from eagertui.widgets.table.frame_view import FrameColumn, Stopped, Texts
from eagertui.widgets.table.row_filter import Condition, Literal, Mask, parse

CHUNK = 50_000
"""Rows that are filtered between two looks at `stopped`."""
Numbers = np.ndarray[Any, np.dtype[Any]]
Finder = Callable[[Numbers, Numbers, Numbers], Mask]
"""Tells from users, places and items which rows are kept."""


class Lists(Protocol):
    """Lists of item numbers one after the other: `core.data`'s Sequences."""

    @property
    def items(self) -> np.ndarray[Any, np.dtype[np.int32]]:
        """All item numbers."""

    @property
    def offsets(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Where each list starts, one more than there are lists."""


def _numbers(mask: Mask, start: int) -> Numbers:
    """The numbers of the rows that are kept, half the size that numpy gives them."""
    return (np.flatnonzero(mask) + start).astype(np.uint32)


def _order(keys: pl.Series, descending: bool) -> Numbers:
    by = pl.arg_sort_by("key", descending=descending, nulls_last=True, maintain_order=True)
    return keys.to_frame("key").select(by).to_series().to_numpy()


def _ranks(values: pl.Series) -> pl.Series:
    return sort_key(values).rank("dense")


def _answers(frame: pl.DataFrame, wanted: Literal | Condition, stopped: Stopped) -> Mask | None:
    """Which rows of a frame a filter is about, its `!` aside; None where it was stopped."""
    found = []
    for start in range(0, max(1, frame.height), CHUNK):
        if stopped():
            return None
        part = frame.slice(start, CHUNK)
        if isinstance(wanted, Condition):
            found.append(wanted.mask(part.select(wanted.needs)))
        else:
            mask = np.zeros(part.height, np.bool_)
            for column in part:
                mask |= wanted.mask(texts(column))
            found.append(mask)
    return np.concatenate(found)


def _looked_up(answers: Mask | None, which: int) -> Finder | None:
    return None if answers is None else lambda *numbers: answers[numbers[which]]


class FrameRows:
    """A data frame as a table.

    Args:
        frame: the table.
        columns: the columns that are shown; a condition may name the others too.
    """

    def __init__(self, frame: pl.DataFrame, columns: Sequence[str] | None = None) -> None:
        self._frame = frame
        self._shown = list(columns if columns is not None else frame.columns)
        self._index: Numbers | None = None  # None: every row
        self.columns = tuple(FrameColumn(name, frame.schema[name].is_numeric()) for name in self._shown)

    @property
    def height(self) -> int:
        """Rows of this view."""
        return self._frame.height if self._index is None else len(self._index)

    @property
    def total(self) -> int:
        """Rows before any filter."""
        return self._frame.height

    def slice(self, start: int, count: int) -> list[Texts]:
        """Some rows of this view as texts."""
        part = self._frame.select(self._shown)
        part = part.slice(start, count) if self._index is None else part[self._index[start : start + count]]
        return list(zip(*(texts(column).to_list() for column in part), strict=True)) if self._shown else []

    def filtered(self, text: str, stopped: Stopped) -> FrameRows | None:
        """All rows that a filter keeps, in the frame's own order."""
        wanted = parse(text, self._frame.columns)
        if wanted is None:
            return self._view(None)
        plain = isinstance(wanted, Literal)
        mask = _answers(self._frame.select(self._shown) if plain else self._frame, wanted, stopped)
        if mask is None or stopped():
            return None
        return self._view(_numbers(mask ^ (isinstance(wanted, Literal) and wanted.inverted), 0))

    def ordered(self, column: int, descending: bool, stopped: Stopped) -> FrameRows | None:
        """The rows of this view by a column."""
        if stopped():
            return None
        keys = sort_key(self._frame[self._shown[column]])
        order = _order(keys if self._index is None else keys[self._index], descending)
        return None if stopped() else self._view(order if self._index is None else self._index[order])

    def _view(self, index: Numbers | None) -> FrameRows:
        view = FrameRows(self._frame, self._shown)
        view._index = index
        return view


class InteractionRows:
    """Who took what: one row an interaction, made of users, items and numbers as it is looked at.

    Args:
        users: ids as text; the position is the user number.
        items: `item_id` first of all, `title` where there is one; the position is the item number.
        sequences: each user's item numbers, oldest first.

    A condition may name the other columns of the items too.
    """

    NAMES = ("user", "pos", "item", "title")

    def __init__(self, users: pl.Series, items: pl.DataFrame, sequences: Lists) -> None:
        self._users = users.alias("user")
        title = pl.col("title") if "title" in items.columns else pl.lit(None, pl.String).alias("title")
        others = [name for name in items.columns if name not in (*self.NAMES, "item_id")]
        self._items = items.select(pl.col("item_id").alias("item"), title, *others)
        self._numbers, self._offsets = sequences.items, sequences.offsets
        self._index: Numbers | None = None
        self.columns = tuple(FrameColumn(name, name == "pos") for name in self.NAMES)

    @property
    def height(self) -> int:
        """Rows of this view."""
        return self.total if self._index is None else len(self._index)

    @property
    def total(self) -> int:
        """Rows before any filter."""
        return len(self._numbers)

    def slice(self, start: int, count: int) -> list[Texts]:
        """Some rows of this view as texts."""
        stop = min(start + count, self.height)
        rows = np.arange(start, stop) if self._index is None else self._index[start:stop].astype(np.int64)
        owners, places = self._owners_of(rows)
        items = self._items.select("item", "title")[self._numbers[rows]]
        return list(
            zip(
                texts(self._users[owners]).to_list(),
                map(str, places.tolist()),
                texts(items["item"]).to_list(),
                texts(items["title"]).to_list(),
                strict=True,
            )
        )

    def filtered(self, text: str, stopped: Stopped) -> InteractionRows | None:
        """All rows that a filter keeps, in the users' order."""
        wanted = parse(text, ["user", "pos", *self._items.columns])
        if wanted is None:
            return self._view(None)
        find = self._finder(wanted, stopped)
        if find is None:
            return None
        found = []
        for start in range(0, max(1, self.total), CHUNK):
            if stopped():
                return None
            stop = min(start + CHUNK, self.total)
            owners, places = self._owners(start, stop)
            found.append(_numbers(find(owners, places, self._numbers[start:stop]), start))
        return None if stopped() else self._view(np.concatenate(found))

    def _finder(self, wanted: Literal | Condition, stopped: Stopped) -> Finder | None:
        """Answers for whole users and items are found once; only a condition on both looks at each row's values."""
        if isinstance(wanted, Literal):
            longest = pl.DataFrame({"pos": np.arange(np.diff(self._offsets).max(initial=0))})
            if (users := _answers(self._users.to_frame(), wanted, stopped)) is None:
                return None
            if (items := _answers(self._items.select("item", "title"), wanted, stopped)) is None:
                return None
            if (places := _answers(longest, wanted, stopped)) is None:
                return None
            return lambda owner, place, item: (users[owner] | places[place] | items[item]) ^ wanted.inverted
        for which, frame in ((0, self._users.to_frame()), (2, self._items)):
            if set(wanted.needs) <= set(frame.columns):
                return _looked_up(_answers(frame, wanted, stopped), which)

        def look(owner: Numbers, place: Numbers, item: Numbers) -> Mask:
            named = [name for name in wanted.needs if name in self._items.columns]
            columns = self._items.select(named)[item].get_columns() if named else []
            return wanted.mask(pl.DataFrame([*columns, self._users[owner], pl.Series("pos", place)]))

        return look

    def ordered(self, column: int, descending: bool, stopped: Stopped) -> InteractionRows | None:
        """The rows of this view by a column: users and items are ranked once, rows by their ranks."""
        if stopped():
            return None
        name = self.NAMES[column]
        numbers = self._numbers if self._index is None else self._numbers[self._index]
        if name in ("item", "title"):
            keys = _ranks(self._items[name])[numbers]
        else:
            owners, places = self._owners(0, self.total) if self._index is None else self._owners_of(self._index)
            keys = pl.Series(places) if name == "pos" else _ranks(self._users)[owners]
        if stopped():
            return None
        order = _order(keys, descending)
        return None if stopped() else self._view(order if self._index is None else self._index[order])

    def _owners(self, start: int, stop: int) -> tuple[Numbers, Numbers]:
        """The users, and the places in their lists, of a stretch of all rows."""
        rows = np.arange(start, stop)
        if start == stop:
            return rows, rows
        first, last = np.searchsorted(self._offsets, (start, stop - 1), side="right") - 1
        lengths = np.diff(self._offsets[first : last + 2].clip(start, stop))
        owners = np.repeat(np.arange(first, last + 1), lengths)
        return owners, rows - self._offsets[owners]

    def _owners_of(self, rows: Numbers) -> tuple[Numbers, Numbers]:
        """The users, and the places in their lists, of any rows."""
        owners = np.searchsorted(self._offsets, rows, side="right") - 1
        return owners, rows - self._offsets[owners]

    def _view(self, index: Numbers | None) -> InteractionRows:
        view = InteractionRows.__new__(InteractionRows)
        view.__dict__ = {**self.__dict__, "_index": index}
        return view
