r"""The stages in order: what each one reads and makes, and which of them are stale.

    data -> semantic -> teacher --------------+
        \-> sasrec -> behavior -> index ------+-> tune -> evaluate
                  \-> baselines -----------------------/

`teacher` may be made beside `sasrec`, by a process of its own, and then is there at its turn.

Before all of them comes `backbone` where the language model is a GGUF file, which `tune` reads.
After `tune` comes `steer`, which nothing reads but lists that follow a few words.

Importing this module is cheap; every stage imports what it needs when it works.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.baselines._sequential import sequential_stages
from core.data.stage import DATA
from core.errors import Interrupted
from core.evaluate.stage import BASELINES, EVALUATE, evaluate_inputs
from core.files import write_atomic
from core.index.stage import INDEX
from core.model.stage import BACKBONE
from core.project import Project
from core.recommend.stage import STEER
from core.registry import QUANTIZERS
from core.run.folder import RunFolder
from core.run.reporter import Reporter
from core.stage import Stage
from core.store import Store, fingerprint
from core.tune.stage import TUNE
from core.units import duration
from core.vectors.stage import BEHAVIOR, SASREC, SEMANTIC, TEACHER


@dataclass(frozen=True)
class PlannedStage:
    """What a run would do: `state` is `reuse` or `run`; `note` says more in words."""

    name: str
    fingerprint: str
    state: str
    note: str = ""


STAGES = (
    BACKBONE, DATA, SEMANTIC, SASREC, BEHAVIOR, INDEX, TEACHER, TUNE, STEER, *sequential_stages(), BASELINES, EVALUATE,
)  # fmt: skip
"""In the order in which they run; each is declared in its room's `stage.py`."""
BESIDE = ("sasrec", "teacher")
"""Two stages that take long and do not read each other: each computes with half of the threads, so that a process of
its own can make the second while the first is made (`core.jobs.ahead`)."""
LAST = {"metrics": "evaluate", "model": "tune", "index": "index"}
"""The stage that a run's goal is."""


def needed(project: Project) -> set[str]:
    """The stages that a project needs at all: its last one, and what those read that are needed."""
    names = {"data", LAST[project.run.goal]}
    if project.run.goal != "index" and project.steer.method != "none":
        names.add("steer")
    if project.run.goal == "model":  # its lists have the parts that the chosen run's have
        names |= {name for name in evaluate_inputs(project) if name != "baselines"}
    for stage in reversed(STAGES):
        # An index made without vectors is measured against those that are there anyway, but asks for none; so does
        # steering.
        asks = stage is not STEER and (stage is not INDEX or QUANTIZERS.get(project.index.method).reads_vectors)
        if stage.name in names and asks:
            names |= set(stage.inputs(project))
    return names


def recipes_of(project: Project) -> dict[str, dict[str, Any]]:
    """For every stage of the project, in order, what its fingerprint is made of; unneeded stages are left out."""
    wanted = needed(project)
    recipes: dict[str, dict[str, Any]] = {}
    prints: dict[str, str] = {}
    for stage in STAGES:
        if stage.name not in wanted:
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


def run_stages(
    project: Project,
    reporter: Reporter,
    folder: RunFolder | None = None,
    before: Callable[[str], None] = lambda stage: None,
) -> dict[str, Path]:
    """Compute every stale stage and return where each stage's artefact lies.

    Args:
        project: what is wanted.
        reporter: hears the progress; may ask to stop.
        folder: the run, which is to say where its artefacts lie.
        before: called with the name of each stage that is about to be computed.

    Raises:
        Interrupted: somebody asked to stop; what was done is kept.
        DataError: metrics are wanted, and no user can be evaluated.
    """
    from core.errors import StopRequested
    from core.machine import prepare, release

    prepare(project.run)
    store = Store(project.runs_dir / ".store")
    made: dict[str, Path] = {}
    works = {stage.name: stage.work for stage in STAGES}
    recipes = recipes_of(project)
    marks = {name: fingerprint(recipe) for name, recipe in recipes.items()}
    stale = {name for name, mark in marks.items() if not store.has(mark)}  # another process may make one meanwhile
    for name, mark in marks.items():
        made[name] = store.artefact(mark)
        if store.has(mark) and (file := store.damaged(mark)) is not None:
            message = f"{name}: {file.name} is not as it was written; the stage is computed again"
            reporter.alert("warning", "a damaged artefact", message)
            store.discard(mark)
            stale.add(name)
        if name not in stale and store.has(mark):
            reporter.stage_reused(name, mark)
            about = store.about(mark)
        else:
            reporter.stage_started(name, mark)
            began = time.monotonic()

            def work(path: Path, name: str = name) -> Mapping[str, Any]:
                return works[name](project, made, path, reporter)

            try:
                before(name)
                about = store.make(mark, recipes[name], work)
            except StopRequested as stop:
                saved = "; its checkpoint is saved" if stop.checkpoint else ""
                if stop.checkpoint:
                    reporter.checkpoint(stop.checkpoint, 0)
                raise Interrupted(f"stopped in stage {name}{saved}", "the same command goes on from there") from stop
            reporter.stage_finished(name, round(time.monotonic() - began, 3), about["summary"])
            release()
        if name == "data" and project.run.goal == "metrics":
            from core.data.dataset import Dataset
            from core.data.doubts import check_measurable

            dataset = Dataset.load(made[name])
            check_measurable(dataset.sequences.lengths, dataset.split)
        if folder is not None:
            note = {"stage": name, "fingerprint": mark, "artefact": f"../.store/{mark}", "summary": about["summary"]}
            write_atomic(folder.path / "stages" / f"{name}.json", json.dumps(note, indent=1))
        if reporter.wants() == "stop":
            raise Interrupted(f"stopped after stage {name}", "the same command goes on from there")
    return made
