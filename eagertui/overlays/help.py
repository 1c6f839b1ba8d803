"""Every key of a place, from the table of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from eagertui.actions import FORMS, MOVES, MOVING, PLACES, Action, actions_of, shown_key
from eagertui.config import config_path
from eagertui.places.data.lines import fold
from eagertui.widgets.draw import FAINT, line, safe
from eagertui.widgets.lines import Lines

INDENT = 10
"""Cells before the words of a key."""
UNFOLDED = 10_000
"""Cells of a line that is copied."""


class HelpScreen(ModalScreen[None]):
    """The keys of one place.

    Args:
        place: which one.
        own: a person's own keys by an action's id.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q", "dismiss", "Close"), *MOVES]

    def __init__(self, place: str, own: Mapping[str, str]) -> None:
        super().__init__()
        self._place, self._own = place, own
        self._folded: dict[int, list[Content]] = {}

    def compose(self) -> ComposeResult:
        """One line a key."""
        with VerticalScroll(id="help", classes="panel"):
            yield Lines()

    def on_mount(self) -> None:
        """Name the panel."""
        panel = self.query_one("#help")
        panel.border_title = f"Keys of {({**PLACES, **FORMS}).get(self._place, 'this place')}"
        panel.border_subtitle = "esc closes"
        self.query_one(Lines).show(self._lines)
        panel.focus()

    def copy_text(self) -> str:
        """All of it."""
        return "\n".join(row.plain for row in self._lines(UNFOLDED))

    def _lines(self, width: int) -> list[Content]:
        """The lines for a width; a layout asks for them several times."""
        if width not in self._folded:
            self._folded[width] = self._fold(width)
        return self._folded[width]

    def _fold(self, width: int) -> list[Content]:
        actions = actions_of(self._place)
        rows = [row for action in actions if action.places for row in self._rows(action, width)]
        rows += [Content(""), line([("everywhere", "bold")])]
        rows += [row for action in actions if not action.places for row in self._rows(action, width)]
        rows += [Content(""), line([("moving", "bold")])]
        for key, text in MOVING:
            rows += fold([(f"{key:>8}  ", "bold $accent"), (text, "")], width, INDENT)
        rows += [Content(""), *fold([("your own keys: ", FAINT), (safe(config_path()), FAINT)], width, INDENT)]
        told = '  [keys]  then such as  quit = "ctrl+x"; the names stand beside the words'
        return [*rows, *fold([(told, FAINT)], width, INDENT)]

    def _rows(self, action: Action, width: int) -> list[Content]:
        key = f"{shown_key(action, self._own):>8}  "
        rows = fold([(key, "bold $accent"), (action.help, ""), (f"  {action.id}", FAINT)], width, INDENT)
        if action.headless:
            rows += fold([(f"{'':>{INDENT}}{action.headless}", FAINT)], width, INDENT)
        return rows
