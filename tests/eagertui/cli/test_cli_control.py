"""Asking a run at work from another shell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import ProjectError
from core.run import launch
from core.run.folder import RunFolder
from eagertui.cli import headless
from tests.eagertui.app_tools import SLOW, fake_engine, new_run, until
from tests.eagertui.cli.cli_tools import PROJECT


@pytest.fixture
def live(tmp_path: Path) -> Iterator[RunFolder]:
    (tmp_path / "project.toml").write_text(PROJECT)
    run = new_run(tmp_path)
    launch.launch(run, command=fake_engine(*SLOW))
    yield run
    launch.kill(run)


async def test_pause_resume_and_stop_reach_the_engine(live: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    file = live.path.parents[1] / "project.toml"
    await until(lambda: live.status().task == "tune")
    assert headless.control(file, "pause", None, True) == 0
    assert json.loads(capsys.readouterr().out) == {"run": str(live.path.resolve()), "asked": "pause"}
    await until(lambda: live.status().paused)
    assert headless.control(file, "resume", live.id[-4:], False) == 0
    assert live.id in capsys.readouterr().err
    await until(lambda: not live.status().paused)
    assert headless.control(file, "stop", None, False) == 0
    await until(lambda: live.status().state == "stopped")
    assert live.status().checkpoint


async def test_kill_ends_it_at_once(live: RunFolder) -> None:
    await until(lambda: live.status().task == "tune")
    assert headless.control(live.path.parents[1] / "project.toml", "kill", None, False) == 0
    assert live.status().state == "stopped"
    assert not live.status().live


def test_without_a_run_at_work_nothing_is_asked(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(PROJECT)
    with pytest.raises(ProjectError, match=r"no run in .* is at work"):
        headless.control(tmp_path / "project.toml", "stop", None, False)
    run = new_run(tmp_path)
    with pytest.raises(ProjectError, match=f"run {run.id} is not at work"):
        headless.control(tmp_path / "project.toml", "stop", run.id, False)
    assert run.control_path.read_text() == ""
