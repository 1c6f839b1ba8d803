"""A page of the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Markdown

from eagertui.actions import MOVES


class DocumentScreen(ModalScreen[None]):
    """One page, drawn from its Markdown.

    Args:
        path: the page.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Close"), *MOVES]

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def compose(self) -> ComposeResult:
        """The page."""
        with VerticalScroll(id="help", classes="panel"):
            yield Markdown(self._path.read_text(encoding="utf-8"), open_links=False)

    def on_mount(self) -> None:
        """Name the page."""
        panel = self.query_one("#help")
        panel.border_title, panel.border_subtitle = Content(self._path.name), "esc closes"
        panel.focus()

    def copy_text(self) -> str:
        """All of it."""
        return self._path.read_text(encoding="utf-8")
