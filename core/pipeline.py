r"""The stages in order: what each one reads and makes, and which of them are stale.

    data -> semantic -> teacher --------------+
        \-> sasrec -> behavior -> index ------+-> tune -> evaluate
                  \-> baselines -----------------------/

Importing this module is cheap; every stage imports what it needs when it works.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core import stages
from core.errors import Interrupted
from core.files import write_atomic
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporter import Reporter
from core.store import Store, fingerprint
from core.units import duration

Made = Mapping[str, Path]
Work = Callable[[Project, Made, Path, Reporter], Mapping[str, Any]]


@dataclass(frozen=True)
class Stage:
    """A function from artefacts to an artefact.

    Attributes:
        name: what people read.
        version: raised when the stage's code changes its result.
        settings: the part of the project that decides the result.
        inputs: the stages whose artefacts it reads.
        work: does it, in a folder, and returns figures worth showing.
    """

    name: str
    version: int
    settings: Callable[[Project], Mapping[str, Any]]
    inputs: Callable[[Project], tuple[str, ...]]
    work: Work


@dataclass(frozen=True)
class PlannedStage:
    """What a run would do: `state` is `reuse` or `run`; `note` says more in words."""

    name: str
    fingerprint: str
    state: str
    note: str = ""


STAGES = (
    Stage("data", 2, stages.data_settings, stages.inputs(), stages.make_data),
    Stage("semantic", 2, stages.semantic_settings, stages.inputs("data"), stages.make_semantic),
    Stage("sasrec", 1, stages.sasrec_settings, stages.inputs("data"), stages.make_sasrec),
    Stage("behavior", 1, stages.behavior_settings, stages.behavior_inputs, stages.make_behavior),
    Stage("teacher", 1, stages.sasrec_settings, stages.inputs("data", "semantic"), stages.make_teacher),
    Stage("index", 2, stages.index_settings, stages.index_inputs, stages.make_index),
    Stage("tune", 5, stages.tune_settings, stages.tune_inputs, stages.make_tune),
    Stage("baselines", 1, stages.baseline_settings, stages.baseline_inputs, stages.make_baselines),
    Stage("evaluate", 3, stages.evaluate_settings, stages.inputs("data", "tune", "baselines"), stages.make_evaluate),
)


def recipes_of(project: Project) -> dict[str, dict[str, Any]]:
    """For every stage of the project, in order, what its fingerprint is made of; unneeded stages are left out."""
    needed = stages.needed(project)
    recipes: dict[str, dict[str, Any]] = {}
    prints: dict[str, str] = {}
    for stage in STAGES:
        if stage.name not in needed:
            continue
        recipe = recipe_of(stage, project, prints)
        prints[stage.name] = fingerprint(recipe)
        recipes[stage.name] = recipe
    return recipes


def recipe_of(stage: Stage, project: Project, prints: Mapping[str, str]) -> dict[str, Any]:
    """What the fingerprint of a stage's artefact is made of; `prints` are those of the stages before it."""
    return {
        "stage": stage.name,
        "version": stage.version,
        "settings": dict(stage.settings(project)),
        "inputs": {name: prints[name] for name in stage.inputs(project) if name in prints},
    }


def plan(project: Project, recipes: Mapping[str, Mapping[str, Any]] | None = None) -> list[PlannedStage]:
    """What a run of the project would reuse and what it would compute; `recipes` where they are known already."""
    store = Store(project.runs_dir / ".store")
    planned = []
    for name, recipe in (recipes or recipes_of(project)).items():
        mark = fingerprint(recipe)
        if store.has(mark):
            planned.append(PlannedStage(name, mark, "reuse", f"took {duration(store.about(mark)['seconds'])}"))
        else:
            begun = store.artefact(mark).with_suffix(".partial").exists()
            planned.append(PlannedStage(name, mark, "run", "goes on from where it was" if begun else ""))
    return planned


def run_stages(project: Project, reporter: Reporter, folder: RunFolder | None = None) -> dict[str, Path]:
    """Compute every stale stage and return where each stage's artefact lies.

    Raises:
        Interrupted: somebody asked to stop; what was done is kept.
    """
    from core.errors import StopRequested
    from core.machine import prepare, release

    prepare(project.run)
    store = Store(project.runs_dir / ".store")
    made: dict[str, Path] = {}
    works = {stage.name: stage.work for stage in STAGES}
    for name, recipe in recipes_of(project).items():
        mark = fingerprint(recipe)
        made[name] = store.artefact(mark)
        if store.has(mark):
            reporter.stage_reused(name, mark)
            about = store.about(mark)
        else:
            reporter.stage_started(name, mark)

            def work(path: Path, name: str = name) -> Mapping[str, Any]:
                return works[name](project, made, path, reporter)

            try:
                about = store.make(mark, recipe, work)
            except StopRequested as stop:
                where = f"; checkpoint {stop.checkpoint}" if stop.checkpoint else ""
                if stop.checkpoint:
                    reporter.checkpoint(stop.checkpoint, 0)
                raise Interrupted(f"stopped in stage {name}{where}", "the same command goes on from there") from stop
            reporter.stage_finished(name, about["seconds"], about["summary"])
            release()
        if folder is not None:
            note = {"stage": name, "fingerprint": mark, "artefact": f"../.store/{mark}", "summary": about["summary"]}
            write_atomic(folder.path / "stages" / f"{name}.json", json.dumps(note, indent=1))
        if reporter.wants() == "stop":
            raise Interrupted(f"stopped after stage {name}", "the same command goes on from there")
    return made
