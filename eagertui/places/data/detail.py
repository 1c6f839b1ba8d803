"""What the Data place opens over itself: one record, one user's split, the search for a user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from eagertui.overlays.modals import Finder, Overlay, TableOverlay
from eagertui.places.data.lines import cut_lines, record_lines, record_text, split_lines
from eagertui.widgets.draw import FAINT, Part, clip, line, safe, spread
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import Row
from eagertui.widgets.table.frame_table import FrameTable

if TYPE_CHECKING:
    from eagertui.places.data.frames import Record, Tables


class RecordScreen(Overlay):
    """Every column of one row, whole.

    Args:
        title: what the record is of.
        record: names of columns and values.
    """

    CSS_PATH = "style.tcss"

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


class SplitScreen(TableOverlay):
    """One user's history: what trains, what is asked for, and what the model sees then.

    Args:
        tables: the data set.
        user: the user's number.
        max_history: how many items a model sees.
    """

    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#split-table"

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
        self.query_one(Lines).show(lambda width: self._split_lines(count, width))
        panel.styles.max_height = count + 9
        table = self.query_one(FrameTable)
        table.show(self._tables.split(self._user, self._max_history))
        self.call_after_refresh(table.action_go_last)  # the targets stand at the end

    def _split_lines(self, count: int, width: int) -> list[Content]:
        cuts, user = self._tables.dataset.cuts, self._user
        if cuts is None:
            return split_lines(count, self._max_history, width)
        return cut_lines(int(cuts.train[user]), int(cuts.valid[user]), int(cuts.test[user]), width)

    @on(FrameTable.Selected)
    def _selected(self) -> None:
        row = self.query_one(FrameTable).row
        item = self._tables.item(row[-2] or "") if row else None
        if item is not None:
            self.app.push_screen(RecordScreen(f"Item {row[-2] if row else ''}", self._tables.record(item)))


class UserScreen(Finder):
    """Find a user by the id, or a part of it.

    Args:
        tables: the data set.
    """

    NOUN = "user"
    HINT = "a user's id, or a part of it"
    MOST = 200

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self._tables = tables

    @property
    def question(self) -> str:
        """Who is looked through."""
        return f"Whose history?  {self._tables.dataset.n_users:,} users"

    def on_mount(self) -> None:
        """Begin with the first users."""
        super().on_mount()
        self.find("")

    def look(self, text: str, most: int) -> list[Row]:
        """Users by id."""
        return [Row(str(number), _UserRow(user, count)) for number, user, count in self._tables.find(text, most)]

    def exact(self, text: str) -> int | None:
        """The user with this id."""
        return self._tables.user(text)


class _UserRow:
    """A user in the list: the id, and how many interactions."""

    def __init__(self, user: str, count: int) -> None:
        self._user, self._count = user, count

    def __call__(self, width: int) -> Content:
        right: Sequence[Part] = [(f"{self._count:,}", FAINT)]
        return spread([clip(self._user, width - 10)], right, width) if width > 20 else line([clip(self._user, width)])
