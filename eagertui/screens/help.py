"""Every key of a place, from the table of actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from eagertui.actions import FORMS, PLACES, Action, actions_of, shown_key
from eagertui.config import config_path
from eagertui.widgets.draw import line, safe

MOVING = (
    ("tab", "the next panel"),
    ("↑ ↓", "the next row; page up, page down, home, end"),
    ("enter", "open what is under the cursor"),
    ("← →", "in a table the next column, in a chart its values"),
    ("/", "filter: a text, !text for the rows without it, =EXPRESSION over a table's columns"),
    ("ctrl+p", "find any command by its name; themes as well"),
)


class HelpScreen(ModalScreen[None]):
    """The keys of one place.

    Args:
        place: which one.
        own: a person's own keys by an action's id.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q", "dismiss", "Close")]

    def __init__(self, place: str, own: Mapping[str, str]) -> None:
        super().__init__()
        self._place, self._own = place, own

    def compose(self) -> ComposeResult:
        """One line a key."""
        with VerticalScroll(id="help", classes="panel"):
            yield Static(self._text(), markup=False)

    def on_mount(self) -> None:
        """Name the panel."""
        panel = self.query_one("#help")
        panel.border_title = f"Keys of {({**PLACES, **FORMS}).get(self._place, 'this place')}"
        panel.border_subtitle = "esc closes"
        panel.focus()

    def copy_text(self) -> str:
        """All of it."""
        return self._text().plain

    def _text(self) -> Content:
        actions = actions_of(self._place)
        rows = [row for action in actions if action.places for row in self._rows(action)]
        rows += [Content(""), line([("everywhere", "bold")])]
        rows += [row for action in actions if not action.places for row in self._rows(action)]
        rows += [Content(""), line([("in lists, tables and charts", "bold")])]
        rows += [line([(f"{key:>8}  ", "bold $accent"), text]) for key, text in MOVING]
        faint = "$foreground 60%"
        rows += [Content(""), line([("your own keys: ", faint), (safe(config_path()), faint)])]
        rows.append(line([('  [keys]  then such as  quit = "ctrl+x"; the names stand beside the words', faint)]))
        return Content("\n").join(rows)

    def _rows(self, action: Action) -> list[Content]:
        name = (f"  {action.id}", "$foreground 60%")
        rows = [line([(f"{shown_key(action, self._own):>8}  ", "bold $accent"), action.help, name])]
        if action.headless:
            rows.append(line([(f"{'':>10}{action.headless}", "$foreground 60%")]))
        return rows
