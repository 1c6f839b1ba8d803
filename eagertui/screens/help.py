"""Every key of a place, from the table of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from eagertui.actions import PLACES, actions_of, key_name
from eagertui.widgets.draw import Part, line

MOVING = (
    ("tab", "the next panel"),
    ("↑ ↓", "the next row; page up, page down, home, end"),
    ("enter", "open what is under the cursor"),
    ("ctrl+p", "find any command by its name; themes as well"),
)


class HelpScreen(ModalScreen[None]):
    """The keys of one place.

    Args:
        place: which one.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q", "dismiss", "Close")]

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def compose(self) -> ComposeResult:
        """One line a key."""
        with VerticalScroll(id="help", classes="panel"):
            yield Static(self._text(), markup=False)

    def on_mount(self) -> None:
        """Name the panel."""
        panel = self.query_one("#help")
        panel.border_title = f"Keys of {PLACES.get(self._place, 'this place')}"
        panel.border_subtitle = "esc closes"
        panel.focus()

    def _text(self) -> Content:
        lines: list[Content] = []
        for action in actions_of(self._place):
            parts: list[Part] = [(f"{key_name(action):>8}  ", "bold $accent"), (action.help, "")]
            lines.append(line(parts))
            if action.headless:
                lines.append(line([(f"{'':>10}{action.headless}", "$foreground 60%")]))
        lines.append(Content(""))
        lines += [line([(f"{key:>8}  ", "bold $accent"), text]) for key, text in MOVING]
        return Content("\n").join(lines)
