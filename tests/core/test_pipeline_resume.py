"""The same seed gives the same bytes, also where somebody stopped the engine on the way."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.errors import Interrupted
from core.pipeline import plan, run_stages
from core.project import Project
from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.reporter import Wish
from tests.core.engine_tools import (
    Recorder,
    StopAfter,
    copy_stages,
    stages_of,
    up_to,
    walks,
    write_world,
)


def metrics_of(project: Project) -> bytes:
    return (stages_of(project)["evaluate"] / "metrics.json").read_bytes()


def test_the_same_seed_in_another_folder_gives_the_same_bytes(trained_project: Project, world: Path) -> None:
    project = Project.load(world)
    reporter = Recorder()
    made = run_stages(project, reporter)
    assert reporter.ran == [stage.name for stage in plan(project)]
    assert metrics_of(project) == metrics_of(trained_project)
    one, two = stages_of(trained_project), made
    for stage, name in (("semantic", "vectors.npz"), ("behavior", "vectors.npz"), ("index", "index.parquet"),
                        ("sasrec", "sasrec.safetensors"), ("tune", "best/model.safetensors"),
                        ("evaluate", "ranks.parquet")):  # fmt: skip
        assert (one[stage] / name).read_bytes() == (two[stage] / name).read_bytes(), stage
        assert one[stage].name == two[stage].name  # where a project lies does not matter


def test_where_the_data_come_from_does_not_matter(trained_project: Project, world: Path) -> None:
    """The same rows as Parquet: another file, so another fingerprint, but the same sequences."""
    pl.read_csv(world.parent / "log.csv").write_parquet(world.parent / "log.parquet")
    made = up_to("data", world, "data.interactions=log.parquet")
    ours = stages_of(trained_project)
    for name in ("users.parquet", "items.parquet", "sequences.parquet"):
        assert (made["data"] / name).read_bytes() == (ours["data"] / name).read_bytes()


BREAKS = [
    ("tune", 17), ("sasrec", 3), ("evaluate", 1),
    *(pytest.param(*one, marks=pytest.mark.slow) for one in (("tune", 2), ("baselines", 2))),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "calls"), BREAKS)
def test_an_interrupted_run_ends_the_same(stage: str, calls: int, trained_project: Project, world: Path) -> None:
    project = Project.load(world)
    copy_stages(trained_project, project, stage)
    with pytest.raises(Interrupted, match=stage) as told:
        run_stages(project, Recorder(stop_in=stage, calls=calls))
    assert told.value.exit_code == 130 and "goes on" in told.value.remedy
    planned = {step.name: step for step in plan(project)}
    stages = list(planned)
    assert planned[stage].state == "run" and "goes on" in planned[stage].note
    reporter = Recorder()
    run_stages(project, reporter)
    assert reporter.ran == stages[stages.index(stage) :] and reporter.reused == stages[: stages.index(stage)]
    if stage in ("tune", "sasrec"):
        assert any("resumed at step" in text for text in reporter.logs)
    assert metrics_of(project) == metrics_of(trained_project)


def test_a_stop_in_training_names_its_checkpoint(trained_project: Project, world: Path) -> None:
    project, reporter = Project.load(world), Recorder(stop_in="tune", calls=6)
    copy_stages(trained_project, project, "tune")
    with pytest.raises(Interrupted) as told:
        run_stages(project, reporter)
    assert reporter.checkpoints and told.value.message.endswith("; its checkpoint is saved")
    assert any(reporter.checkpoints[-1].iterdir())


def test_stopped_between_stages(world: Path) -> None:
    with pytest.raises(Interrupted, match="data"):
        run_stages(Project.load(world), StopAfter(1))
    states = [stage.state for stage in plan(Project.load(world))]
    assert states[0] == "reuse" and set(states[1:]) == {"run"}


class Validations(Recorder):
    """Counts the validations, and how often it was asked for a wish before each of them."""

    def __init__(self, stop_in: str = "", calls: int = 1) -> None:
        super().__init__(stop_in, calls)
        self.asked, self.asked_at = 0, list[int]()

    @property
    def validations(self) -> int:
        return len(self.asked_at)

    def evaluation(self, step: int, split: str, values: Any) -> None:
        if split == "valid":
            self.asked_at.append(self.asked)

    def wants(self) -> Wish:
        self.asked += bool(self.ran and self.ran[-1] == "tune")
        return super().wants()


def two_stages(made: Project, folder: Path, first_rate: str, second_rate: str, *overrides: str) -> Project:
    """A project with two stages of training, and what another project made before them."""
    file = write_world(folder, walks())
    text = file.read_text(encoding="utf-8").replace("learning_rate = 1e-2", f"learning_rate = {first_rate}")
    second = f'[[tune.stages]]\nname = "again"\nepochs = 4\nlearning_rate = {second_rate}\n'
    file.write_text(text + second, encoding="utf-8")
    project = Project.load(file, overrides)
    copy_stages(made, project, "tune")
    return project


@pytest.mark.parametrize(
    "second",
    ["all", *(pytest.param(name, marks=pytest.mark.slow) for name in ("lora+new-tokens", "lora", "new-tokens"))],
)
def test_two_stages_of_training_interrupted_in_the_second(
    second: str, trained_project: Project, tmp_path: Path
) -> None:
    """A stage of tasks in words with the contrast, and one of each kind behind it."""
    settings = ["tune.ema=0.9", "tune.token_dropout=0.1", "tune.patience=9", f"tune.stages.1.train={second}"]
    settings += ["tune.stages.0.tasks={sequential=1, code-to-title=0.5, yes-no=0.5}", "contrast.form=next"]
    settings += ["tune.packing=true"] if second == "lora" else []
    whole = two_stages(trained_project, tmp_path / "whole", "1e-2", "5e-3", *settings)
    told = Validations()
    run_stages(whole, told)
    assert told.validations == 3 + 4
    first = told.asked_at[2]  # when the third validation was over, and so the first stage
    for calls in (first + 2, first + 12):
        project = two_stages(trained_project, tmp_path / str(calls), "1e-2", "5e-3", *settings)
        reporter = Validations("tune", calls)
        with pytest.raises(Interrupted, match="stopped in stage tune"):
            run_stages(project, reporter)
        again = Validations()
        run_stages(project, again)
        assert reporter.validations + again.validations == 3 + 4
        best = stages_of(whole)["tune"] / "best"
        for path in sorted(path for path in best.rglob("*") if path.is_file()):
            again_there = stages_of(project)["tune"] / "best" / path.relative_to(best)
            assert again_there.read_bytes() == path.read_bytes(), path
        assert metrics_of(project) == metrics_of(whole)


def test_patience_begins_anew_in_every_stage(trained_project: Project, tmp_path: Path) -> None:
    """Nothing is learnt in either: the first stops after its third validation, the second after its second."""
    told = Validations()
    run_stages(two_stages(trained_project, tmp_path, "1e-12", "1e-12", "tune.patience=2"), told)
    assert told.validations == 3 + 2


@pytest.mark.slow  # a process that loads everything; the test of a stop in training above is quick
def test_sigterm_in_training_leaves_a_checkpoint(world: Path) -> None:
    """The engine as its own process, which would train for minutes."""
    text = world.read_text(encoding="utf-8")
    world.write_text(text.replace('"sequential"\nepochs = 3', '"sequential"\nepochs = 4000'), encoding="utf-8")
    project = Project.load(world, ["tune.patience=1000"])
    folder = RunFolder.create(project.runs_dir, project.to_toml(), "long")
    child = subprocess.Popen([sys.executable, "-m", "core", "train", str(folder.path)], stdout=subprocess.DEVNULL)
    try:
        reader, steps, end = EventReader(folder.events_path), 0, time.monotonic() + 600
        while steps < 3 and time.monotonic() < end and child.poll() is None:
            steps += sum(e.kind == "progress" and e.data["task"] == "sequential" for e in reader.poll())
            time.sleep(0.05)
        assert steps, folder.log_tail()
        child.terminate()
        assert child.wait(300) == 130
    finally:
        child.kill()
    status = folder.status()
    assert status.state == "stopped" and status.checkpoint and "checkpoint" in status.error
    place = folder.path / status.checkpoint
    assert any(place.glob("*.safetensors"))
    planned = {stage.name: stage for stage in plan(Project.load(folder.project_path))}
    assert planned["index"].state == "reuse" and "goes on" in planned["tune"].note
