"""Tables and a small app to look at them with."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from textual.app import App, ComposeResult
from textual.geometry import Region

from eagertui.themes import DARK, LIGHT
from eagertui.widgets.table.frame_table import FilterError, FrameColumn, FrameTable, RowSource
from tests.eagertui.app_tools import Eyes, screen_text

HOSTILE = [
    "[red]x[/]", "\x1b[31mred", "\u202eabc", "a\u200bb", "界" * 50, "🙂" * 30, "x" * 10_000, "界" * 10_000, "\ud800",
    "\t\n\r\0", "[/]", "\u200d", "a\u200d b", "👩\u200d💻" * 9, "❤\ufe0f" * 12, "e\u0301" * 40, "\ufe0f", "", " ",
    "\x9b31m", "x\u200d", "\u200d\u200dab",
]  # fmt: skip


@dataclass
class ListRows:
    """Rows of a list; remembers what was fetched."""

    table: list[tuple[str | None, ...]]
    columns: tuple[FrameColumn, ...] = (FrameColumn("user"), FrameColumn("pos", right=True), FrameColumn("title"))
    total: int = 0
    fetched: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.total = self.total or len(self.table)

    @property
    def height(self) -> int:
        return len(self.table)

    def slice(self, start: int, count: int) -> list[tuple[str | None, ...]]:
        self.fetched.append((start, count))
        return self.table[start : start + count]

    def filtered(self, text: str, stopped: Callable[[], bool]) -> RowSource | None:
        if text == "=bad":
            raise FilterError("no column [red]bad[/]\nsecond line")
        if text == "=broken":
            raise RuntimeError("a broken table")
        return ListRows([row for row in self.table if text in str(row)], self.columns, self.total)

    def ordered(self, column: int, descending: bool, stopped: Callable[[], bool]) -> RowSource | None:
        table = sorted(self.table, key=lambda row: row[column] or "", reverse=descending)
        return ListRows(table, self.columns, self.total)


class SlowRows(ListRows):
    """A filter of it blocks until it is stopped, or let go by its text."""

    def __init__(self, count: int) -> None:
        super().__init__(numbered(count))
        self.begun: dict[str, threading.Event] = {}
        self.ended: list[str] = []
        self.go: dict[str, threading.Event] = {}

    def allow(self, text: str) -> None:
        self.go.setdefault(text, threading.Event()).set()

    def filtered(self, text: str, stopped: Callable[[], bool]) -> RowSource | None:
        go = self.go.setdefault(text, threading.Event())
        self.begun.setdefault(text, threading.Event()).set()
        while not go.wait(0.002):
            if stopped():
                self.ended.append(text)
                return None
        return super().filtered(text, stopped)


class StubbornRows(SlowRows):
    """A filter of it never looks whether it is stopped."""

    def filtered(self, text: str, stopped: Callable[[], bool]) -> RowSource | None:
        found = super().filtered(text, lambda: False)
        self.ended.append(text)
        return found


class EndlessRows:
    """A table of five million rows that are made when they are asked for."""

    columns = (FrameColumn("row", right=True), FrameColumn("title"))
    height = total = 5_000_000

    def __init__(self) -> None:
        self.fetched = 0

    def slice(self, start: int, count: int) -> list[tuple[str | None, ...]]:
        self.fetched += count
        return [(f"{n}", f"title of {n}") for n in range(start, min(start + count, self.height))]

    def filtered(self, text: str, stopped: Callable[[], bool]) -> RowSource | None:
        return None

    def ordered(self, column: int, descending: bool, stopped: Callable[[], bool]) -> RowSource | None:
        return None


class Host(App[None]):
    CSS = "FrameTable { border: round $border-blurred; padding: 0 1; }"

    def __init__(self, rows: RowSource | None = None, empty: str = "") -> None:
        super().__init__()
        self.given, self.empty = rows, empty
        self.told: list[tuple[str, int]] = []

    def compose(self) -> ComposeResult:
        table = FrameTable()
        table.show(self.given, self.empty)  # before it has a size
        yield table

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = "eager-dark"

    def on_frame_table_highlighted(self, event: FrameTable.Highlighted) -> None:
        self.told.append(("at", event.row))

    def on_frame_table_selected(self, event: FrameTable.Selected) -> None:
        assert event.control is self.query_one(FrameTable)
        self.told.append(("chosen", event.row))


def numbered(count: int) -> list[tuple[str | None, ...]]:
    return [(f"reader-{n}", f"{n}", None if n % 5 == 3 else f"Book number {n}") for n in range(count)]


@asynccontextmanager
async def opened(
    rows: RowSource | None, size: tuple[int, int] = (60, 10), empty: str = ""
) -> AsyncIterator[tuple[Eyes, FrameTable]]:
    app = Host(rows, empty)
    async with app.run_test(size=size) as pilot:
        eyes: Any = Eyes(app, pilot)  # type: ignore[arg-type]
        table = app.query_one(FrameTable)
        table.focus()
        await pilot.pause()
        yield eyes, table


def lines(table: FrameTable) -> list[str]:
    """What the table drew, border and padding aside."""
    region = table.content_region
    return [line[region.x : region.right] for line in screen_text(table.app).splitlines()[region.y : region.bottom]]


def cursor_line(table: FrameTable) -> str:
    """The text of the line that is drawn as the cursor's."""
    style = table.get_component_rich_style("cursor-view--cursor")
    strips = table.render_lines(Region(0, 0, *table.outer_size))
    found = ["".join(s.text for s in strip if s.style and s.style.bgcolor == style.bgcolor) for strip in strips]
    return "".join(text for text in found if text.strip(" │╭╮╰╯─"))
