"""The runs of a project: the one that `train` would go on with, and new ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from core.errors import EagerError, EnvironmentFault
from core.files import locked
from core.project import Project
from core.run import trackers
from core.run.folder import RunFolder, list_runs
from core.run.launch import world_size
from core.run.status import UNFINISHED


def find_unfinished(project: Project) -> RunFolder | None:
    """The newest run of this very project, settings included, that is at work or was left before its end."""
    wanted = project.to_toml()
    for info in list_runs(project.runs_dir):
        if not (info.status.live or info.status.state in UNFINISHED):
            continue
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if info.folder.project_path.read_text(encoding="utf-8") == wanted:
                return info.folder
    return None


def unfinished_or_new(project: Project, new: bool = False) -> tuple[RunFolder, bool]:
    """The run that `train` goes on with, or a new one; two that ask at the same time get the same.

    Args:
        project: what is trained.
        new: a new run in any case.

    Returns:
        The run, and whether it was made just now.

    Raises:
        EnvironmentFault: where the folder of the runs cannot be written.
    """
    with _alone(project.runs_dir):
        found = None if new else find_unfinished(project)
        return (found, False) if found else (create_run(project), True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else chooses or makes a run in this folder meanwhile."""
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
        ProjectError: a tracker's package is not installed.
        EnvironmentFault: the machine's memory can never hold the model and what learns of it.
    """
    from core.estimate.probe import room
    from core.tune.memory import refusal

    trackers.require(project.run.report_to)
    # Several processes may have a model among them (FSDP), and whoever starts them knows their machines.
    if project.run.goal == "metrics" and world_size() == 1:
        fault = refusal(project, room(project.run))
        if fault is not None and not _tuned(project):
            raise fault


def _tuned(project: Project) -> bool:
    """Whether the model is there already, from another machine perhaps, and only has to be asked."""
    from core.pipeline import plan

    if not (project.runs_dir / ".store").is_dir():
        return False
    with contextlib.suppress(EagerError, OSError):
        return any(stage.name == "tune" and stage.state == "reuse" for stage in plan(project))
    return False


def create_run(project: Project) -> RunFolder:
    """A new queued run of a project.

    Raises:
        EagerError: it could not train, see `check_start`, or the folder cannot be written.
    """
    check_start(project)
    return RunFolder.create(
        project.runs_dir,
        project.to_toml(),
        project.name,
        recipe=project.recipe,
        goal=project.run.goal,
        fingerprint=project.fingerprint(),
        project=str(project.path or ""),
    )
