"""A table of any size: only the rows in sight are fetched and drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.worker import get_current_worker

from eagertui.plain import visible
from eagertui.widgets.draw import Part, clip
from eagertui.widgets.table.columns import GAP, Slot, cell, fit, header_parts, place, row_parts, scrolled
from eagertui.widgets.table.cursor_view import CursorView
from eagertui.widgets.table.frame_view import FilterError, Found, FrameColumn, FrameView, RowSource, Search, Texts, Wish
from eagertui.widgets.table.row_blocks import RowBlocks

__all__ = ["FilterError", "FrameColumn", "FrameTable", "RowSource", "Texts"]

_PARTS = ("header", "column", "faint")


class _Drawing(NamedTuple):
    """What the lines of one frame have in common."""

    width: int = 0
    head: int = 1
    top: int = 0
    slots: Sequence[Slot] = ()
    styles: Mapping[str, Style] = MappingProxyType({})

    def strip(self, parts: Sequence[Part]) -> Strip:
        """A line of pieces that are together as wide as the table."""
        return Strip([Segment(text, self.styles.get(component)) for text, component in parts], self.width)


class FrameTable(CursorView):
    """A virtual table with a header, a cursor row and a cursor column; filters and sorts in a thread."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"frame-table--{part}" for part in _PARTS}
    DEFAULT_CSS = """
    FrameTable {
        & > .frame-table--header { color: $foreground; text-style: bold; }
        & > .frame-table--column { color: $accent; text-style: bold; }
        & > .frame-table--faint { color: $foreground 45%; }
        &:nocolor > .frame-table--column { text-style: bold underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "go_column(-1)", "Column to the left", show=False),
        Binding("right,l", "go_column(1)", "Column to the right", show=False),
        Binding("enter", "select", "Select", show=False),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor came to a row."""

        table: FrameTable
        row: int

        @property
        def control(self) -> FrameTable:
            """The table."""
            return self.table

    @dataclass
    class Selected(Message):
        """A row was chosen with enter or a second click."""

        table: FrameTable
        row: int

        @property
        def control(self) -> FrameTable:
            """The table."""
            return self.table

    @dataclass
    class _Came(Message):
        found: Found

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._view = FrameView()
        self._empty = self._status = ""
        self._blocks = RowBlocks()
        self._column = self._first = 0
        self._drawing = _Drawing()

    # What is shown

    @property
    def rows(self) -> RowSource | None:
        """The view that is shown: filtered, sorted."""
        return self._view.rows

    @property
    def height(self) -> int:
        """Rows of the view."""
        return self._view.height

    @property
    def status(self) -> str:
        """What the border's subtitle says: the rows in sight, what goes on, or what went wrong."""
        return self._status

    @property
    def cursor_row(self) -> int:
        """The number of the row under the cursor."""
        return self._cursor

    @cursor_row.setter
    def cursor_row(self, row: int) -> None:
        self._go_to(row)

    @property
    def row(self) -> Texts | None:
        """The texts of the row under the cursor."""
        return self._blocks.row(self._cursor)

    def copy_text(self) -> str:
        """The row under the cursor, cells parted by tabs; blanks and control characters inside cells are harmless."""
        return "\t".join(visible(" ".join((text or "").splitlines()).replace("\t", " ")) for text in self.row or ())

    def show(self, rows: RowSource | None, empty: str = "") -> None:
        """Show another table, unfiltered and unsorted; where it has no rows, the text that says what to do."""
        self._view.stop()
        self._view = FrameView(rows)
        self._empty = empty
        self._column = self._first = 0
        self._blocks = RowBlocks(rows)
        self._renew()

    def _renew(self) -> None:
        """The view has other rows: begin at the first."""
        self._blocks.use(self._view.rows)
        self._cursor, self._clicked = 0, -1
        self._resize()
        self.scroll_to(y=0, animate=False)
        self._look()
        self.refresh()
        if self._view.height:
            self.post_message(self.Highlighted(self, 0))

    def _resize(self) -> None:
        height = self._view.height
        self.virtual_size = Size(self.size.width, height + self._head if height else 0)

    @property
    def _head(self) -> int:
        return 1 if self.scrollable_content_region.height != 1 else 0  # one line shows a row rather than the header

    def _look(self) -> None:
        """Fetch what is in sight before it is drawn, so that no width changes meanwhile; say where we are."""
        top = self.scroll_offset.y
        self._blocks.fetch(top, min(top + self.page_height, self._view.height))
        status = self._saying(top)
        if status != self._status:
            self._status = status
            self.border_subtitle = Content(status)  # content: a message is no markup

    def _saying(self, top: int) -> str:
        view = self._view
        if view.error:
            return f"! {clip(view.error.partition(chr(10))[0], 200)}"
        if view.wish != view.seen:
            return "filtering …" if view.wish.text != view.seen.text else "sorting …"
        if not view.total:
            return ""
        if not view.height:
            return f"no row of {view.total:,}"
        told = f"{top + 1:,}–{min(top + self.page_height, view.height):,} of {view.height:,}"
        whole = f"{told} (filtered from {view.total:,})" if view.seen.text else told
        return next((text for text in (whole, told) if len(text) <= self._room), f"{top + 1:,} of {view.height:,}")

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch what came into sight."""
        if round(old_value) != round(new_value):
            self._look()
        super().watch_scroll_y(old_value, new_value)

    def on_resize(self, event: Resize) -> None:
        """More or fewer rows and columns are in sight."""
        self._resize()
        self._look()
        self.keep_in_sight()
        self.refresh()

    # Filter and sort, in a thread

    def filter(self, text: str) -> None:
        """Show the rows that match; the old view stays until they are found. Plain text, `!text` or `=EXPR`."""
        text = text.strip()
        if text != self._view.wish.text or self._view.error:
            self._seek(replace(self._view.wish, text=text))

    def sort(self, column: int | None = None) -> None:
        """Sort by a column (the cursor's): ascending, then descending, then not at all."""
        column = self._column if column is None else column
        if 0 <= column < len(self._blocks.needs):
            self._seek(self._view.wish.sorted_by(column))

    def _seek(self, wish: Wish) -> None:
        before = self._view.rows
        search = self._view.ask(wish)
        if search is not None:
            self.run_worker(
                lambda: self._search(search), group="rows", thread=True, exclusive=True, exit_on_error=False
            )
        if self._view.rows is not before:
            self._renew()
        self._look()

    def _search(self, search: Search) -> None:
        worker = get_current_worker()  # cancelled where the table goes away: a thread must not hold up the app's end
        found = search(lambda: worker.is_cancelled)
        if found is not None:
            self.post_message(self._Came(found))

    def on_frame_table__came(self, message: _Came) -> None:
        """Show what was found, unless somebody asked for something else since."""
        message.stop()
        before = self._view.rows
        if self._view.take(message.found):
            if self._view.rows is not before:
                self._renew()
            self._look()

    # The cursor

    def _go_to(self, row: int) -> None:
        row = max(0, min(row, self._view.height - 1))
        old, self._cursor = self._cursor, row
        self.keep_in_sight()
        if row != old:
            self._redraw(old, row)
            self.post_message(self.Highlighted(self, row))

    def keep_in_sight(self) -> None:
        """Scroll to the cursor's row and column."""
        super().keep_in_sight()
        room = self._room
        self._first = scrolled(fit(self._blocks.needs, room, self._blocks.usual), self._first, self._column, room)

    @property
    def _room(self) -> int:
        return self.scrollable_content_region.width

    def _redraw(self, *rows: int) -> None:
        if self._slots() != self._drawing.slots:  # a wider row was fetched
            self.refresh()
            return
        lines = [row - self.scroll_offset.y for row in rows]
        self.refresh(*(Region(0, line + self._head, self._room, 1) for line in lines if 0 <= line < self.page_height))

    def action_go_column(self, columns: int) -> None:
        """Move the cursor by columns; they scroll where they do not fit."""
        self._column = max(0, min(self._column + columns, len(self._blocks.needs) - 1))
        self.keep_in_sight()
        self.refresh()

    def action_select(self) -> None:
        """Choose the row under the cursor."""
        if self._view.height:
            self.post_message(self.Selected(self, self._cursor))

    def on_click(self, event: Click) -> None:
        """Move the cursor; a second click chooses; the header sorts."""
        offset = event.get_content_offset(self)
        if offset is None or not self._view.height or offset.x >= self._room:
            return
        event.stop()
        for slot in self._slots():
            if slot.x <= offset.x < slot.x + slot.width + GAP:
                self._column = slot.column
        if offset.y < self._head:
            self.sort()
            self.refresh()
            return
        row = offset.y - self._head + self.scroll_offset.y
        if row >= self._view.height:
            return
        again, self._clicked = row == self._clicked == self._cursor, row
        self._go_to(row)
        self.refresh()
        if again:
            self.action_select()

    # Drawing

    def _slots(self) -> list[Slot]:
        return place(fit(self._blocks.needs, self._room, self._blocks.usual), self._first, self._room)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in sight; what they have in common is worked out once."""
        styles = {name: self.get_component_rich_style(f"frame-table--{name}") for name in _PARTS}
        styles |= {"cursor": self.get_component_rich_style("cursor-view--cursor"), "": self.rich_style}
        self._drawing = _Drawing(self._room, self._head, self.scroll_offset.y, self._slots(), styles)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line in sight."""
        drawing, view = self._drawing, self._view
        if view.rows is None or not view.total:
            return self._note(self._empty, y)
        if y < drawing.head:
            sort = (view.seen.column, view.seen.descending)
            return drawing.strip(header_parts(view.rows.columns, drawing.slots, drawing.width, self._column, sort))
        if not view.height:
            return self._note("no row matches", y - drawing.head)
        row = y - drawing.head + drawing.top
        texts = self._blocks.row(row)
        if texts is None:
            return drawing.strip([(" " * drawing.width, "")])
        parts = row_parts(texts, view.rows.columns, drawing.slots, drawing.width)
        return drawing.strip([("".join(text for text, _ in parts), "cursor")] if row == self._cursor else parts)

    def _note(self, text: str, y: int) -> Strip:
        width = self._drawing.width
        lines = Content(text).wrap(width) if text and width > 0 else []
        return self._drawing.strip([(cell(lines[y].plain if y < len(lines) else "", width), "faint")])
