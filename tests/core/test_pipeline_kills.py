"""kill -9 at random moments of every stage of a run, of its engine and of the command: the end is the same.

`EAGERTUI_KILLS=50 python -m pytest -m slow -s tests/core/test_pipeline_kills.py` kills fifty times, over as many
runs as that takes, and prints how many times in which stage.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.pipeline import recipes_of
from core.project import Project
from core.run.folder import RunFolder
from core.run.listing import list_runs
from core.run.status import Status
from core.store import STAGE_FILE, Store, fingerprint
from tests.core.engine_tools import stages_of

KILLS = int(os.environ.get("EAGERTUI_KILLS", "8"))
TICKS = os.sysconf("SC_CLK_TCK")
TIMINGS = {STAGE_FILE, "seconds.json"}
"""Files that say how long something took."""
COMMAND, ENGINE = 0.5, 1.0
"""Seconds of processor time in which a command is about to start its engine, and in which that one begins."""
PATIENCE = 600.0
"""Seconds to wait for a stage, beside whatever else the machine does."""


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


def engine_of(project: Project) -> Status | None:
    """The run that is alive; None where there is none."""
    return next((run.status for run in list_runs(project.runs_dir) if run.status.live and run.status.pid), None)


def reaches(
    child: subprocess.Popen[bytes], project: Project, stage: str, partial: Path, artefact: Path
) -> tuple[bool, Status | None]:
    """Wait until an artefact is being made, and by whom; False where it is there already, or the command is at its end.

    A stage of the small world takes milliseconds: its status would be read too late, and so would a sleeper look.
    """
    end, status, begun = time.monotonic() + PATIENCE, engine_of(project), partial.exists()
    while child.poll() is None and time.monotonic() < end and not artefact.exists():
        # What an engine that was killed left of the stage says nothing of the one that is at work.
        if partial.exists() and (not begun or (status is not None and status.stage == stage)):
            return True, status
        status = engine_of(project) if begun or status is None else status
    return False, status


def files_of(artefact: Path) -> set[Path]:
    """Files of an artefact that are the same for the same settings."""
    return {one.relative_to(artefact) for one in artefact.rglob("*") if one.is_file() and one.name not in TIMINGS}


def assert_same_end(trained: RunFolder, project: Project) -> None:
    """Every run is finished with the same figures, and every file of every artefact is the same to the last byte."""
    for run in list_runs(project.runs_dir):
        assert run.status.state == "finished"
        assert run.folder.metrics() == trained.metrics()
        assert (run.folder.path / "metrics.json").read_bytes() == (trained.path / "metrics.json").read_bytes()
    ours, theirs = stages_of(Project.load(trained.project_path)), stages_of(project)
    for stage, folder in ours.items():
        names, there = (files_of(one) for one in (folder, theirs[stage]))
        assert there == names, stage
        for name in sorted(names):
            assert (theirs[stage] / name).read_bytes() == (folder / name).read_bytes(), f"{stage}: {name}"
    assert [path.name for path in (project.runs_dir / ".store").iterdir() if path.name.endswith(".partial")] == []


@pytest.mark.slow  # a process that loads everything for every kill
def test_killed_in_any_stage_the_end_is_the_same(
    trained: RunFolder, world: Path, environment: dict[str, str], commands: list[subprocess.Popen[bytes]]
) -> None:
    """A run is killed while its engine begins and then once in each stage, one of four times the command alone.

    The moment is drawn from the time that the stage takes where nobody disturbs it. A run that came to its end is
    compared with the one that nobody disturbed, and another is begun.
    """
    project = Project.load(world)
    argv = [sys.executable, "-m", "eagertui.cli", "--headless", "train", str(world)]
    draw, killed, ends = random.Random(0), Counter[str](), 0
    store, marks = (
        Store(project.runs_dir / ".store"),
        {name: fingerprint(one) for name, one in recipes_of(project).items()},
    )
    before = Store(trained.path.parent / ".store")
    lengths = {name: float(before.about(mark)["seconds"]) for name, mark in marks.items()}

    def command() -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        commands.append(subprocess.Popen(argv, env=environment, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE))
        return commands[-1]

    def come_to_the_end(child: subprocess.Popen[bytes]) -> None:
        _, said = child.communicate(timeout=2 * PATIENCE)
        assert child.returncode == 0, said.decode()
        assert_same_end(trained, project)
        shutil.rmtree(project.runs_dir)

    def kill(child: subprocess.Popen[bytes], status: Status | None, where: str) -> None:
        if status is None or sum(killed.values()) % 4 == 3:  # the command alone: its engine goes on, and is found again
            child.kill()
            child.wait()
            killed[f"command in {where}"] += 1
        else:
            with contextlib.suppress(ProcessLookupError):
                os.kill(status.pid, signal.SIGKILL)
            child.communicate(timeout=PATIENCE)
            killed[f"engine in {where}"] += 1

    while sum(killed.values()) < KILLS:
        places = draw.sample(["", *marks], k=min(len(marks) + 1, KILLS - sum(killed.values())))
        child = command()
        for place in sorted(places, key=["", *marks].index):
            if not place:
                wait_for(child.pid, draw.uniform(0.1, COMMAND))
                status, late = engine_of(project), draw.random() < 0.5
                while late and status is None and child.poll() is None:
                    status = engine_of(project)
                if status is not None:
                    wait_for(status.pid, draw.uniform(0.0, ENGINE))
                kill(child, status, "the beginning")
            else:
                artefact = store.artefact(marks[place])
                partial = artefact.with_suffix(".partial")
                there, status = reaches(child, project, place, partial, artefact)
                if not there:
                    continue  # the engine that lost its command went on faster
                time.sleep(draw.uniform(0.0, lengths[place]))
                kill(child, status, place if partial.exists() else f"what follows {place}")
            child = command()
        come_to_the_end(child)
        ends += 1
    print(f"\n{sum(killed.values())} kills, {ends} runs to their end:", dict(sorted(killed.items())))
