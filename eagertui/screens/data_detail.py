"""What the Data place opens over itself: one record, one user's split, the search for a user."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.screen import ModalScreen
from textual.widgets import Input

from eagertui.widgets.data_lines import record_lines, record_text, split_lines
from eagertui.widgets.draw import Part, clip, line, safe, spread
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.frame_table import FrameTable
from eagertui.widgets.lines import Lines
from eagertui.widgets.rows import Row, RowList
from eagertui.widgets.run_lines import FAINT
from eagertui.widgets.typed_line import TypedLine

if TYPE_CHECKING:
    from eagertui.tables import Record, Tables

MOST_USERS = 200
"""Users that the search shows at most."""


class Detail(ModalScreen[None]):
    """Something that lies over the place; escape or a click beside it leads back."""

    CSS_PATH = "data.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", show=False),
        Binding("c", "app.copy", "Copy", show=False),
    ]

    def on_click(self, event: Click) -> None:
        """Beside the panel is the place."""
        if event.widget is self:
            self.dismiss()


class RecordScreen(Detail):
    """Every column of one row, whole.

    Args:
        title: what the record is of.
        record: names of columns and values.
    """

    def __init__(self, title: str, record: Record) -> None:
        super().__init__()
        self._title, self._record = title, record

    def compose(self) -> ComposeResult:
        """One scrolling panel."""
        with VerticalScroll(id="whole-record", classes="panel detail"):
            yield Lines(id="whole-record-text")

    def on_mount(self) -> None:
        """Show it."""
        panel = self.query_one("#whole-record")
        panel.border_title = Content(safe(self._title))
        panel.border_subtitle = "c copies · esc back"
        self.query_one(Lines).show(lambda width: record_lines(self._record, width))
        panel.focus()

    def copy_text(self) -> str:
        """The record, a column a line."""
        return record_text(self._record)


class SplitScreen(Detail):
    """One user's history: what trains, what is asked for, and what the model sees then.

    Args:
        tables: the data set.
        user: the user's number.
        max_history: how many items a model sees.
    """

    AUTO_FOCUS = "#split-table"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", show=False),
        Binding("o", "sort", "Sort", show=False),
    ]

    def __init__(self, tables: Tables, user: int, max_history: int) -> None:
        super().__init__()
        self._tables, self._user, self._max_history = tables, user, max_history

    def compose(self) -> ComposeResult:
        """What it means above the history."""
        with Vertical(id="split", classes="panel detail"):
            yield Lines(id="split-text")
            yield FilterBar(id="split-filter")
            yield FrameTable(id="split-table")

    def on_mount(self) -> None:
        """Show it."""
        panel, count = self.query_one("#split"), self._tables.length(self._user)
        name = self._tables.dataset.users[self._user]
        panel.border_title = Content(f"User {safe(name)} · {count:,} interactions, the oldest first")
        panel.border_subtitle = "enter the whole item · esc back"
        self.query_one(Lines).show(lambda width: split_lines(count, self._max_history, width))
        panel.styles.max_height = count + 9
        table = self.query_one(FrameTable)
        table.show(self._tables.split(self._user, self._max_history))
        self.call_after_refresh(table.action_go_last)  # the targets stand at the end

    def action_filter(self) -> None:
        """Filter the history."""
        self.query_one(FilterBar).open()

    def action_sort(self) -> None:
        """Sort by the column under the cursor."""
        self.query_one(FrameTable).sort()

    @on(FilterBar.Filtered)
    def _filtered(self, event: FilterBar.Filtered) -> None:
        self.query_one(FrameTable).filter(event.text)

    @on(FilterBar.Left)
    def _left(self) -> None:
        self.query_one(FrameTable).focus()

    @on(FrameTable.Selected)
    def _selected(self) -> None:
        row = self.query_one(FrameTable).row
        item = self._tables.item(row[-2] or "") if row else None
        if item is not None:
            self.app.push_screen(RecordScreen(f"Item {row[-2] if row else ''}", self._tables.record(item)))


class UserInput(TypedLine):
    """Where a user's id is typed; up and down move through the list below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.move(1)", "Next", show=False),
        Binding("up", "screen.move(-1)", "Before", show=False),
        Binding("escape", "screen.dismiss", "Back", show=False),
    ]


class UserScreen(ModalScreen[int | None]):
    """Find a user by the id, or a part of it.

    Args:
        tables: the data set.
    """

    CSS_PATH = "data.tcss"
    AUTO_FOCUS = "#user-id"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back", show=False)]

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables

    def compose(self) -> ComposeResult:
        """The line to type in, and who is meant."""
        with Vertical(id="find-user", classes="panel detail"):
            yield UserInput(placeholder="a user's id, or a part of it", id="user-id", compact=True)
            yield RowList(id="found-users")

    def on_mount(self) -> None:
        """Begin with the first users."""
        panel = self.query_one("#find-user")
        panel.border_title = f"Whose history?  {self._tables.dataset.n_users:,} users"
        panel.border_subtitle = "enter opens · esc back"
        self._find("")

    @work(group="find", exclusive=True, exit_on_error=False)
    async def _find(self, text: str) -> None:
        found = await asyncio.to_thread(self._tables.find, text, MOST_USERS)
        rows = self.query_one(RowList)
        rows.show([Row(str(number), _UserRow(user, count)) for number, user, count in found])
        rows.highlighted = 0 if found else None
        subtitle = "no such user" if not found else "enter opens"
        self.query_one("#find-user").border_subtitle = f"{subtitle} · esc back"

    def action_move(self, rows: int) -> None:
        """Move through the list."""
        found = self.query_one(RowList)
        if found.option_count:
            found.highlighted = max(0, min((found.highlighted or 0) + rows, found.option_count - 1))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._find(event.value.strip())

    @on(Input.Submitted)
    async def _entered(self, event: Input.Submitted) -> None:
        found = await asyncio.to_thread(self._tables.user, event.value.strip())
        current = self.query_one(RowList).current
        if found is not None or current is not None:
            self.dismiss(found if found is not None else int(current or 0))

    @on(RowList.OptionSelected)
    def _chosen(self) -> None:
        current = self.query_one(RowList).current
        self.dismiss(int(current) if current is not None else None)

    def on_click(self, event: Click) -> None:
        """Beside the panel is the place."""
        if event.widget is self:
            self.dismiss(None)


class _UserRow:
    """A user in the list: the id, and how many interactions."""

    def __init__(self, user: str, count: int) -> None:
        self._user, self._count = user, count

    def __call__(self, width: int) -> Content:
        right: Sequence[Part] = [(f"{self._count:,}", FAINT)]
        return spread([clip(self._user, width - 10)], right, width) if width > 20 else line([clip(self._user, width)])
