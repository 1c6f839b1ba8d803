"""The one place that touches what Textual keeps to itself, and for which release of Textual that was checked.

A newer minor release fails a test here first: look at each piece again, then name the release in `CHECKED_FOR`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, TypeVar

import textual.screen
from rich.console import RenderableType
from rich.text import Text
from textual import on
from textual._context import active_app
from textual.app import App
from textual.command import CommandList, CommandPalette
from textual.events import Key
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Select
from textual.widgets._select import SelectOverlay
from textual.worker import Worker

CHECKED_FOR = "8.2"
"""The minor release of Textual for which every piece below was looked at."""

ScreenT = TypeVar("ScreenT", bound=Screen[Any])

Worker.StateChanged.bubble = True
"""Textual tells only the widget that began a worker how it ended; an app that imports this hears it of every one."""

textual.screen.UPDATE_PERIOD = 1 / 120  # type: ignore[misc]  # read when a screen is mounted
"""Seconds between the moments at which a screen may be drawn; Textual's own is twice that. A frame that misses its
moment waits for the second next one, and a key beside a list that is just drawn would be late by 33 ms. Nothing is
drawn more often for it but what changes more often; animations keep their pace."""


def frames_waiting(app: App[None]) -> int:
    """Frames that Textual has drawn and the terminal has not taken yet; 0 where that cannot be seen."""
    thread = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(thread, "_queue", None)
    return queue.qsize() if queue is not None else 0


def knows_styles(screen: ScreenT) -> ScreenT:
    """A screen made just now, whose styles need no new look.

    Textual takes a new screen for one that missed a change of the theme, and parses all styles again at its first
    visit: half of what that visit costs. But its widgets get the present styles anyway when they are mounted.
    """
    screen._css_update_count = active_app.get()._css_update_count
    return screen


class FrameGate(App[None]):
    """An app that is asked before each frame goes to the terminal."""

    @abstractmethod
    def takes_frame(self) -> bool:
        """Whether the terminal shall get the frame that is about to be drawn; asked for frames with a content."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable if renderable is not None and self.takes_frame() else None)


class ShownInput(Input):
    """An `Input` that draws a text of its owner's instead of its value, and can run its own keys by itself."""

    @abstractmethod
    def shown_value(self) -> str:
        """What is drawn of the value, sign for sign."""

    @property
    def _value(self) -> Text:
        return Text(self.shown_value(), no_wrap=True, overflow="ignore", end="")

    async def run_own_key(self, event: Key) -> bool:
        """Run the line's own binding of a key now, before the key climbs up to the app; whether there was one."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if not binding.priority and await self.app.run_action(binding.action, self):
                return True
        return False


class ToldSelect(Select[str]):
    """A `Select` that tells how its list was left; Textual tells only of another value."""

    @dataclass
    class Closed(Message):
        """The list was left; `taken` is whether by a choice, be it the old value again."""

        taken: bool

    @on(SelectOverlay.UpdateSelection)
    def _tell_taken(self) -> None:
        self.post_message(self.Closed(True))

    @on(SelectOverlay.Dismiss)
    def _tell_left(self) -> None:
        self.post_message(self.Closed(False))


class Palette(CommandPalette):
    """Textual's command palette; its list falls over a page key that comes before it was laid out."""

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).size.height:
            super()._action_command_list(action)
