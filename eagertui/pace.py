"""How often a picture is worth drawing: no oftener than the terminal takes it.

Over a slow line every frame waits behind the one before; drawn five times a second, the screen would show the past
and a key would be answered minutes later. So after a frame that the terminal was slow to take, the next one waits, and
what changes while several wait is shown by one picture at their end.
"""

from __future__ import annotations

import asyncio
import time

from textual.app import App
from textual.timer import Timer

from eagertui.textual_private import FrameGate, frames_waiting

SLOW = 0.5
"""Seconds for one frame from which on the line counts as slow."""
LONGEST = 8.0
"""Most seconds between two frames."""
LOOK = 0.05
WAITING = 6
"""Writes that may wait for the terminal before frames are left out (a frame is up to three writes).

Textual itself stands still, keys and all, once thirty of them wait.
"""


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
        while frames_waiting(self._app) and time.monotonic() - began < LONGEST:
            await asyncio.sleep(LOOK)
        if time.monotonic() - began > SLOW:
            self.rest_seconds = min(LONGEST, max(1.0, self.rest_seconds * 2))
        elif self.rest_seconds:
            self.rest_seconds = self.rest_seconds / 2 if self.rest_seconds > SLOW else 0.0
        if self.rest_seconds:
            await asyncio.sleep(self.rest_seconds)


class PacedApp(FrameGate):
    """An app that leaves out frames which the terminal could not take anyway, and shows the last state instead."""

    _owed: Timer | None = None

    def takes_frame(self) -> bool:
        """Draw, or remember to draw everything once the terminal has caught up."""
        if frames_waiting(self) < WAITING:
            return True
        if self._owed is None:
            self._owed = self.set_interval(LOOK, self._catch_up)
        return False

    def _catch_up(self) -> None:
        if self._owed is not None and not frames_waiting(self):
            self._owed.stop()
            self._owed = None
            self.screen.refresh()
