"""Has anything changed that a project's data are read from? By size and time, without reading a table."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from core.data.addresses import on_disk
from core.data.sniff import table_files
from core.errors import EagerError
from core.project import Project

MOST_FILES = 2000
"""Files of one table that are looked at for changes."""

Mark = tuple[str, int, int]
"""A file: its path, its size in bytes and its time of change in nanoseconds; -1 and -1 where it is not there."""


def stamp(file: Path, overrides: Sequence[str]) -> tuple[Mark, ...]:
    """Marks of a project file and its tables: another value means that something has changed."""
    mark = _mark(file)
    tables = _tables(file, tuple(overrides), mark)
    return (mark, *(_mark(path) for table in tables for path in _files(table)[:MOST_FILES]))


@lru_cache(maxsize=8)
def _tables(file: Path, overrides: tuple[str, ...], mark: Mark) -> tuple[Path, ...]:
    """Where the tables of a project lie; none where its file cannot be read. `mark` tells its versions apart."""
    try:
        project = Project.load(file, overrides)
    except EagerError:
        return ()
    return project.tables


def _files(table: Path) -> list[Path]:
    try:
        return table_files(on_disk(table), "")
    except EagerError:  # nothing there yet: the place itself may come to be
        return [table]


def _mark(path: Path) -> Mark:
    try:
        about = path.stat()
    except (OSError, ValueError):
        return str(path), -1, -1
    return str(path), about.st_size, about.st_mtime_ns
