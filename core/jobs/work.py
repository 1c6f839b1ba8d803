"""What a process of the engine does for a run: all of its work, its metrics anew, a share of its tuning."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.assets import refuse_demo
from core.errors import ProjectError, StopRequested
from core.estimate import Estimate, estimate, times_made
from core.estimate.paces import keep_times
from core.evaluate.rank_shards import SHARDS
from core.files import WAIT, write_atomic
from core.jobs.ahead import StageAhead
from core.jobs.seeds import next_of_group
from core.jobs.start import check_start, start_training
from core.jobs.workers import count_of, workers
from core.machine import prepare
from core.pipeline import recipes_of, run_stages
from core.project import Project
from core.run import launch
from core.run.engine import run_engine
from core.run.folder import RunFolder
from core.run.reporter import NullReporter, RunReporter, Wish
from core.store import Store, fingerprint
from core.training.processes import leave
from core.tune.stage import make_tune


def join(project: Project) -> None:
    """Take part in what the processes of a run do together: the tuning, and the ranks of the evaluation.

    Everything else the first process makes alone. Where the process that started this one is gone, so is the work.
    """
    from core.evaluate.stage import help_evaluate

    prepare(project.run)
    parent = os.getppid()
    store = Store(project.runs_dir / ".store")
    made: dict[str, Path] = {}

    def orphaned() -> bool:
        return os.getppid() != parent

    for name, recipe in recipes_of(project).items():
        mark = fingerprint(recipe)
        made[name] = store.artefact(mark)
        folder = made[name].with_suffix(".partial")
        if name == "tune" and not store.has(mark):
            with contextlib.suppress(StopRequested):
                make_tune(project, made, folder, NullReporter())
            leave()
        while not store.has(mark) and not orphaned():
            if name == "evaluate" and (folder / SHARDS).is_dir():
                with contextlib.suppress(StopRequested):
                    help_evaluate(project, made, folder, _Helper(orphaned))
                return
            time.sleep(WAIT)
        if orphaned():
            return


class _Helper(NullReporter):
    """Says nothing, and stops once nobody needs the work."""

    def __init__(self, orphaned: Callable[[], bool]) -> None:
        self._orphaned = orphaned

    def wants(self) -> Wish:
        return "stop" if self._orphaned() else "go"


def train_run(folder: RunFolder) -> int:
    """Do all of a run's work, up to its goal; returns the exit code of the process.

    Where it ends well, the next run of its group (`run.seeds`) is started, unless somebody has done so already.
    """

    def work(reporter: RunReporter) -> None:
        project = Project.load(folder.project_path)
        check_start(project)
        reporter.report_to(project.run.report_to, project.name)
        expected: Estimate | None = None
        with contextlib.suppress(Exception):  # a guess of the time is worth having, not worth failing for
            expected = estimate(replace(project, run=replace(project.run, seeds=())))
            write_atomic(folder.path / "estimate.json", json.dumps(expected.to_dict()))
            for text in expected.short:
                reporter.alert("warning", "This machine may be too small", text)
        alone = count_of(project.run) == launch.world_size() == 1  # of shared work this process does a part
        try:
            with workers(folder.project_path, project.run), StageAhead(folder, reporter) as ahead:
                beside = alone and expected is not None and expected.beside
                made = run_stages(project, reporter, folder, ahead.reached if beside else lambda stage: None)
                leave()
        finally:
            with contextlib.suppress(Exception):  # so is what the next one is guessed from
                keep_times(times_made(expected, project) if expected is not None and alone else ())
        for name in ("metrics.json", "ranks.parquet") if "evaluate" in made else ():
            shutil.copy(made["evaluate"] / name, folder.path / f".{name}")
            (folder.path / f".{name}").replace(folder.path / name)
            reporter.artefact(name, folder.path / name)

    code = run_engine(folder, work)
    following = next_of_group(folder) if code == 0 and folder.manifest().get("group") else None
    if following is not None:
        start_training(Project.load(following.project_path), run_id=str(following.path), nice=0)
    return code


def evaluate_run(folder: RunFolder, overrides: list[str]) -> dict[str, Any]:
    """The metrics of a finished run, measured anew where `overrides` (`--set` texts) ask for something else."""
    project = Project.load(folder.project_path, overrides)
    if project.run.goal != "metrics":
        raise ProjectError(f"run {folder.id} has nothing held out to be measured by", "name another run with --run ID")
    made = run_stages(project, NullReporter())
    return dict(json.loads((made["evaluate"] / "metrics.json").read_text(encoding="utf-8")))


def measure_evidence(folder: RunFolder) -> dict[str, Any]:
    """The faithfulness of a finished run's evidence, measured and kept with the run; JSON values."""
    from core.evaluate.faithfulness import measure_faithfulness
    from core.recommend.evidence.faithfulness_figure import save_faithfulness
    from core.recommend.recommender import Recommender

    refuse_demo(folder.path)
    figure = measure_faithfulness(Recommender.load(folder.path), NullReporter())
    save_faithfulness(folder, figure)
    return figure.to_json()
