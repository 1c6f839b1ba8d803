"""The tables of the Data place: which one is shown, its filter, and the record under the cursor beside it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message

from eagertui.places.data.lines import record_lines, record_text, titles_lines
from eagertui.widgets.draw import safe
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.lines import Lines
from eagertui.widgets.table.frame_table import FrameTable

if TYPE_CHECKING:
    from eagertui.places.data.frames import Record, Tables

NAMES = {"interactions": "Interactions", "items": "Items", "users": "Users", "rejected": "Rejected"}
EMPTY = {"rejected": "No row of the log was rejected."}
BESIDE = 100
"""Titles of a user's history that stand beside the table."""


class RecordPanel(VerticalScroll):
    """The record beside the table; tells when the layout brings it into sight."""

    class Shown(Message):
        """It can be seen now."""

    def on_show(self) -> None:
        """A wider screen, or the panels' first layout, which may come after the rows."""
        self.post_message(self.Shown())


class DataTables(Horizontal):
    """A table at a time, and beside it, where there is room, the whole record under the cursor."""

    @dataclass
    class Opened(Message):
        """Somebody wants to see more of a row: a user's split, or a record."""

        user: int | None = None
        title: str = ""
        record: Record | None = None

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tables: Tables | None = None
        self.kind = "interactions"

    def compose(self) -> ComposeResult:
        """The table below its filter, and the record."""
        with Vertical(id="table-side"):
            yield FilterBar("/ a text, !text for rows without it, =EXPRESSION", id="filter")
            yield FrameTable(id="table", classes="panel")
        with RecordPanel(id="record", classes="panel"):
            yield Lines(id="record-text")

    @property
    def table(self) -> FrameTable:
        """The table."""
        return self.query_one(FrameTable)

    def copy_text(self) -> str:
        """The whole record under the cursor."""
        found = self._record()
        return record_text(found[1]) if found else ""

    def show(self, tables: Tables) -> None:
        """Show another data set."""
        self._tables = tables
        self.turn_to(self.kind)

    def turn_to(self, kind: str) -> None:
        """Show one of the tables, unfiltered."""
        self.kind = kind
        self.query_one(FilterBar).close()
        parts = []
        for one, name in NAMES.items():
            tab = Content.from_markup(f"[@click=screen.table('{one}')] {name} [/]")
            parts.append(tab.stylize("bold reverse") if one == kind else tab)
        self.table.border_title = Content.assemble(*parts)
        if self._tables is not None:
            self._fill(self._tables, kind)

    @work(group="table", exclusive=True, exit_on_error=False)
    async def _fill(self, tables: Tables, kind: str) -> None:
        rows = await asyncio.to_thread(tables.rows, kind)
        self.table.show(rows, EMPTY.get(kind, ""))
        self._look()

    def open_filter(self) -> None:
        """Let somebody type a filter."""
        self.query_one(FilterBar).open()

    # --- the row under the cursor -----------------------------------------------------------------------------------

    @property
    def user(self) -> int | None:
        """The user under the cursor."""
        row = self.table.row
        if self._tables is None or row is None or self.kind not in ("interactions", "users"):
            return None
        return self._tables.user(row[0] or "")

    def _record(self) -> tuple[str, Record] | None:
        """The record of the row under the cursor, and its title."""
        row, rows = self.table.row, self.table.rows
        if self._tables is None or row is None or rows is None:
            return None
        if self.kind in ("interactions", "items"):
            item_id = row[2 if self.kind == "interactions" else 0] or ""
            item = self._tables.item(item_id)
            return (f"Item {item_id}", self._tables.record(item)) if item is not None else None
        columns = [column.name for column in rows.columns]
        return "Row", list(zip(columns, row, strict=True))

    def _look(self) -> None:
        """Show the record beside the table."""
        panel, text = self.query_one("#record"), self.query_one("#record-text", Lines)
        if not panel.display or self._tables is None:
            return
        user = self.user if self.kind == "users" else None
        if user is not None:
            titles, count = self._tables.newest(user, BESIDE), self._tables.length(user)
            panel.border_title = "The newest first"
            text.show(lambda width: titles_lines(titles, count, width))
        else:
            title, record = self._record() or ("", [])
            panel.border_title = Content(safe(title))
            text.show(lambda width: record_lines(record, width))
        panel.scroll_home(animate=False)

    @on(RecordPanel.Shown)
    def _shown(self, event: RecordPanel.Shown) -> None:
        event.stop()
        self._look()

    @on(FrameTable.Highlighted)
    def _moved(self, event: FrameTable.Highlighted) -> None:
        event.stop()
        self._look()

    @on(FrameTable.Selected)
    def _chosen(self, event: FrameTable.Selected) -> None:
        event.stop()
        user = self.user
        if user is not None:
            self.post_message(self.Opened(user=user))
        elif (found := self._record()) is not None:
            self.post_message(self.Opened(title=found[0], record=found[1]))

    @on(FilterBar.Filtered)
    def _filtered(self, event: FilterBar.Filtered) -> None:
        event.stop()
        self.table.filter(event.text)

    @on(FilterBar.Left)
    def _left(self, event: FilterBar.Left) -> None:
        event.stop()
        self.table.focus()
