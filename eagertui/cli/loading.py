"""The project of a verb."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eagertui.plain import project_file, visible

if TYPE_CHECKING:
    from core.project import Project


def load_project(given: Path | None, overrides: Sequence[str] = ()) -> Project:
    """The project that an argument names; what a person should know of its file is said on stderr.

    Args:
        given: project file or its folder; None: `project.toml` here.
        overrides: `--set` texts.

    Raises:
        ProjectError: there is no such file, or something is wrong in it.
    """
    from core.project import Project

    project = Project.load(project_file(given), overrides)
    if project.notes:
        from eagertui.cli.output.narration import narration

        for note in project.notes:
            narration().print(f"note: {visible(note)}")
    return project
