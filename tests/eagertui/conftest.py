"""A small project, a scripted engine, and eyes for the app's screen."""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console
from textual.pilot import Pilot

from core.run import launch
from core.run.folder import RunFolder, list_runs
from eagertui.app import EagerApp

FAKE = Path(__file__).parents[1] / "fake_engine.py"
PROJECT = 'name = "bookshop"\n[data]\ninteractions = "logs.csv"\n'
SLOW = ("--steps", "100000")
QUICK = ("--steps", "12", "--tick", "0")

OpenApp = Callable[..., "AsyncIterator[Eyes]"]


def fake_engine(*options: str) -> list[str]:
    """The command line of the scripted engine."""
    return [sys.executable, str(FAKE), *options]


def screen_text(app: EagerApp) -> str:
    """What stands on the screen, line by line."""
    width, height = app.size
    console = Console(
        width=width, height=height, file=io.StringIO(), record=True, force_terminal=True, legacy_windows=False
    )
    console.print(app.screen._compositor.render_update(full=True), end="")
    return console.export_text()


class Eyes:
    """An app under test: press keys, wait for what should appear."""

    def __init__(self, app: EagerApp, pilot: Pilot[None]) -> None:
        self.app, self.pilot = app, pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, predicate: Callable[[], object], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not predicate():
            assert time.monotonic() < end, "it did not happen; on the screen:\n" + screen_text(self.app)
            await self.pilot.pause(0.02)

    async def see(self, *patterns: str) -> str:
        """Wait until everything stands on the screen; return the screen."""
        await self.until(lambda: all(re.search(p, screen_text(self.app)) for p in patterns))
        return screen_text(self.app)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Path]:
    """A project folder; engines that still run on it afterwards are ended."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "project.toml").write_text(PROJECT)
    yield folder
    for run in list_runs(folder / "runs"):
        launch.kill(run.folder)


@pytest.fixture
def open_app(shop: Path) -> Callable[..., object]:
    """Open the app on the project: `async with open_app("--steps", "5", size=(80, 24)) as eyes`."""

    @asynccontextmanager
    async def _open(
        *options: str, size: tuple[int, int] = (80, 24), project: Path | None = shop, verb: str = ""
    ) -> AsyncIterator[Eyes]:
        app = EagerApp(project, verb, engine=fake_engine(*options))
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Eyes(app, pilot)
            if app.serving is not None:
                await app.serving.close()

    return _open


@pytest.fixture
def finished(shop: Path) -> RunFolder:
    """A finished run of the project."""
    run = new_run(shop)
    launch.start(run, command=fake_engine(*QUICK)).wait(timeout=30)
    assert run.status().state == "finished"
    return run


def new_run(shop: Path) -> RunFolder:
    """A queued run of the project, as the command line would make it."""
    from core.project import Project
    from eagertui.headless import create_run

    return create_run(Project.load(shop))


async def until(predicate: Callable[[], Awaitable[object] | object], seconds: float = 20.0) -> None:
    """Wait for something without an app."""
    import asyncio

    end = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)
