"""The Index place of a world, opened."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from core.index.lookup import Lookup
from eagertui.places.index.screen import IndexScreen
from tests.eagertui.app_tools import Eyes, fake_engine
from tests.eagertui.scenes import Scene, only, settled, stay
from tests.eagertui.world import World

SMALL = (80, 24)
FINISHED = only("finished")


@contextlib.asynccontextmanager
async def opened(
    made: World, build: Callable[[World], Path | None] = FINISHED, size: tuple[int, int] = SMALL, engine: str = ""
) -> AsyncIterator[Eyes]:
    """The place, its index read."""
    with Scene(build, stay).app(made) as app:
        if engine:
            app.bridge.engine = fake_engine(engine)
        async with app.run_test(size=size, notifications=True) as pilot:
            eyes = Eyes(app, pilot)
            await eyes.until(lambda: app.runs_read and app.current_mode)
            await eyes.press("3")
            await eyes.until(lambda: place(eyes)._stamp != ())
            await settled(eyes)
            yield eyes


def place(eyes: Eyes) -> IndexScreen:
    screen = next(screen for screen in eyes.app.screen_stack if isinstance(screen, IndexScreen))
    return screen


def lookup(eyes: Eyes) -> Lookup:
    found = place(eyes).lookup
    assert found is not None
    return found


def artefact(made: World) -> Path:
    """Where the only index lies."""
    return next(made.here.glob("*/runs/.store/*/index.parquet")).parent
