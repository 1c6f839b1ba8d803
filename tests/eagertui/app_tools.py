"""A scripted engine and eyes for the app's screen."""

from __future__ import annotations

import asyncio
import io
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from textual.pilot import Pilot

from core.jobs.start import create_run
from core.project import Project
from core.run.folder import RunFolder
from eagertui.app import EagerApp

FAKE = Path(__file__).parents[1] / "fake_engine.py"
PROJECT = 'name = "bookshop"\n[data]\ninteractions = "logs.csv"\n'
SLOW = ("--steps", "100000")
QUICK = ("--steps", "12", "--tick", "0")


def fake_engine(*options: str) -> list[str]:
    """The command line of the scripted engine."""
    return [sys.executable, str(FAKE), *options]


def screen_text(app: EagerApp, *, styles: bool = False) -> str:
    """What stands on the screen, line by line; with its colours as escapes if asked for."""
    width, height = app.size
    console = Console(
        width=width, height=height, file=io.StringIO(), record=True, force_terminal=True, legacy_windows=False
    )
    console.print(app.screen._compositor.render_update(full=True), end="")
    return console.export_text(styles=styles)


class Eyes:
    """An app under test: press keys, wait for what should appear."""

    def __init__(self, app: EagerApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def train(self) -> None:
        """Go through the form to a training."""
        await self.press("t")
        await self.see("Settings", "eagertui --headless train")
        await self.press("t")
        await self.until(lambda: self.app.current_mode == "train" and self.app.screen is self.app.screen_stack[0])

    async def until(self, predicate: Callable[[], object], seconds: float = 30.0) -> None:
        end, wait = time.monotonic() + seconds, 0.02
        while not predicate():
            assert time.monotonic() < end, "it did not happen; on the screen:\n" + screen_text(self.app)
            await self.pilot.pause(wait)
            wait = min(0.15, wait * 1.5)

    async def see(self, *patterns: str) -> str:
        """Wait until everything stands on the screen; return the screen."""
        text = ""

        def there() -> bool:
            nonlocal text
            text = screen_text(self.app)
            return all(re.search(pattern, text) for pattern in patterns)

        await self.until(there)
        return text


def new_run(shop: Path) -> RunFolder:
    """A queued run of the project, as the command line would make it."""
    return create_run(Project.load(shop))


async def until(predicate: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for something without an app."""
    end = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)
