"""A run's figures in trackers: steps that only grow, TensorBoard's real files, trackers that are missing or break."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from core import pipeline
from core.errors import ProjectError
from core.jobs import work
from core.jobs.start import create_run
from core.project import Project
from core.run import trackers
from core.run.events import Event, EventReader
from core.run.folder import RunFolder
from core.run.listing import list_runs
from core.run.reporter import RunReporter
from core.run.trackers import StepCounter, Trackers, require

Told = list[tuple[dict[str, float], int]]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "", "x")


class Fake:
    """A tracker that keeps what it hears, and breaks at the n-th figure."""

    def __init__(self, breaks_at: int = 10**9) -> None:
        self.told: Told = []
        self.left, self.ended, self.calls = breaks_at, False, 0

    def log(self, values: dict[str, float], step: int) -> None:
        self.calls += 1
        self.left -= 1
        if self.left < 0:
            raise ConnectionError("the network is gone")
        self.told.append((values, step))

    def finish(self) -> None:
        self.ended = True


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fake]:
    """Puts a fake in the place of every tracker."""

    def use(breaks_at: int = 10**9) -> Fake:
        fake = Fake(breaks_at)
        monkeypatch.setattr(trackers, "_started", lambda name, project, folder: fake)
        return fake

    return use


def steps(*story: tuple[str, Any]) -> list[int | None]:
    """What a timeline makes of a story of stages' names, figures' steps and starts."""
    timeline, found = StepCounter(), []
    for number, (kind, value) in enumerate(story):
        data = {"stage": value} if kind == "stage.started" else {"step": value, "values": {}}
        place = timeline.step(Event(number + 1, 0.0, kind, data))
        if kind == "metric":
            found.append(place)
    return found


def told_to(tracker: Fake, name: str) -> list[tuple[float, int]]:
    return [(values[name], step) for values, step in tracker.told if name in values]


def metrics(*own: int) -> Sequence[tuple[str, Any]]:
    return [("metric", step) for step in own]


def test_steps_only_grow_from_training_to_training():
    begin, tune = ("run.started", None), ("stage.started", "tune")
    assert steps(begin, ("stage.started", "sasrec"), *metrics(0, 20, 33), tune, *metrics(0, 20)) == [0, 20, 33, 34, 54]
    assert steps(begin, tune, *metrics(0, 20, 20, 0, 20)) == [0, 20, 20, 21, 41]  # its next stage counts anew


def test_a_run_that_goes_on_tells_nothing_twice():
    begin, tune = ("run.started", None), ("stage.started", "tune")
    before = [begin, tune, *metrics(0, 20, 0, 20, 40, 60)]
    assert steps(*before) == [0, 20, 21, 41, 61, 81]
    assert steps(*before, begin, tune, *metrics(40, 60, 80, 0)) == [0, 20, 21, 41, 61, 81, None, 81, 101, 102]
    assert steps(*before, begin, tune, *metrics(0, 20))[-2:] == [82, 102]  # the stage after it


def test_figures_are_named_by_their_stage_and_split(folder, fakes):
    fake = fakes()
    with RunReporter(folder) as reporter:
        reporter.report_to(("wandb",), "shop")
        reporter.stage_started("sasrec")
        reporter.metric(0, {"loss": 3.0})
        reporter.stage_started("tune")
        reporter.metric(20, {"loss": 2.0, "loss/sequential": 1.5})
        reporter.evaluation(20, "valid", {"ndcg@10": 0.25})
        reporter.metric(40, {"loss": float("nan")})
        reporter.evaluation(0, "test", {"ndcg@10": 0.3})
        (folder.path / "metrics.json").write_text(
            '{"test": {"model": {"ndcg@10": 0.3}, "popularity": {"ndcg@10": 0.1}}}'
        )
        reporter.artefact("metrics.json", folder.path / "metrics.json")
        reporter.finish("finished", 0)
    assert fake.told == [
        ({"sasrec/loss": 3.0}, 0),
        ({"tune/loss": 2.0, "tune/loss/sequential": 1.5}, 21),
        ({"valid/ndcg@10": 0.25}, 21),
        ({"test/ndcg@10": 0.3}, 42),
    ]
    assert fake.ended


def test_a_tracker_that_breaks_is_left_alone_and_the_run_goes_on(folder, fakes):
    fake = fakes(breaks_at=1)
    with RunReporter(folder) as reporter:
        reporter.report_to(("wandb",), "shop")
        reporter.stage_started("tune")
        for step in range(5):
            reporter.metric(step, {"loss": 1.0})
        reporter.finish("finished", 0)
    alerts = [e.data for e in EventReader(folder.events_path).poll() if e.kind == "alert"]
    assert [(a["level"], a["title"]) for a in alerts] == [("warning", "wandb gets no more figures")]
    assert "the network is gone" in alerts[0]["text"]
    assert fake.calls == 2 and len(fake.told) == 1
    assert folder.status().state == "finished"


def test_a_tracker_that_does_not_start_is_left_alone(folder, monkeypatch):
    def refuse(*_: object) -> None:
        raise RuntimeError("no key")

    monkeypatch.setattr(trackers, "_started", refuse)
    found = Trackers(("trackio",), "shop", folder)
    assert list(map(str, found.broken.values())) == ["no key"]
    found.hear(Event(1, 0.0, "metric", {"step": 1, "values": {"loss": 1.0}}))
    found.close()


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "trackio"])
def test_a_missing_package_is_said_before_a_run_is_there(world, monkeypatch, name):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda asked, *more: None if asked == name else real(asked, *more))
    project = Project.load(world, [f'run.report_to=["{name}"]'])
    with pytest.raises(ProjectError, match=rf"run\.report_to.*{name}") as refused:
        create_run(project)
    assert f"pip install {name}" in refused.value.remedy
    assert not project.runs_dir.exists()
    require(())


def test_the_setting_changes_no_artefact(world):
    plain, reported = (Project.load(world, sets) for sets in ([], ['run.report_to=["tensorboard"]']))
    assert pipeline.plan(plain) == pipeline.plan(reported)


def test_nothing_is_loaded_unless_one_is_asked_for():
    code = "import core.run.reporter, core.run.trackers, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"accelerate", "tensorboard", "torch"} & {name.partition(".")[0] for name in done.stdout.split()}


def curves(folder: RunFolder) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself reads of a run."""
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    read = event_accumulator.EventAccumulator(str(folder.path / "tensorboard"))
    read.Reload()
    return {tag: [(one.step, one.value) for one in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def test_tensorboard_reads_a_whole_run_back(world):
    pytest.importorskip("tensorboard")
    sets = ['run.report_to=["tensorboard"]', "tune.stages.0.epochs=2", "sasrec.epochs=2"]
    folder = create_run(Project.load(world, sets))
    assert work.train_run(folder) == 0, folder.status().error
    found = curves(folder)
    assert {
        "sasrec/sasrec_loss",
        "index/error",
        "tune/loss",
        "tune/epoch_loss",
        "valid/ndcg@10",
        "test/ndcg@10",
    } <= set(found)
    assert len(found["valid/ndcg@10"]) == 2
    assert found["test/ndcg@10"][0][1] == pytest.approx(folder.metrics()["test"]["model"]["ndcg@10"])
    said = [e.data["values"] for e in EventReader(folder.events_path).poll() if e.kind == "metric"]
    losses = [values["loss"] for values in said if "loss" in values]
    assert [value for _, value in found["tune/loss"]] == pytest.approx(losses) and losses
    assert found["sasrec/sasrec_loss"][-1][0] < found["tune/loss"][0][0]
    for points in found.values():
        assert [step for step, _ in points] == sorted(step for step, _ in points)
    assert not [e for e in EventReader(folder.events_path).poll() if e.kind == "alert" and "figures" in e.data["title"]]


def test_a_run_that_goes_on_writes_into_the_same_folder(folder):
    pytest.importorskip("tensorboard")
    for resumed, own in ((False, (0, 20, 40)), (True, (20, 40, 60))):
        with RunReporter(folder) as reporter:
            reporter.report_to(("tensorboard",), "shop")
            reporter.stage_started("tune")
            for step in own:
                reporter.metric(step, {"loss": float(step)})
            reporter.finish("finished" if resumed else "stopped", 0)
    assert curves(folder) == {"tune/loss": [(0, 0.0), (20, 20.0), (40, 40.0), (40, 40.0), (60, 60.0)]}


def test_the_command_line_says_what_to_install(world):
    if importlib.util.find_spec("trackio") is not None:
        pytest.skip("it is installed here")
    argv = [
        sys.executable,
        "-m",
        "eagertui.cli",
        "--headless",
        "train",
        str(world),
        "--set",
        'run.report_to=["trackio"]',
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "run.report_to" in done.stderr and "pip install trackio" in done.stderr
    assert not list_runs(Project.load(world).runs_dir)
