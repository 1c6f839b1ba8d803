"""A table that is looked at piece by piece, and the view of it that somebody filters and sorts. No drawing here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Texts = tuple[str | None, ...]
"""The cells of a row as raw text; None is a null."""
Stopped = Callable[[], bool]


@dataclass(frozen=True)
class FrameColumn:
    """A column: its name, and whether it holds figures (right-aligned)."""

    name: str
    right: bool = False


class FilterError(Exception):
    """A filter that cannot be understood; the message is for the person who typed it."""


class RowSource(Protocol):
    """A table that is looked at piece by piece; raw texts, nothing made safe."""

    @property
    def columns(self) -> tuple[FrameColumn, ...]:
        """What stands in a row."""

    @property
    def height(self) -> int:
        """Rows of this view."""

    @property
    def total(self) -> int:
        """Rows before any filter."""

    def slice(self, start: int, count: int) -> list[Texts]:
        """Some rows of this view; at most a few milliseconds for a screenful."""

    def filtered(self, text: str, stopped: Stopped) -> RowSource | None:
        """All rows that a filter keeps, in the table's own order; "" keeps all. Blocks; None where it was stopped."""

    def ordered(self, column: int, descending: bool, stopped: Stopped) -> RowSource | None:
        """The rows of this view by a column, stable, nulls last. Blocks; None where it was stopped."""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to see of a table."""

    text: str = ""
    column: int | None = None
    descending: bool = False

    def sorted_by(self, column: int) -> Wish:
        """The next of ascending, descending, unsorted."""
        if self.column != column:
            return Wish(self.text, column)
        return Wish(self.text) if self.descending else Wish(self.text, column, True)


@dataclass(frozen=True)
class Found:
    """What a search found, or why it found nothing."""

    number: int
    kept: RowSource | None = None
    rows: RowSource | None = None
    error: str = ""


Search = Callable[[Stopped], Found | None]
"""Blocks until something is found; None where it was stopped."""


class FrameView:
    """The rows of a table under a filter and an order; only the newest wish counts.

    Attributes:
        rows: What is seen.
        seen: The wish that it answers.
        wish: The wish that is worked on; `seen` where nothing is.
        error: Why the last wish came to nothing.
    """

    def __init__(self, rows: RowSource | None = None) -> None:
        self.rows = self._all = self._kept = rows
        self.seen = self.wish = Wish()
        self.error = ""
        self._number = 0
        self._stop = threading.Event()

    @property
    def height(self) -> int:
        """Rows that are seen."""
        return self.rows.height if self.rows is not None else 0

    @property
    def total(self) -> int:
        """Rows of the table."""
        return self._all.height if self._all is not None else 0

    def stop(self) -> None:
        """End what is searched for; its answer will not be taken."""
        self._stop.set()
        self._stop = threading.Event()
        self._number += 1

    def ask(self, wish: Wish) -> Search | None:
        """Wish for something else; the older search is stopped. None where the answer is at hand, in `rows`."""
        self.stop()
        self.wish, self.error = wish, ""
        everything, kept = self._all, self._kept if wish.text == self.seen.text else None
        if everything is None or wish == self.seen:
            self.seen = wish
            return None
        if not wish.text:
            kept = everything
        if kept is not None and wish.column is None:
            self._settle(kept, kept)
            return None
        number, stop = self._number, self._stop

        def search(cancelled: Stopped) -> Found | None:
            def stopped() -> bool:
                return stop.is_set() or cancelled()

            return _search(everything, kept, wish, number, stopped)

        return search

    def take(self, found: Found) -> bool:
        """Take an answer over, unless somebody wished for something else since; False then."""
        if found.number != self._number:
            return False
        if found.kept is not None and found.rows is not None:
            self._settle(found.kept, found.rows)
        else:
            self.error, self.wish = found.error or "not understood", self.seen
        return True

    def _settle(self, kept: RowSource, rows: RowSource) -> None:
        self._kept, self.rows, self.seen = kept, rows, self.wish


def _search(everything: RowSource, kept: RowSource | None, wish: Wish, number: int, stopped: Stopped) -> Found | None:
    try:
        found = kept if kept is not None else everything.filtered(wish.text, stopped)
        rows = found
        if found is not None and wish.column is not None:
            rows = found.ordered(wish.column, wish.descending, stopped)
    except FilterError as error:
        return Found(number, error=str(error))
    except BaseException as error:  # a panic of Polars is no Exception; no search may look as if it went on for ever
        return Found(number, error=f"{type(error).__name__}: {error}")
    return None if rows is None else Found(number, found, rows)
