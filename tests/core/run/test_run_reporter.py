"""The reporter inside the engine's process: throttling, wishes, last words."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import DataError, EnvironmentFault, Interrupted
from core.run import launch
from core.run.engine import run_engine
from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.reporter import NullReporter, Reporter, RunReporter
from core.run.reporting import in_passes
from core.run.status import Status
from tests.core.run.run_tools import QUICK, command


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "", "x")


def kinds(folder: RunFolder) -> list[str]:
    return [e.kind for e in EventReader(folder.events_path).poll()]


def test_progress_is_throttled_and_the_last_is_written(folder: RunFolder) -> None:
    with RunReporter(folder) as reporter:
        reporter.stage_started("read")
        for n in range(2001):
            reporter.progress("read", n, 2000, "rows")
        reporter.progress("clean", 1, 5, "steps")
        reporter.progress("clean", 3, 5, "steps")
        reporter.stage_finished("read", 1.0, {})
        reporter.finish("finished", 0)
    events = [e.data for e in EventReader(folder.events_path).poll() if e.kind == "progress"]
    assert 3 <= len(events) < 20
    assert [e["done"] for e in events if e["task"] == "read"][-1] == 2000
    assert [e["done"] for e in events if e["task"] == "clean"][-1] == 3
    assert kinds(folder)[-1] == "run.finished"
    assert folder.status().state == "finished"


def test_wishes(folder: RunFolder) -> None:
    with RunReporter(folder) as reporter:
        assert reporter.wants() == "go"
        launch.send(folder, "checkpoint")
        end = time.monotonic() + 5
        while (wish := reporter.wants()) == "go" and time.monotonic() < end:
            pass
        assert wish == "checkpoint"
        assert reporter.wants() == "go"
        launch.send(folder, "pause")
        launch.send(folder, "stop")
        while (wish := reporter.wants()) == "go" and time.monotonic() < end:
            pass
        assert (wish, reporter.wants()) == ("stop", "stop")
        reporter.finish("stopped", 130)


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        (None, "finished", 0),
        (DataError("row 7", "look"), "failed", 4),
        (Interrupted("stopped"), "stopped", 130),
        (KeyboardInterrupt(), "stopped", 130),
        (MemoryError(), "failed", 3),
        (OSError(28, "No space left on device"), "failed", 3),
        (ValueError("a bug"), "failed", 1),
    ],
)
def test_every_end_has_a_state_and_a_code(
    folder: RunFolder, error: BaseException | None, state: str, code: int
) -> None:
    def work(reporter: Reporter) -> None:
        reporter.log("hello")
        if error:
            raise error

    assert run_engine(folder, work) == code
    status = folder.status()
    assert (status.state, status.exit_code) == (state, code)
    assert kinds(folder) == ["run.started", "log", "run.finished"]
    assert not folder.locked()


def test_an_engine_that_leaves_without_a_word_failed(folder: RunFolder) -> None:
    with RunReporter(folder):
        with pytest.raises(EnvironmentFault), RunReporter(folder):
            pass
        assert folder.status().live
    assert folder.status().state == "failed"


def test_best_and_sequence_survive_a_resume(folder: RunFolder) -> None:
    def first(reporter: Reporter) -> None:
        reporter.evaluation(1, "valid", {"ndcg@10": 0.5})
        reporter.checkpoint(folder.path / "checkpoints" / "a", 1, best=True)

    def second(reporter: Reporter) -> None:
        reporter.evaluation(2, "valid", {"ndcg@10": 0.25})

    run_engine(folder, first)
    run_engine(folder, second)
    status = folder.status()
    assert status.best == {"ndcg@10": 0.5}
    assert status.checkpoint == "checkpoints/a"
    assert [e.seq for e in EventReader(folder.events_path).poll()] == list(range(1, 8))


def test_a_full_disk_fails_the_run_in_words(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(reporter: RunReporter) -> None:
        def full(*args: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(reporter._writer, "_put", full)
        reporter.log("one more line")

    assert run_engine(folder, work) == 3  # type: ignore[arg-type]
    assert "no space left" in folder.status().error
    assert "make room" in folder.status().remedy


def test_the_null_reporter_is_a_reporter() -> None:
    reporter: Reporter = NullReporter()
    reporter.progress("x", 1, 2)
    assert reporter.wants() == "go"


def test_the_time_of_a_run_that_goes_on_is_summed(folder: RunFolder) -> None:
    with RunReporter(folder) as reporter:
        reporter.finish("stopped", 130)
    folder.write_status(replace(folder.status(), elapsed=100.0))
    assert folder.status().seconds == 100.0
    with RunReporter(folder) as reporter:
        assert 100.0 <= folder.status().seconds < 130.0
        reporter.finish("finished", 0)
    assert 100.0 <= folder.status().seconds < 130.0
    last = [event for event in EventReader(folder.events_path).poll() if event.kind == "run.finished"][-1]
    assert 100.0 <= last.data["seconds"] < 130.0


def test_a_run_that_is_started_again_keeps_its_time(folder: RunFolder) -> None:
    folder.write_status(Status(state="stopped", started=time.time() - 5000.0, elapsed=50.0, clock=time.monotonic()))
    child = launch.start(folder, command=command(*QUICK))
    assert 50.0 <= folder.status().seconds < 80.0
    child.wait(60)
    launch.reap()
    assert 50.0 <= folder.status().seconds < 80.0


def test_the_passes_of_a_task_are_counted_and_go_on_from_each_other() -> None:
    heard: list[tuple[str, float, float]] = []

    class Hearing(NullReporter):
        def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
            heard.append((task, done, total))

    reporter = in_passes(Hearing(), "ranking", 2)
    for _ in range(2):
        reporter.progress("ranking", 64, 100, "users")
        reporter.progress("loading", 1, 3)
        reporter.progress("ranking", 100, 100, "users")
    reporter.progress("ranking", 100, 100, "users")  # one more than was thought
    assert reporter.wants() == "go"
    assert heard == [
        ("ranking 1 of 2", 64, 200), ("loading", 1, 3), ("ranking 1 of 2", 100, 200),
        ("ranking 2 of 2", 164, 200), ("loading", 1, 3), ("ranking 2 of 2", 200, 200),
        ("ranking 3 of 3", 300, 300),
    ]  # fmt: skip
