"""What the Index place opens over itself as tables: the items of a branch or of a conflict, and two indices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from eagertui.overlays.modals import Overlay, TableOverlay
from eagertui.places.index.diff_lines import diff_rows
from eagertui.widgets.draw import clip, safe
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.lines import Lines
from eagertui.widgets.table.frame_table import FrameTable, RowSource

if TYPE_CHECKING:
    from core.index.lookup import Lookup


class ItemTableScreen(TableOverlay):
    """Items as a table that filters and sorts; enter on one asks for it.

    Args:
        lookup: the index.
        title: what they are.
        rows: the items; the column `item` holds their ids.
        opened: called with the number of the item that was chosen.
    """

    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#items"

    def __init__(self, lookup: Lookup, title: str, rows: RowSource, opened: Callable[[int], None]) -> None:
        super().__init__()
        self._lookup, self._title, self._rows, self._opened = lookup, title, rows, opened

    def compose(self) -> ComposeResult:
        """The table below its filter."""
        with Vertical(id="item-table", classes="over"):
            yield FilterBar("/ a text, !text for rows without it, =EXPRESSION", id="item-filter")
            yield FrameTable(id="items", classes="panel")

    def on_mount(self) -> None:
        """Show the items."""
        table = self.query_one(FrameTable)
        hint = "/ filter · o sort · esc"
        room = max(12, self.size.width - len(hint) - 12)
        table.border_title = Content.assemble(clip(self._title, room), (f"  {hint}", "$foreground 70%"))
        table.show(self._rows, "no items")

    @on(FrameTable.Selected)
    def _selected(self) -> None:
        table = self.query_one(FrameTable)
        if table.row is None or table.rows is None:
            return
        at = [column.name for column in table.rows.columns].index("item")
        number = self._lookup.number(table.row[at] or "")
        if number is not None:
            self._opened(number)


class DiffScreen(Overlay):
    """The figures of two indices side by side.

    Args:
        names: of this index and of the other.
        found: of `core.index.measure.diff.diff`.
        rows: the same as rows of text, to copy.
    """

    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#diff"

    def __init__(self, names: tuple[str, str], found: Mapping[str, Any], rows: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._names, self._found, self._rows = names, found, rows

    def compose(self) -> ComposeResult:
        """One scrolling panel."""
        with VerticalScroll(id="diff", classes="panel over"):
            yield Lines(id="diff-text")

    def on_mount(self) -> None:
        """Show them."""
        panel = self.query_one("#diff")
        panel.border_title = "Two indices side by side"
        panel.border_subtitle = "c copies · esc back"
        self.query_one(Lines).show(lambda width: diff_rows(self._names, self._found, width))

    def copy_text(self) -> str:
        """The table with tabs between its columns."""
        rows = [("", *self._names), *self._rows]
        return "\n".join("\t".join(safe(cell) for cell in row) for row in rows)
