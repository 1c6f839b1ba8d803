"""What lies over a place: a detail of it, a table that filters and sorts, the search for one of many."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click
from textual.screen import ModalScreen
from textual.widgets import Input

from eagertui.actions import MOVES
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.row_list import Row, RowList
from eagertui.widgets.table.frame_table import FrameTable
from eagertui.widgets.typed_line import TypedLine


class Overlay(ModalScreen[None]):
    """Something that lies over the place; escape or a click beside it leads back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", show=False),
        Binding("c", "app.copy", "Copy", show=False),
        *MOVES,
    ]

    def on_click(self, event: Click) -> None:
        """Beside the panel is the place."""
        if event.widget is self:
            self.dismiss()


class TableOverlay(Overlay):
    """One table below its filter bar."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", show=False),
        Binding("o", "sort", "Sort", show=False),
    ]

    def action_filter(self) -> None:
        """Filter the rows."""
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


class FinderLine(TypedLine):
    """Where is typed what is looked for; up and down move through the list below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "screen.move(1)", "Next", show=False),
        Binding("up", "screen.move(-1)", "Before", show=False),
        Binding("escape", "screen.dismiss", "Back", show=False),
    ]


class Finder(ModalScreen[int | None]):
    """Find one of many by what is typed; the answer is its number, None where nobody wants any."""

    CSS_PATH = Path(__file__).with_name("modals.tcss")  # a name alone would be looked for beside the subclass
    AUTO_FOCUS = "#finder-text"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back", show=False), *MOVES]
    NOUN = ""
    """What is looked for, in a word."""
    HINT = ""
    """What can be typed."""
    MOST = 50
    """Rows shown at most."""

    def __init__(self) -> None:
        super().__init__()
        self.searched = ""
        """The text whose finds are listed."""

    @property
    @abstractmethod
    def question(self) -> str:
        """What stands on the border."""

    @abstractmethod
    def look(self, text: str, most: int) -> Sequence[Row]:
        """What a text finds, the best first, at most so many; a row's id is the number. Runs in a thread."""

    @abstractmethod
    def exact(self, text: str) -> int | None:
        """The number of the one that has this very name. Runs in a thread."""

    def compose(self) -> ComposeResult:
        """The line to type in, and what it finds."""
        with Vertical(id="finder", classes="panel"):
            yield FinderLine(placeholder=self.HINT, id="finder-text", compact=True)
            yield RowList(id="finder-rows")

    def on_mount(self) -> None:
        """Say what is looked through."""
        panel = self.query_one("#finder")
        panel.border_title = self.question
        panel.border_subtitle = "enter opens · esc back"

    @work(group="find", exclusive=True, exit_on_error=False)
    async def find(self, text: str) -> None:
        """List what a text finds."""
        found = await asyncio.to_thread(self.look, text, self.MOST)
        rows = self.query_one(RowList)
        rows.show(found)
        rows.highlighted = 0 if found else None
        self.searched = text
        full = f"first {self.MOST}" if len(found) == self.MOST else "enter opens"
        told = f"no such {self.NOUN}" if text and not found else full
        self.query_one("#finder").border_subtitle = f"{told} · esc back"

    def action_move(self, rows: int) -> None:
        """Move through the list."""
        found = self.query_one(RowList)
        if found.option_count:
            found.highlighted = max(0, min((found.highlighted or 0) + rows, found.option_count - 1))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self.find(event.value.strip())

    @on(Input.Submitted)
    async def _entered(self, event: Input.Submitted) -> None:
        text, current = event.value.strip(), self.query_one(RowList).current
        number = await asyncio.to_thread(self.exact, text)
        if number is None and current is None:  # the search of what was typed last may still be at work
            current = next((row.id for row in await asyncio.to_thread(self.look, text, 1)), None)
        if number is not None or current is not None:
            self.dismiss(number if number is not None else int(current or 0))

    @on(RowList.OptionSelected)
    def _chosen(self) -> None:
        current = self.query_one(RowList).current
        self.dismiss(int(current) if current is not None else None)

    def on_click(self, event: Click) -> None:
        """Beside the panel is the place."""
        if event.widget is self:
            self.dismiss(None)
