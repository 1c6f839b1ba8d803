"""The runs of a project: the one that `train` would go on with, and new ones; starting the engine on it."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.assets import refuse_demo
from core.errors import EagerError, EnvironmentFault, ProjectError
from core.files import locked, unwritable
from core.jobs.machine_needs import check_machine
from core.jobs.retrain import check_base
from core.jobs.seeds import next_of_group
from core.project import Project
from core.run import launch, trackers
from core.run.folder import RunFolder
from core.run.listing import find_run, list_runs
from core.run.status import UNFINISHED

How = Literal["new", "started", "continued", "attached", "finished"]
"""What `train` does with a run: makes and starts it, starts one that waits, goes on with it, watches the engine that is
at work on it, or nothing, since it is finished."""


@dataclass(frozen=True)
class Start:
    """What came of `start_training`.

    Attributes:
        folder: the run.
        how: what was done with it.
        engine: the engine, where it was started here.
    """

    folder: RunFolder
    how: How
    engine: subprocess.Popen[bytes] | None = None


def start_training(
    project: Project, *, new: bool = False, run_id: str | None = None,
    on_choice: Callable[[RunFolder, How], object] = lambda folder, how: None,
    command: Sequence[str] | None = None, nice: int = launch.NICE,
) -> Start:  # fmt: skip
    """Choose the run that `train` means and have an engine at work on it: the one way to start a training.

    Choosing and starting are one step for everybody who asks for a run of these runs: of two who ask at the same time
    one starts the engine and the other attaches to it.

    Args:
        project: what is trained.
        new: a new run in any case.
        run_id: this run, or the one whose id it is a part of.
        on_choice: called with the run and what will be done with it, before an engine is started.
        command: the engine's command line instead of our own.
        nice: how far below other programs the engine ranks, 0 to 19.

    Raises:
        ProjectError: no run, or more than one, has the id, or the project is the demo.
        EagerError: a new run could not train, see `check_start`.
        EnvironmentFault: the folder of the runs cannot be written, or the engine cannot be started.
    """
    refuse_demo(project.runs_dir)
    folder = find_run(project.runs_dir, run_id) if run_id is not None else None
    if not project.runs_dir.exists():
        check_start(project)  # what is refused leaves no folder
    with _alone(project.runs_dir):
        if folder is None and not new:
            folder = find_unfinished(project)
        how: How = _how(folder) if folder else "new"
        folder = folder or create_run(project)
        on_choice(folder, how)
        if how in ("attached", "finished"):
            return Start(folder, how)
        try:
            return Start(folder, how, launch.start(folder, command=command, nice=nice))
        except EnvironmentFault:
            if not folder.status().live:
                raise
            return Start(folder, "attached")  # somebody who had the run open already was quicker


def _how(folder: RunFolder) -> How:
    status = folder.status()
    if status.live:
        return "attached"
    if status.state == "finished":
        return "finished"
    return "continued" if status.started else "started"


def find_unfinished(project: Project) -> RunFolder | None:
    """The newest run of this very project, settings included, that is at work or was left before its end.

    The projects are compared, not their texts: a run that an earlier version wrote in older spellings counts too.
    Of a project with several seeds it is the run that its group goes on with.
    """
    wanted = {one.to_toml() for one in project.seeded()}
    for info in list_runs(project.runs_dir):
        if not (info.status.live or info.status.state in UNFINISHED):
            continue
        with contextlib.suppress(OSError, UnicodeDecodeError, ProjectError):
            if Project.load(info.folder.project_path).to_toml() in wanted:
                return next_of_group(info.folder) if project.run.seeds else info.folder
    return None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else chooses, makes or starts a run in this folder meanwhile."""
    try:
        held = contextlib.ExitStack()
        held.enter_context(locked(folder))
    except OSError as error:
        raise EnvironmentFault(f"cannot write {folder}: {error.strerror or error}") from error
    with held:
        yield


def check_start(project: Project) -> None:
    """Refuse what cannot end well, before a run of it is there; reads no data and no weights.

    Raises:
        ProjectError: a tracker's package is not installed, several seeds are wanted of processes that somebody else
            started, or it cannot start from the run that it names.
        EnvironmentFault: runs cannot be written, or the machine's memory can never hold the model and what learns of
            it, or the device or a model that it starts from cannot be had, see `check_machine` and `check_model`.
    """
    from core.estimate.probe import room
    from core.tune.memory import refusal

    refuse_demo(project.runs_dir)
    if not writable(project.runs_dir):
        raise unwritable(project.runs_dir)
    trackers.require(project.run.report_to)
    if project.run.processes != 1 and project.run.device.startswith("cuda:"):
        raise ProjectError("run.device: several processes have a GPU each, and it names one", 'take "cuda" or "auto"')
    if project.run.seeds and launch.world_size() > 1:
        raise ProjectError("run.seeds: processes that are started together train one run", "start them once a seed")
    check_machine(project)
    check_base(project)
    # Several processes may have a model among them (FSDP), and whoever starts them knows their machines.
    if project.run.goal != "index" and launch.world_size() == 1:
        fault = refusal(project, room(project.run))
        if fault is not None and not _tuned(project):
            raise fault
    check_model(project)


def writable(folder: Path) -> bool:
    """Whether a folder, which may not be there yet, can be written into."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    return os.access(there, os.W_OK | os.X_OK)


def check_model(project: Project) -> None:
    """Refuse a model folder that cannot be used; reads no data and no weights.

    Raises:
        ProjectError: there is no such folder, or its positions do not reach.
        EnvironmentFault: no configuration, weights or tokenizer, or no decoder-only language model.
    """
    from core.model.model_folder import check_backbone

    if project.backbone.model == "tiny" or project.run.goal == "index" or launch.world_size() > 1:
        return
    if not _tuned(project):
        check_backbone(project)


def _tuned(project: Project) -> bool:
    """Whether the model is there already, from another machine perhaps, and only has to be asked."""
    from core.pipeline import plan

    if not (project.runs_dir / ".store").is_dir():
        return False
    with contextlib.suppress(EagerError, OSError):
        return any(stage.name == "tune" and stage.state == "reuse" for stage in plan(project))
    return False


def create_run(project: Project) -> RunFolder:
    """A new queued run of a project; of one with several seeds a group of runs, of which it is the first.

    Raises:
        EagerError: it could not train, see `check_start`, or the folder cannot be written.
    """
    check_start(project)
    group = {"group": secrets.token_hex(4)} if project.run.seeds else {}
    runs = [
        RunFolder.create(
            one.runs_dir,
            one.to_toml(),
            one.name,
            recipe=one.recipe,
            goal=one.run.goal,
            fingerprint=one.fingerprint(),
            project=str(one.path or ""),
            **({**group, "seed": one.seed} if group else {}),
        )
        for one in project.seeded()
    ]
    return runs[0]
