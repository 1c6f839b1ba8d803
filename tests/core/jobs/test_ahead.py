"""A stage that another process makes beside the engine: the same artefact, whatever happens to either process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from core.errors import Interrupted
from core.jobs.ahead import StageAhead, _Teller
from core.pipeline import BESIDE, STAGES, run_stages
from core.project import Project
from core.run.folder import RunFolder
from core.run.identity import identity
from core.run.reporter import Wish
from core.run.status import Status
from tests.core.engine_tools import Until, stages_of, up_to

ROOT = Path(__file__).parents[3]


class Beside(Until):
    """Stays in the first stage until the second one is at work too, does something then, and goes on to its end."""

    def __init__(self, then: Callable[[int], Wish] = lambda process: "go") -> None:
        super().__init__(BESIDE[1])
        self.then, self.begun, self.did = then, threading.Event(), False
        self.curves: list[str] = []

    def meanwhile(self, stage: str, done: float, total: float, unit: str = "") -> None:
        assert stage == BESIDE[1] and self.ran[-1] != stage and 0 < done <= total
        self.begun.set()

    def metric(self, step: int, values: object) -> None:
        self.curves.append(self.ran[-1])

    def wants(self) -> Wish:
        if self.ran[-1:] == [BESIDE[0]] and not self.did:
            assert self.begun.wait(120)
            self.did = True
            return self.then(self.process)
        return super().wants()

    @property
    def process(self) -> int:
        return int(next(text for text in self.logs if "at the same time" in text).rpartition(" ")[2])


def run_both(file: Path, reporter: Beside) -> dict[str, Path]:
    project = Project.load(file)
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    with pytest.raises(Interrupted), StageAhead(folder, reporter) as ahead:
        run_stages(project, reporter, folder, ahead.reached)
    assert not identity(reporter.process)
    return stages_of(project)


def assert_same(found: dict[str, Path], expected: dict[str, Path]) -> None:
    for stage in BESIDE:
        assert found[stage].name == expected[stage].name
        one, two = (folder[stage] / "sasrec.safetensors" for folder in (found, expected))
        assert one.read_bytes() == two.read_bytes(), stage
        assert not list(found[stage].glob("loop*"))


def test_the_two_do_not_read_each_other(world: Path) -> None:
    project, names = Project.load(world), [stage.name for stage in STAGES]
    first, second = (STAGES[names.index(name)] for name in BESIDE)
    assert names.index(first.name) < names.index(second.name)
    assert all(names.index(name) < names.index(first.name) for name in second.inputs(project))


def test_stopped_and_gone_on_both_are_what_they_are_one_after_another(world: Path, trained_project: Project) -> None:
    stopped = Beside(lambda process: "stop")
    made = run_both(world, stopped)
    assert stopped.ran[-1] == BESIDE[0]
    first, second = (made[stage].with_suffix(".partial") / "loop.json" for stage in BESIDE)
    assert first.is_file() and (second.is_file() or made[BESIDE[1]].is_dir())  # it may have come to its end
    assert_same(up_to(BESIDE[1], world), stages_of(trained_project))


@pytest.mark.slow  # a process that loads everything
def test_the_story_is_that_of_one_after_another(world: Path, trained_project: Project) -> None:
    reporter = Beside()
    assert_same(run_both(world, reporter), stages_of(trained_project))
    assert [stage for stage in reporter.ran if stage in BESIDE] == list(BESIDE) and not reporter.reused
    assert reporter.curves == sorted(reporter.curves, key=reporter.ran.index)  # no curve is drawn into another
    assert set(BESIDE) <= set(reporter.curves) and not any("is made here" in text for text in reporter.logs)


@pytest.mark.slow  # a process that loads everything
def test_where_the_other_process_is_killed_the_engine_makes_it(world: Path, trained_project: Project) -> None:
    def kill(process: int) -> Wish:
        os.kill(process, signal.SIGKILL)
        return "go"

    assert_same(run_both(world, Beside(kill)), stages_of(trained_project))


def test_an_error_is_that_of_the_engine(world: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Spoilt(Beside):
        def stage_started(self, name: str, fingerprint: str = "") -> None:
            super().stage_started(name, fingerprint)
            if name == BESIDE[0]:
                (made["semantic"] / "vectors.npz").unlink()
                self.did = True

    project = Project.load(world, ["index.sources=['behavior']", "vectors.align=none"])
    made = stages_of(project)
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    reporter = Spoilt()
    with StageAhead(folder, reporter) as ahead, pytest.raises(FileNotFoundError, match=r"vectors\.npz"):
        run_stages(project, reporter, folder, ahead.reached)
    assert reporter.ran[-1] == BESIDE[1]
    assert any(re.search(r"ended with code \d: teacher is made here", text) for text in reporter.logs)
    assert not identity(reporter.process)


ENGINE = """
import sys
from pathlib import Path
from core.jobs.ahead import StageAhead
from core.pipeline import run_stages
from core.project import Project
from core.run.folder import RunFolder
from tests.core.jobs.test_ahead import Beside

def wait(process):
    print(process, flush=True)
    sys.stdin.read()

reporter, folder = Beside(wait), RunFolder(Path(sys.argv[1]))
with StageAhead(folder, reporter) as ahead:
    run_stages(Project.load(folder.project_path), reporter, folder, ahead.reached)
"""


@pytest.mark.slow  # two processes that load everything
def test_where_the_engine_is_killed_the_other_process_saves_and_ends(world: Path, trained_project: Project) -> None:
    project = Project.load(world)
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    argv = [sys.executable, "-c", ENGINE, str(folder.path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as engine:
        assert engine.stdout is not None
        process = int(engine.stdout.readline())
        engine.kill()
    end = time.monotonic() + 60
    while identity(process) and time.monotonic() < end:
        time.sleep(0.05)
    assert not identity(process)
    made = stages_of(project)[BESIDE[1]]
    assert (made.with_suffix(".partial") / "loop.json").is_file() or made.is_dir()
    assert_same(up_to(BESIDE[1], world), stages_of(trained_project))


def test_the_other_process_pauses_with_the_run(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, 'name = "x"\n', "x")
    folder.write_status(Status(state="running", paused=True))
    needless, heard = threading.Event(), list[Wish]()
    teller = _Teller(folder, needless, StringIO())
    waiting = threading.Thread(target=lambda: heard.append(teller.wants()))
    waiting.start()
    time.sleep(0.5)
    assert not heard
    folder.write_status(Status(state="running"))
    waiting.join(30)
    assert heard == ["go"]
    needless.set()
    assert teller.wants() == "stop"
