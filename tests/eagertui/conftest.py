"""A small project, and the app opened on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.run import launch
from core.run.folder import RunFolder
from core.run.listing import list_runs
from eagertui.app import EagerApp
from eagertui.cli.verbs import place_of
from tests.eagertui.app_tools import PROJECT, QUICK, Eyes, fake_engine, new_run


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
def logs(shop: Path) -> Path:
    """A log in the shop, and a project file that names it."""
    rows = [f"u{user},i{(user * 7 + n * 3) % 11},{1600000000 + n}" for user in range(30) for n in range(8)]
    (shop / "logs.csv").write_text("user_id,item_id,timestamp\n" + "\n".join(rows) + "\n")
    (shop / "project.toml").write_text(
        'name = "shop"\n[data]\ninteractions = "logs.csv"\nuser = "user_id"\nitem = "item_id"\ntime = "timestamp"\n'
    )
    return shop / "logs.csv"


@pytest.fixture
def open_app(shop: Path) -> Callable[..., object]:
    """Open the app on the project: `async with open_app("--steps", "5", size=(80, 24)) as eyes`."""

    @asynccontextmanager
    async def _open(
        *options: str, size: tuple[int, int] = (80, 24), project: Path | None = shop, verb: str = ""
    ) -> AsyncIterator[Eyes]:
        app = EagerApp(project, place_of(verb), engine=fake_engine(*options))
        async with app.run_test(size=size, notifications=True) as pilot:
            yield Eyes(app, pilot)
            await app.serve_beside(None)
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
