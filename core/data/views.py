"""A closer look at a data set: one user's split, users by their id, items with how often they are taken, its files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from core.data.dataset import MIN_EVALUATED, Dataset
from core.errors import EagerError
from core.project import Project

TARGET, SEEN = "target", "seen"
MOST_FILES = 2000
"""Files of one table that are looked at for changes."""

Stamp = tuple[tuple[str, int, int], ...]


def user_split(dataset: Dataset, user: int, max_history: int) -> pl.DataFrame:
    """What one user's history becomes, oldest first.

    Returns:
        `pos` (from 0), `part` (training, validation, test), `valid` and `test` (`target` for what the model is asked
        for, `seen` for what it is shown then, else null), `item`, `title`.
    """
    items = dataset.sequences[user]
    count = len(items)
    held = 2 if count >= MIN_EVALUATED else 0
    place = np.arange(count)
    columns: dict[str, pl.Series] = {}
    for name, target in (("valid", count - 2), ("test", count - 1)):
        seen = (place < target) & (place >= target - max_history) & (held > 0)
        marks = np.where(seen, SEEN, np.where((place == target) & (held > 0), TARGET, ""))
        columns[name] = pl.Series(name, [mark or None for mark in marks.tolist()], dtype=pl.String)
    parts = ["training"] * (count - held) + ["validation", "test"][: 2 if held else 0]
    taken = dataset.items.select("item_id", "title")[items]
    return pl.DataFrame(
        {
            "pos": pl.Series(place, dtype=pl.Int64),
            "part": pl.Series(parts, dtype=pl.String),
            **columns,
            "item": taken["item_id"],
            "title": taken["title"],
        }
    )


def find_users(users: pl.Series, text: str, limit: int) -> list[int]:
    """Numbers of the users whose id is the text, begins with it or holds it, in this order."""
    if not text:
        return list(range(min(limit, len(users))))
    exact = (users == text).arg_true().to_list()
    lower = users.str.to_lowercase()
    begins = lower.str.starts_with(text.lower())
    holds = lower.str.contains(text.lower(), literal=True)
    found = dict.fromkeys([*exact, *begins.arg_true().head(limit).to_list(), *holds.arg_true().head(limit).to_list()])
    return list(islice(found, limit))


def items_taken(dataset: Dataset) -> pl.DataFrame:
    """The item table with a column that counts every item's interactions, after the title; the joined text last."""
    counts = np.bincount(dataset.sequences.items, minlength=dataset.n_items)
    name = "interactions"
    while name in dataset.items.columns:
        name += "_"
    own = [column for column in dataset.items.columns if column not in ("item_id", "title", "text")]
    return dataset.items.with_columns(pl.Series(name, counts, dtype=pl.Int64)).select(
        "item_id", "title", name, *own, "text"
    )


def stamp(file: Path, overrides: Sequence[str]) -> Stamp:
    """Size and time of change of the project file and its tables: another value means that something has changed."""
    mark = _mark(file)
    marks = [mark]
    for table in _tables(file, tuple(overrides), mark):
        marks += [_mark(path) for path in islice(_files(table), MOST_FILES)]
    return tuple(marks)


@lru_cache(maxsize=8)
def _tables(file: Path, overrides: tuple[str, ...], mark: tuple[str, int, int]) -> tuple[Path, ...]:
    """Where the tables of a project lie; none where its file cannot be read. `mark` tells its versions apart."""
    try:
        project = Project.load(file, overrides)
    except EagerError:
        return ()
    return tuple(project.resolve(name) for name in (project.data.interactions, project.data.items) if name)


def _files(where: Path) -> Iterator[Path]:
    if where.is_dir():
        yield from sorted(where.rglob("*"))
    elif any(sign in str(where) for sign in "*?[") and not where.exists():
        fixed = next(number for number, part in enumerate(where.parts) if any(sign in part for sign in "*?["))
        with contextlib.suppress(ValueError, NotImplementedError):
            yield from sorted(Path(*where.parts[:fixed]).glob("/".join(where.parts[fixed:])))
    else:
        yield where


def _mark(path: Path) -> tuple[str, int, int]:
    try:
        about = path.stat()
    except (OSError, ValueError):
        return str(path), -1, -1
    return str(path), about.st_size, about.st_mtime_ns
