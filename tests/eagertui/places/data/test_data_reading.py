"""How the Data place comes by its data: errors and their mending, leaving and coming back, the end of its child."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from core.project import Project
from core.run import launch
from eagertui.bridge import Bridge
from eagertui.places.data import screen
from eagertui.places.data.screen import DataScreen
from tests.eagertui.app_tools import until
from tests.eagertui.places.data.data_tools import PROJECT, Open, parted, ready, table, unclipped, write_project


@pytest.fixture
def readers(tmp_path: Path) -> Path:
    """A project of its own."""
    return write_project(tmp_path / "readers")


async def test_errors_are_told_and_mended(open_app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "LOOK", 0.1)
    folder = write_project(tmp_path / "shop")
    log = (folder / "log.csv").read_text()
    (folder / "log.csv").write_text(log + "r01,,2024-02-02\n" * 40)
    async with open_app(project=folder, verb="check") as eyes:
        text = await eyes.see(
            "The data cannot be used", r"log\.csv: 43 of 226 rows", "row 185", "data.max_rejected", r"\^r reads again"
        )
        unclipped(text)
        assert "Read again" in parted(text)[1] and "Sort" not in parted(text)[1]
        await eyes.press("v", "u", "o", "right_square_bracket")  # nothing to turn to
        assert isinstance(eyes.app.screen, DataScreen)
        (folder / "log.csv").write_text(log)
        await ready(eyes)  # a change of the file is noticed
        await eyes.see("of 182")
        (folder / "project.toml").write_text(PROJECT.replace('"when"', '"whem"'))
        await eyes.press("ctrl+r")
        await eyes.see("The project file, or a file that it names, is wrong", "whem", r"log\.csv has no column")
        (folder / "project.toml").write_text(PROJECT.replace("log.csv", "gone.csv"))
        await eyes.see("gone.csv")
        await eyes.press("c")
        assert "gone.csv" in eyes.app.clipboard
        (folder / "project.toml").write_text(PROJECT + "position = ''\n")
        await ready(eyes)


async def test_without_a_project(open_app: Open) -> None:
    async with open_app(project=None, verb="check") as eyes:
        await eyes.see("No project is open", "1 home")
        await eyes.pilot.resize_terminal(39, 11)
        await eyes.see("Too small")
        await eyes.pilot.resize_terminal(80, 24)
        text = await eyes.see("No project is open", "1 home")
        assert "Read again" not in text
        await eyes.press("ctrl+r", "v", "u", "slash")
        await eyes.see("No project is open")


async def test_one_can_leave_and_come_back(open_app: Open, readers: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    shutil.copytree(readers, folder, ignore=shutil.ignore_patterns("runs"))
    async with open_app(project=folder) as eyes:
        await eyes.press("2", "1")
        await eyes.until(lambda: any(isinstance(s, DataScreen) and s.ready for s in eyes.app._registry))
        assert eyes.app.current_mode == "home"
        await eyes.press("2")
        await ready(eyes)
        await eyes.see("of 182")
        await eyes.press("down")
        assert table(eyes).cursor_row == 1
        eyes.app.open_project(write_project(tmp_path / "other") / "project.toml")
        (tmp_path / "other" / "project.toml").write_text(PROJECT.replace('"readers"', '"others"'))
        await eyes.see("others · 182")


async def test_the_child_ends_with_the_app(
    open_app: Open, readers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "pid"
    sleeper = (
        "import json, os, pathlib, sys, time; print(json.dumps({'progress': 'reading for a week'}), flush=True); "
        f"pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(600)"
    )
    monkeypatch.setattr(launch, "engine_command", lambda: [sys.executable, "-c", sleeper])
    async with open_app(project=readers, verb="check") as eyes:
        await eyes.see(r"reading for a week … \d", r"eagertui --headless check")
        await eyes.until(lambda: note.exists() and note.read_text())
        first = int(note.read_text())
        note.unlink()
        await eyes.press("ctrl+r")  # called off, and begun anew
        await eyes.until(lambda: note.exists() and note.read_text())
        second = int(note.read_text())
        await eyes.until(lambda: not psutil.pid_exists(first))
        os.kill(second, 9)
        await eyes.see("Reading did not work", "ended without an answer")
        await eyes.press("ctrl+r")
        await eyes.until(lambda: note.exists() and note.read_text() not in ("", str(second)))
        third = int(note.read_text())
        assert psutil.pid_exists(third)
    await until(lambda: not psutil.pid_exists(third))


async def test_reading_while_training_reads_the_same(readers: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    shutil.copytree(readers, folder, ignore=shutil.ignore_patterns("runs"))
    bridges = [Bridge(folder), Bridge(folder)]
    told = await asyncio.gather(*(bridge.errand("data", str(bridge.project_file)) for bridge in bridges))
    assert told[0]["artefact"] == told[1]["artefact"] and told[0]["profile"] == told[1]["profile"]
    assert told[0]["max_history"] == Project.load(folder).data.max_history
