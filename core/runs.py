"""The runs of a project: the one that `train` would go on with, and new ones."""

from __future__ import annotations

import contextlib

from core.project import Project
from core.run.folder import RunFolder, list_runs
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


def create_run(project: Project) -> RunFolder:
    """A new queued run of a project."""
    return RunFolder.create(
        project.runs_dir,
        project.to_toml(),
        project.name,
        recipe=project.recipe,
        fingerprint=project.fingerprint(),
        project=str(project.path or ""),
    )
