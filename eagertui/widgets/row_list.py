"""A list of one-line rows that are drawn to fit, and redrawn when the width changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.events import Resize
from textual.widgets import OptionList
from textual.widgets.option_list import Option


@dataclass(frozen=True)
class Row:
    """A line of a list.

    Args:
        id: tells it from the others; the cursor stays on it when the list changes.
        draw: gives the line for a width in cells.
    """

    id: str
    draw: Callable[[int], Content]


class RowList(OptionList):
    """One line a row; the cursor follows its row, not its place."""

    DEFAULT_CSS = """
    RowList { height: 1fr; padding: 0; border: none; background: transparent; text-wrap: nowrap; }
    RowList:focus { border: none; background-tint: $foreground 0%; }
    RowList > .option-list--option { padding: 0; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes, markup=False)
        self._rows: tuple[Row, ...] = ()

    @property
    def current(self) -> str | None:
        """The id of the row under the cursor."""
        index = self.highlighted
        return self._rows[index].id if index is not None and index < len(self._rows) else None

    def row_at(self, index: int) -> str:
        """The id of a row by its place."""
        return self._rows[index].id

    def go_to(self, row_id: str) -> None:
        """Put the cursor on a row, if it is there."""
        for index, row in enumerate(self._rows):
            if row.id == row_id:
                self.highlighted = index

    def show(self, rows: Sequence[Row]) -> None:
        """Show these rows instead."""
        new, old, current = tuple(rows), self._rows, self.current
        self._rows = new
        if [r.id for r in new] == [r.id for r in old] and self.option_count == len(new):
            self._redraw()
            return
        width = self.scrollable_content_region.width or self.app.size.width  # not laid out yet: cut off in this frame
        self.set_options([Option(row.draw(width)) for row in new])
        ids = [row.id for row in new]
        if new:
            self.highlighted = ids.index(current) if current in ids else 0
        self.call_after_refresh(self._redraw)  # a scrollbar may have come and taken room

    def on_mount(self) -> None:
        """Draw again when a scrollbar comes or goes: no event tells of the room that it takes."""
        self.watch(self, "show_vertical_scrollbar", self._redraw_later, init=False)

    def _redraw_later(self) -> None:
        self.call_after_refresh(self._redraw)

    def _redraw(self) -> None:
        width = self.scrollable_content_region.width
        for index, row in enumerate(self._rows):
            drawn, shown = row.draw(width), self.get_option_at_index(index).prompt
            if not (isinstance(shown, Content) and drawn.is_same(shown)):
                self.replace_option_prompt_at_index(index, drawn)

    def on_resize(self, event: Resize) -> None:
        """Draw again for the new width."""
        self._redraw()
