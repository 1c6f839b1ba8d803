"""The project of a verb."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.files import address_of
from eagertui.plain import project_file, visible

if TYPE_CHECKING:
    from core.project import Project


def say_copying(*tables: Path, again: bool = False) -> None:
    """Say on stderr what of these tables is about to be copied from an address, which takes its time.

    Args:
        tables: files, folders and addresses.
        again: whether copies that are there are taken anew.
    """
    far = [table for table in tables if address_of(table)]
    if not far:
        return
    from core.data.addresses import copy_of, shown
    from eagertui.cli.output.narration import narration

    for table in far:
        if again or copy_of(table) is None:
            narration().print(f"copying {visible(shown(address_of(table)))} to this machine")


def file_now(given: Path, key: str) -> Path:
    """The file or folder that an argument names; of an address a copy of now, for it is asked what is new there.

    Raises:
        EagerError: it cannot be copied.
    """
    if not address_of(given):
        return given.absolute()
    from core.data.addresses import on_disk, take_copy

    say_copying(given, again=True)
    take_copy(given, key)
    return on_disk(given)


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
