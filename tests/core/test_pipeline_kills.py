"""kill -9 at random moments of a whole run, of its engine and of the command that started it: the end is the same.

`EAGERTUI_KILLS=50 python -m pytest -m slow tests/core/test_pipeline_kills.py` kills fifty times.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.project import Project
from core.run.folder import RunFolder, list_runs
from core.store import STAGE_FILE
from tests.core.engine_tools import stages_of

KILLS = int(os.environ.get("EAGERTUI_KILLS", "6"))
TICKS = os.sysconf("SC_CLK_TCK")
TIMINGS = {STAGE_FILE, "seconds.json"}
"""Files that say how long something took."""
STARTING = 2.5
"""Seconds of processor time in which an engine is about to begin."""


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def commands(world: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Commands that were started; none of them, and no engine, outlives the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.wait()
    for run in list_runs(Project.load(world).runs_dir):
        with contextlib.suppress(ProcessLookupError):
            if run.status.live:
                os.kill(run.status.pid, signal.SIGKILL)


def seconds_of(pid: int) -> float | None:
    """Processor time that a process has taken; None where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else (int(fields[11]) + int(fields[12])) / TICKS


def wait_for(pid: int, seconds: float) -> None:
    """Until a process has taken so much processor time, or is gone."""
    while (taken := seconds_of(pid)) is not None and taken < seconds:
        time.sleep(0.01)


def engine_of(project: Project) -> int | None:
    """The process of the run that is alive, or was last; None where there is no run yet."""
    runs = list_runs(project.runs_dir)
    return next((run.status.pid for run in runs if run.status.live and run.status.pid), None)


def files_of(artefact: Path) -> set[Path]:
    """Files of an artefact that are the same for the same settings."""
    return {one.relative_to(artefact) for one in artefact.rglob("*") if one.is_file() and one.name not in TIMINGS}


@pytest.mark.slow  # a process that loads everything for every kill
def test_killed_at_any_moment_the_end_is_the_same(
    trained: RunFolder, world: Path, environment: dict[str, str], commands: list[subprocess.Popen[bytes]]
) -> None:
    whole = Project.load(trained.project_path)
    project = Project.load(world)
    argv = [sys.executable, "-m", "eagertui.cli", "--headless", "train", str(world)]
    draw = random.Random(0)

    def command() -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        commands.append(subprocess.Popen(argv, env=environment, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE))
        return commands[-1]

    for number in range(KILLS):
        child = command()
        if number % 3 == 2:  # the command alone: its engine goes on, and the next command finds it
            wait_for(child.pid, draw.uniform(0.1, 1.5))
            child.kill()
            child.wait()
            continue
        end = time.monotonic() + 600
        while (engine := engine_of(project)) is None and child.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        if engine is None:
            break  # it had come to its end
        # Half of the moments lie in what an engine does first, the other half anywhere.
        begun = seconds_of(engine) or 0.0
        wait_for(engine, begun + draw.uniform(0.0, STARTING if number % 2 else 4 * STARTING))
        with contextlib.suppress(ProcessLookupError):
            os.kill(engine, signal.SIGKILL)
        child.communicate(timeout=600)
    last = command()
    _, said = last.communicate(timeout=1200)
    assert last.returncode == 0, said.decode()
    ours, theirs = stages_of(whole), stages_of(project)
    # A command that finds the run finished begins another, which reuses everything; none is left on the way.
    for run in list_runs(project.runs_dir):
        assert run.status.state == "finished"
        assert run.folder.metrics() == trained.metrics()
    for stage, folder in ours.items():
        names, there = (files_of(one) for one in (folder, theirs[stage]))
        assert there == names, stage
        for name in sorted(names):
            assert (theirs[stage] / name).read_bytes() == (folder / name).read_bytes(), f"{stage}: {name}"
    left = [path.name for path in (project.runs_dir / ".store").iterdir() if path.name.endswith(".partial")]
    assert left == []
