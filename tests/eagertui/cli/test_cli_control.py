"""Asking a run at work from another shell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.run import launch
from core.run.folder import RunFolder
from eagertui.cli import main
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
    assert main(["control", "pause", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"run": str(live.path.resolve()), "asked": "pause"}
    await until(lambda: live.status().paused)
    assert main(["control", "resume", str(file), "--run", live.id[-4:]]) == 0
    assert live.id in capsys.readouterr().err
    await until(lambda: not live.status().paused)
    assert main(["control", "stop", str(file)]) == 0
    await until(lambda: live.status().state == "stopped")
    assert live.status().checkpoint


async def test_kill_ends_it_at_once(live: RunFolder) -> None:
    await until(lambda: live.status().task == "tune")
    assert main(["control", "kill", str(live.path.parents[1])]) == 0
    assert live.status().state == "stopped"
    assert not live.status().live


def test_without_a_run_at_work_nothing_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "project.toml").write_text(PROJECT)
    assert main(["control", "stop", str(tmp_path)]) == 2
    assert re.search(r"no run in .* is at work", capsys.readouterr().err)
    run = new_run(tmp_path)
    assert main(["control", "stop", str(tmp_path), "--run", run.id]) == 2
    assert f"run {run.id} is not at work" in capsys.readouterr().err
    assert run.control_path.read_text() == ""
