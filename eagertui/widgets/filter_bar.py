"""The line that `/` opens above a list: what is typed filters at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from eagertui.widgets.typed_line import TypedLine


class FilterBar(TypedLine):
    """A hidden line; enter and down keep the filter and lead to the list, escape takes it away.

    Args:
        placeholder: what can be typed.
        id: of the widget.
    """

    DEFAULT_CSS = """
    FilterBar { height: 1; width: 100%; display: none; background: $boost; }
    FilterBar.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "leave(True)", "To the list", key_display="enter", priority=True),
        Binding("down", "leave(True)", show=False, priority=True),
        Binding("escape", "leave(False)", "No filter", key_display="esc", priority=True),
    ]

    @dataclass
    class Filtered(Message):
        """Another text; an empty one filters nothing."""

        text: str

    @dataclass
    class Left(Message):
        """Somebody wants to the list; `keep` is False where the filter was taken away."""

        keep: bool

    def __init__(self, placeholder: str = "/ filter", *, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id, compact=True, select_on_focus=False)
        self.can_focus = False  # hidden, it must not catch the first focus of its screen

    @property
    def text(self) -> str:
        """What is filtered for."""
        return self.value.strip()

    def open(self) -> None:
        """Show the line and let somebody type."""
        self.put(self.value)
        self.screen.set_focus(self)

    def put(self, text: str) -> None:
        """Filter for a text that nobody typed; the line is shown, and the focus stays where it is."""
        self.value = text
        self.add_class("-open")
        self.can_focus = True

    def close(self) -> None:
        """Take the filter away and hide the line."""
        self.value = ""
        self.remove_class("-open")
        self.can_focus = False

    def action_leave(self, keep: bool) -> None:
        """Go to the list."""
        keep = keep and bool(self.text)
        if not keep:
            self.close()
        self.post_message(self.Left(keep))

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Filtered(event.value.strip()))
