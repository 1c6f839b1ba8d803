"""How often a live picture is worth drawing: no oftener than the terminal takes it.

Over a slow line every frame waits behind the one before; drawn five times a second, the screen would show the past
and a key would be answered minutes later. So after a frame that the terminal was slow to take, the next one waits.
"""

from __future__ import annotations

import asyncio
import time

from textual.app import App

SLOW = 0.5
"""Seconds for one frame from which on the line counts as slow."""
LONGEST = 8.0
"""Most seconds between two frames."""
LOOK = 0.05


def backlog(app: App[None]) -> int:
    """Frames that Textual has drawn and the terminal has not taken yet; 0 where that cannot be seen.

    Textual has no public word for it, so this is the one place that looks inside.
    """
    thread = getattr(getattr(app, "_driver", None), "_writer_thread", None)
    queue = getattr(thread, "_queue", None)
    return queue.qsize() if queue is not None else 0


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
