"""What this installation and machine are, and where the files lie: to read, and to copy into a report."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from eagertui.actions import MOVES
from eagertui.widgets.draw import safe


class AboutScreen(ModalScreen[None]):
    """The lines of `eagertui doctor`."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f2", "dismiss", "Close"), *MOVES]

    def __init__(self) -> None:
        super().__init__()
        self._text = ""

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(id="help", classes="panel"):
            yield Static("looking", markup=False)

    def on_mount(self) -> None:
        """Name the panel and look."""
        panel = self.query_one("#help")
        panel.border_title = "This installation"
        panel.border_subtitle = "c copies, esc closes"
        panel.focus()
        self._look()

    def copy_text(self) -> str:
        """All of it."""
        return self._text

    @work(group="about", exclusive=True, exit_on_error=False)
    async def _look(self) -> None:
        from eagertui.cli.verbs import doctor

        report = await asyncio.to_thread(doctor.examine)
        self._text = "\n".join(safe(row) for row in doctor.lines(report))
        self.query_one(Static).update(self._text)
