"""How often a picture is worth drawing: no oftener than the terminal takes it.

Over a slow line every frame waits behind the one before; drawn five times a second, the screen would show the past
and a key would be answered minutes later. So after a frame that the terminal was slow to take, the next one waits, and
what changes while several wait is shown by one picture at their end.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from rich.console import RenderableType
from textual._context import active_app
from textual.app import App
from textual.screen import Screen
from textual.timer import Timer

SLOW = 0.5
"""Seconds for one frame from which on the line counts as slow."""
LONGEST = 8.0
"""Most seconds between two frames."""
LOOK = 0.05
WAITING = 6
"""Writes that may wait for the terminal before frames are left out (a frame is up to three writes).

Textual itself stands still, keys and all, once thirty of them wait.
"""


def backlog(app: App[None]) -> int:
    """Frames that Textual has drawn and the terminal has not taken yet; 0 where that cannot be seen.

    Textual has no public word for it, so this is the one place that looks inside.
    """
    thread = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(thread, "_queue", None)
    return queue.qsize() if queue is not None else 0


def knows_styles(screen: Screen[Any]) -> Screen[Any]:
    """A screen made just now, whose styles need no new look.

    Textual takes a new screen for one that missed a change of the theme, and parses all styles again at its first
    visit: half of what that visit costs. But its widgets get the present styles anyway when they are mounted.
    """
    app = active_app.get()
    screen._css_update_count = app._css_update_count
    return screen


class Pace:
    """Rests between the frames of one app, longer where the line is slow.

    Args:
        app: whose frames.
    """

    def __init__(self, app: App[None]) -> None:
        self._app = app
        self.rest_seconds = 0.0
        """What is waited after each frame now."""

    async def rest(self) -> None:
        """Wait until the terminal has taken what was drawn, and then as long as it seems to need."""
        began = time.monotonic()
        while backlog(self._app) and time.monotonic() - began < LONGEST:
            await asyncio.sleep(LOOK)
        if time.monotonic() - began > SLOW:
            self.rest_seconds = min(LONGEST, max(1.0, self.rest_seconds * 2))
        elif self.rest_seconds:
            self.rest_seconds = self.rest_seconds / 2 if self.rest_seconds > SLOW else 0.0
        if self.rest_seconds:
            await asyncio.sleep(self.rest_seconds)


class PacedApp(App[None]):
    """An app that leaves out frames which the terminal could not take anyway, and shows the last state instead."""

    _owed: Timer | None = None

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        """Draw, or remember to draw everything once the terminal has caught up."""
        if renderable is not None and backlog(self) >= WAITING:
            if self._owed is None:
                self._owed = self.set_interval(LOOK, self._catch_up)
            renderable = None
        super()._display(screen, renderable)

    def _catch_up(self) -> None:
        if self._owed is not None and not backlog(self):
            self._owed.stop()
            self._owed = None
            self.screen.refresh()
