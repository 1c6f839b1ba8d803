"""What a process of the engine does for a run: all of its work, its metrics anew, a share of its tuning."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from core.assets import refuse_demo
from core.estimate import estimate
from core.files import WAIT, write_atomic
from core.jobs.start import check_start
from core.machine import prepare
from core.pipeline import recipes_of, run_stages
from core.project import Project
from core.run.engine import run_engine
from core.run.folder import RunFolder
from core.run.reporter import NullReporter, RunReporter
from core.store import Store, fingerprint
from core.tune.stage import make_tune


def join(project: Project) -> None:
    """Take part in the tuning of a run that the first of several processes computes.

    What comes before the tuning the first process makes alone; what comes after it too.
    """
    prepare(project.run)
    store = Store(project.runs_dir / ".store")
    made: dict[str, Path] = {}
    for name, recipe in recipes_of(project).items():
        mark = fingerprint(recipe)
        made[name] = store.artefact(mark)
        if name == "tune":
            if not store.has(mark):
                from core.training.processes import leave

                make_tune(project, made, made[name].with_suffix(".partial"), NullReporter())
                leave()
            return
        while not store.has(mark):
            time.sleep(WAIT)


def train_run(folder: RunFolder) -> int:
    """Do all of a run's work, up to its goal; returns the exit code of the process."""

    def work(reporter: RunReporter) -> None:
        project = Project.load(folder.project_path)
        check_start(project)
        reporter.report_to(project.run.report_to, project.name)
        with contextlib.suppress(Exception):  # a guess of the time is worth having, not worth failing for
            told = estimate(project)
            write_atomic(folder.path / "estimate.json", json.dumps(told.to_dict()))
            for text in told.short:
                reporter.alert("warning", "This machine may be too small", text)
        made = run_stages(project, reporter, folder)
        for name in ("metrics.json", "ranks.parquet") if "evaluate" in made else ():
            shutil.copy(made["evaluate"] / name, folder.path / f".{name}")
            (folder.path / f".{name}").replace(folder.path / name)
            reporter.artefact(name, folder.path / name)

    return run_engine(folder, work)


def evaluate_run(folder: RunFolder, overrides: list[str]) -> dict[str, Any]:
    """The metrics of a finished run, measured anew where `overrides` (`--set` texts) ask for something else."""
    project = Project.load(folder.project_path, overrides)
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
