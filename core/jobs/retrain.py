"""From one run to the next: trained further on grown data (`train --from`), or fitted to everything (`train --final`).

Both are `--set` texts, so that command line, form and project file can say the same.
"""

from __future__ import annotations

import math

from core.errors import ProjectError
from core.index.revisions.changes import newest_revision
from core.project import Project
from core.run.listing import find_run
from core.safe_json import number, read_object
from core.setting_values import toml_value


def continued(project: Project, run_id: str) -> list[str]:
    """Train on from a run: its codes and weights, half the epochs.

    Args:
        project: with the grown data.
        run_id: of the run, or a part of it.

    Raises:
        ProjectError: there is no such run, or it cannot be trained further, see `check_base`.
    """
    run = find_run(project.runs_dir, run_id)
    halves = [
        f"tune.stages.{place}.epochs={math.ceil(stage.epochs / 2)}" for place, stage in enumerate(project.tune.stages)
    ]
    # What the run was given so far; what comes later does not change this training.
    return [f"run.base={toml_value(run.id)}", f"run.base_revision={newest_revision(run)}", *halves]


def final(project: Project, run_id: str | None = None) -> list[str]:
    """Fit what a run's validation chose to all interactions, nothing held out and nothing measured.

    Args:
        project: what was trained.
        run_id: of the run that chose, or a part of it; None = the newest finished one.

    Raises:
        ProjectError: there is no such run, or it has no validation, or a later stage of it is worth nothing.
    """
    run = find_run(project.runs_dir, run_id)
    known = Project.load(run.project_path)
    if known.run.base != project.run.base:
        before, here = known.run.base or "nothing", project.run.base or "nothing"
        raise ProjectError(
            f"run {run.id} began with {before}, and this project begins with {here}",
            "name a run that began alike: --run ID",
        )
    for key in ("tune", "backbone", "index"):
        if getattr(known, key) != getattr(project, key):
            raise ProjectError(
                f"run {run.id} was trained with another [{key}]: its validation chose nothing for this one",
                "give the same --set as there, or name another run: --run ID",
            )
    summary = read_object(run.path / "stages" / "tune.json").get("summary")
    figures = summary if isinstance(summary, dict) else {}
    epochs, names = int(number(figures.get("best_epoch"))), [stage.name for stage in project.tune.stages]
    if epochs < 1 or figures.get("best_stage") not in names:
        raise ProjectError(f"run {run.id}: its validation chose no epoch of these stages", "train it to the end first")
    if figures["best_stage"] != names[-1]:
        raise ProjectError(
            f"run {run.id}: its best model is of stage {figures['best_stage']!r}, before the last one",
            "leave the later stages out of tune.stages, and train once more",
        )
    return [
        f"run.chosen={toml_value(run.id)}", "run.goal=model", "data.split=none",
        f"tune.stages.{len(names) - 1}.epochs={epochs}",
    ]  # fmt: skip


def check_base(project: Project) -> None:
    """Refuse a run to start from that does not go with the project; reads no weights.

    Raises:
        ProjectError: there is none, it is not trained, its model is another one, or it was trained by adapters.
    """
    if not project.run.base:
        return
    run = find_run(project.runs_dir, project.run.base)
    run.artefact("index")
    known = Project.load(run.project_path)
    for key, one, other in (
        ("backbone", known.backbone, project.backbone),
        ("index.sources", known.index.sources, project.index.sources),
        ("tune.frame", known.tune.frame, project.tune.frame),
    ):
        if one != other:
            raise ProjectError(f"run.base: {key} of run {run.id} is another", "start from nothing, or set it as there")
    manifest = read_object(run.artefact("tune") / "best" / "manifest.json")
    if not manifest or manifest.get("adapters"):
        raise ProjectError(
            f"run.base: the model of run {run.id} was trained by adapters, which cannot be trained further",
            "start from nothing, or from a run that trains all weights",
        )
