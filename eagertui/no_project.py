"""What stands at a path that is no project, and the next step."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterable
from pathlib import Path

from core.did_you_mean import nearest
from core.errors import ProjectError

TABLES = frozenset({".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".gz", ".txt", ".dat", ".inter", ".item"})
"""Endings of the files that are tables rather than projects."""
_SAMPLE = "or try the sample: eagertui init DIR --sample"


def fault_at(path: Path, verbs: Iterable[str] = ()) -> ProjectError | None:
    """What is wrong with a path that should be a project file or its folder; None where it is one.

    Args:
        path: as it was typed.
        verbs: words that may have been meant, where it can be no more than a word.
    """
    if path.is_dir():
        return None if (path / "project.toml").is_file() else _folder(path)
    if path.is_file():
        return _file(path)
    near = nearest(str(path), [*verbs, *_projects(path.parent)])
    hint = f"; did you mean {near}?" if near else ""
    nothing = f'no verb and no project is called "{path}"' if verbs else f"there is nothing at {path}"
    return ProjectError(f"{nothing}{hint}", f"make a project: eagertui init DIR --interactions FILE; {_SAMPLE}")


def _projects(folder: Path) -> list[str]:
    """The projects in a folder, as one would type them there."""
    with contextlib.suppress(OSError):
        return sorted(str(one) for one in folder.iterdir() if (one / "project.toml").is_file())
    return []


def _folder(path: Path) -> ProjectError:
    if (path / "run.json").is_file():
        return _run(path)
    inside = _projects(path)
    with contextlib.suppress(OSError):
        tables = sorted(one for one in path.iterdir() if one.suffix in TABLES and one.is_file())
        file = shlex.quote(str(tables[0])) if tables else "FILE"
        remedy = f"make it one: eagertui init {shlex.quote(str(path))} --interactions {file}"
        there = f"projects in it: {', '.join(inside[:5])}" if inside else _SAMPLE
        where = "here" if path == Path() else f"in {path}"
        return ProjectError(f"no project {where}: a folder without project.toml", f"{remedy}; {there}")
    return ProjectError(f"{path} is a folder that cannot be read")


def _file(path: Path) -> ProjectError | None:
    if path.suffix == ".toml":
        return None
    if (path.parent / "run.json").is_file():
        return _run(path.parent)
    try:
        with path.open("rb") as stream:
            first = stream.read(1024)
    except OSError:
        return None  # said where it is read
    if path.suffix not in TABLES and not first.startswith((b"PAR1", b"\x1f\x8b")):
        return None
    beside = path.parent / "project.toml"
    folder = shlex.quote(path.name.partition(".")[0] or "shop")
    remedy = f"make one of it: eagertui init {folder} --interactions {shlex.quote(str(path))}"
    if beside.is_file():
        remedy = f"the project beside it: eagertui {shlex.quote(str(path.parent))}; {remedy}"
    return ProjectError(f"{path} is a table, not a project", remedy)


def _run(path: Path) -> ProjectError:
    project = path.absolute().parent.parent
    if not (project / "project.toml").is_file():
        return ProjectError(f"{path} is a run, not a project", "name the project that it belongs to")
    where = shlex.quote(str(project if path.is_absolute() else path.parent.parent))
    return ProjectError(
        f"{path} is a run, not a project",
        f"its project: eagertui {where}; a verb takes the run as --run {shlex.quote(path.name)}",
    )
