"""Whatever has become of a person's files: every place opens, says what is true, and goes on working."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import EagerError
from core.jobs import errands
from core.run.folder import RunFolder
from eagertui import watching
from eagertui.app import EagerApp
from eagertui.config import Config, Memory
from eagertui.places.data.screen import DataScreen
from eagertui.places.home.projects import ProjectList
from eagertui.widgets.row_list import RowList
from tests.eagertui.app_tools import Eyes, screen_text
from tests.eagertui.damage import ANY, JSON, Damage, holding, remove
from tests.eagertui.scenes import Answers, Scene, settled, stay
from tests.eagertui.terminal_tools import looks_whole
from tests.eagertui.world import World, world

SIZE = (100, 30)
fell: list[BaseException] = []
"""Whatever nobody expected, in the app or in the processes that it has work done in."""


class Work(Answers):
    """Does the errands `data` and `plan` by the engine's own code; what falls over there ends no app."""

    async def __call__(self, work: str, *argv: str, on_progress: Callable[[str], None] | None = None) -> dict[str, Any]:
        options = argparse.Namespace(project=Path(argv[0]), overrides=[])
        try:
            return await asyncio.to_thread(getattr(errands, work), options, lambda text: None)
        except EagerError:
            raise
        except BaseException as error:
            fell.append(error)
            raise EagerError(f"the {work} process ended without an answer: {error}") from error


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world in which nothing unexpected may happen."""
    fell.clear()
    monkeypatch.setattr(watching, "keep_traceback", lambda error: fell.append(error) or tmp_path)
    monkeypatch.setattr(watching, "RUNS_INTERVAL", 0.05)
    with world(tmp_path) as made:
        yield made
    if fell:
        raise ExceptionGroup(f"{len(fell)} mistakes", [one for one in fell if isinstance(one, Exception)])


@contextlib.asynccontextmanager
async def opened(made: World, project: Path | None) -> AsyncIterator[Eyes]:
    """The app on a project."""
    with Scene(lambda made: project, stay).app(made) as app:
        app.bridge.errand = Work(made)  # type: ignore[method-assign]
        async with app.run_test(size=SIZE, notifications=True) as pilot:
            eyes = Eyes(app, pilot)
            await eyes.until(lambda: app.runs_read)
            yield eyes


async def visit(eyes: Eyes, *keys: str) -> None:
    """Press keys; whatever then stands there is whole."""
    for key in keys:
        await eyes.press(key)
        await settled(eyes)
        looks_whole(eyes.app)


async def look_at(eyes: Eyes, folder: RunFolder) -> None:
    """The places that speak of one run."""
    app = eyes.app
    app.look_at(folder)
    await eyes.until(lambda: app.follower is not None and not app.follower.behind)
    await visit(eyes, "4", "3")


def copies(whole: RunFolder, file: str, damages: dict[str, Damage]) -> dict[str, RunFolder]:
    """For each damage a run that has it, instead of the whole one."""
    runs = {}
    for number, (name, damage) in enumerate(damages.items()):
        runs[name] = run = RunFolder(whole.path.with_name(f"{whole.id[:-4]}{number:04x}"))
        shutil.copytree(whole.path, run.path)
        damage(run.path / file)
    shutil.rmtree(whole.path)
    return runs


def some(file: str, damages: dict[str, Damage], count: int) -> dict[str, Damage]:
    """A few kinds of damage, others for every file."""
    return {name: damages[name] for name in random.Random(file).sample(sorted(damages), min(count, len(damages)))}


def mostly(files: Iterable[str], *slow: str) -> list[Any]:
    """The files as parameters; those whose like is among the others are slow."""
    return [pytest.param(file, marks=pytest.mark.slow) if file in slow else file for file in files]


RUN_FILES = {
    "run.json": ("finished", JSON),
    "status.json": ("live", JSON),
    "metrics.json": ("finished", JSON),
    "ranks.parquet": ("finished", ANY),
    "events.jsonl": ("live", JSON),
    "estimate.json": ("live", JSON),
    "stages/index.json": ("finished", {name: one for name, one in JSON.items() if name != "deep"}),
    "stages/data.json": ("finished", JSON),
    "control.jsonl": ("live", ANY),
    "stdout.log": ("failed", ANY),
    "project.resolved.toml": ("live", ANY),
}


@pytest.mark.parametrize("file", mostly(RUN_FILES, "estimate.json", "stages/data.json", "stdout.log"))
async def test_a_file_of_a_run(made: World, file: str) -> None:
    kind, damages = RUN_FILES[file]
    damages = some(file, damages, 3)
    project = made.project()
    whole = getattr(made, kind)(project)
    if not (whole.path / file).exists():
        (whole.path / file).write_text('{"stage": "data", "summary": {"users": 60, "items": 24}}')
    runs = copies(whole, file, damages)
    async with opened(made, project) as eyes:
        for run in runs.values():
            await look_at(eyes, run)
        await visit(eyes, "6", "1")
        for info in eyes.app.runs:
            eyes.app.screen.query_one("#runs", RowList).go_to(info.id)
            await eyes.pilot.pause()
            looks_whole(eyes.app)
        assert {run.id for run in eyes.app.runs} >= {
            run.id for name, run in runs.items() if name not in ("gone", "unreadable")
        }


DATA_FILES = {
    "log.parquet": ANY,
    "books.parquet": ANY,
    "stage.json": JSON,
    "report.json": JSON,
    "users.parquet": ANY,
    "items.parquet": ANY,
    "sequences.parquet": ANY,
}


@pytest.mark.parametrize("file", mostly(DATA_FILES, "books.parquet", "users.parquet", "items.parquet"))
async def test_a_file_of_the_data(made: World, file: str) -> None:
    project = made.project()
    made.write_tables(project.parent)
    options = argparse.Namespace(project=project, overrides=[])
    artefact = Path(await asyncio.to_thread(lambda: errands.data(options, lambda text: None)["artefact"]))
    path = (project.parent if file in ("log.parquet", "books.parquet") else artefact) / file
    content = path.read_bytes()
    async with opened(made, project) as eyes:
        for damage in some(file, DATA_FILES[file], 2).values():
            damage(path)
            await visit(eyes, "2")
            if isinstance(eyes.app.screen, DataScreen):
                eyes.app.screen.action_read_again()
            await visit(eyes, "v", "t", "escape")
            remove(path)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)


async def test_a_project_file(made: World) -> None:
    project = made.project()
    made.finished(project)
    content = project.read_bytes()
    async with opened(made, project) as eyes:
        for name, damage in some("project", ANY, 4).items():
            damage(project)
            if name not in ("half", "forbidden", "empty"):  # half a file may be one, and so may an empty one
                await eyes.until(lambda: eyes.app.project_error is not None)
            await visit(eyes, "2", "5", "t", "escape", "1")
            remove(project)
            project.write_bytes(content)
            await eyes.until(lambda: eyes.app.project_error is None)
        assert "bookshop" in screen_text(eyes.app)


@pytest.mark.parametrize("name", JSON)
def test_what_is_remembered(tmp_path: Path, name: str) -> None:
    path = tmp_path / "state.json"
    whole = Memory(path)
    whole.set("theme", "dark")
    whole.opened(tmp_path / "project.toml", "shop")
    JSON[name](path)
    memory = Memory(path)
    ProjectList().look([file for file, _ in memory.projects], dict(memory.projects))
    EagerApp(memory=memory)
    memory.opened(tmp_path / "other.toml", "other")
    assert memory.projects[0] == (tmp_path / "other.toml", "other")


@pytest.mark.parametrize("path", ["", "\0", "a\0b", "\ud800", "x" * 9_000, 7, None, ["x"]])
def test_a_remembered_file_that_no_disk_can_hold(tmp_path: Path, path: object) -> None:
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"projects": [{"path": path, "name": path}]}))
    memory = Memory(state)
    assert not any(one.there for one in ProjectList().look([p for p, _ in memory.projects], dict(memory.projects)))


@pytest.mark.parametrize("damage", [*ANY.values(), holding(b"a = " + b"[" * 50_000), holding(b"theme = 7\n[keys]\n")])
def test_own_settings(tmp_path: Path, damage: Damage) -> None:
    path = tmp_path / "config.toml"
    path.write_text('theme = "dark"\n[keys]\nquit = "ctrl+x"\n')
    damage(path)
    assert Config.load(path).symbols == "braille"


async def test_only_what_was_measured_is_compared(made: World) -> None:
    project = made.project()
    whole, hurt = made.finished(project), made.finished(project, began=9_000.0)
    (hurt.path / "metrics.json").write_text("{")
    async with opened(made, project) as eyes:
        await visit(eyes, "6")
        assert [row.option_count for row in eyes.app.screen.query("#table").results(RowList)] == [1]
        await visit(eyes, "1")
        eyes.app.screen.query_one("#runs", RowList).go_to(hurt.id)
        await eyes.see("no metrics")
        assert whole.id in {run.id for run in eyes.app.runs if run.metrics}
