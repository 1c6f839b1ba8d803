"""`eagertui init`: a new project folder, from two files or from the sample."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.assets import assets_path
from core.errors import EnvironmentFault, ProjectError

ROLES = ("user", "item", "item_key", "time", "position", "rating")
"""The columns of [data] that a person may tell `init` instead of letting it guess."""


def copy_sample(directory: Path) -> Path:
    """Copy the sample project into a folder, made where it is missing; return the project file.

    Raises:
        ProjectError: where one of its files is there already.
    """
    source = assets_path() / "sample"
    files = sorted(p for p in source.iterdir() if p.suffix in (".toml", ".parquet"))
    with _new_project(directory, [p.name for p in files]):
        for file in files:
            shutil.copyfile(file, directory / file.name)
    return directory / "project.toml"


def write_project(directory: Path, interactions: Path, items: Path | None, told: Sequence[str] = ()) -> Path:
    """Look at the files, write a commented project file with guesses for the columns, and return it.

    Args:
        directory: the new project's folder.
        interactions: the interaction log.
        items: the item table, if there is one.
        told: columns that need no guess, as `data.user=COLUMN`.

    Raises:
        ProjectError: where there is a project already, a file is missing, or the columns cannot be told apart.
        DataError: where a file cannot be read as a table.
    """
    from core.data.guess import guess_project
    from core.project import Project

    known = dict(_column(text) for text in told)
    path = directory / "project.toml"
    with _new_project(directory, [path.name]):
        text = guess_project(interactions, items, directory, known)
        path.write_text(text, encoding="utf-8")
        Project.load(path)  # what we wrote must be what we can read
    return path


def _column(text: str) -> tuple[str, str]:
    key, equals, column = text.partition("=")
    role = key.strip().removeprefix("data.")
    if not equals or role not in ROLES:
        raise ProjectError(f"--set {text}: init takes columns only", f"data.{', data.'.join(ROLES)}")
    return role, column.strip()


@contextlib.contextmanager
def _new_project(directory: Path, names: list[str]) -> Iterator[None]:
    """A folder to write these files into; where that fails, neither they nor a folder of ours stay."""
    if directory.exists() and not directory.is_dir():
        raise ProjectError(f"{directory} is a file", "name a folder")
    there = [name for name in names if (directory / name).exists()]
    if there:
        raise ProjectError(f"{directory} already holds {', '.join(there)}", "name another folder; nothing was changed")
    made = [p for p in (directory, *directory.parents) if not p.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        for name in names:
            (directory / name).unlink(missing_ok=True)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            raise EnvironmentFault(f"cannot write {directory}: {error.strerror or error}") from error
        raise
