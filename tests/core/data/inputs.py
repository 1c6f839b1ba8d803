"""One small log as people have it, written in many ways, and how a test reads it: as `init` and `check` do."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from core.data import Dataset, load_dataset
from core.data.doubts import doubts
from core.data.guess import guess_data
from core.project import Project
from core.setting_values import toml_value

FIRST = datetime(2019, 11, 28, 7, 5, 9)
EPOCH = datetime(1970, 1, 1)
ADJECTIVES = ("Red", "Old", "Tiny", "Grand", "Silver", "Quiet", "Wild", "Blue")
THINGS = ("Kettle", "Lamp", "Chair", "River", "Garden")


@dataclass(frozen=True)
class Row:
    """One interaction."""

    user: str
    item: str
    rating: int
    when: datetime

    @property
    def seconds(self) -> int:
        """Since 1970."""
        return int((self.when - EPOCH).total_seconds())


def _rows() -> list[Row]:
    """60 users with ten interactions each, 40 items, shuffled; no two of a user at one time."""
    draw = random.Random(11)
    made = []
    for user in range(60):
        items = draw.sample(range(40), 10)
        for n, item in enumerate(items):
            when = FIRST + timedelta(days=31 * n + user % 29, seconds=7919 * n + 61 * user)
            made.append(Row(str(1001 + user), str(501 + item), draw.randint(1, 5), when))
    draw.shuffle(made)
    return made


ROWS = _rows()
TITLES = {
    str(501 + n): f"{ADJECTIVES[n % 8]} {THINGS[n // 8]} of {('Glass', 'Stone', 'Wood')[n % 3]}" for n in range(40)
}


def histories(rows: Iterable[Row] = ROWS) -> dict[str, list[str]]:
    """Every user's items, oldest first, in plain Python."""
    out: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda one: one.when):
        out.setdefault(row.user, []).append(row.item)
    return out


def table(lines: Iterable[Sequence[Any]], header: Sequence[str] | None = None, sign: str = ",", **how: Any) -> str:
    """Delimited text."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=sign, lineterminator="\n", **how)
    writer.writerows([*([header] if header else []), *lines])
    return file.getvalue()


def log(
    user: Callable[[Row], Any] = lambda row: row.user,
    item: Callable[[Row], Any] = lambda row: row.item,
    rating: Callable[[Row], Any] = lambda row: row.rating,
    when: Callable[[Row], Any] = lambda row: row.seconds,
    header: Sequence[str] | None = ("user_id", "item_id", "rating", "timestamp"),
    sign: str = ",",
    rows: Sequence[Row] = ROWS,
) -> str:
    """The log as delimited text, each column as a function writes it."""
    return table(((user(row), item(row), rating(row), when(row)) for row in rows), header, sign)


def items(
    item: Callable[[str], Any] = lambda one: one, header: Sequence[str] | None = ("item_id", "title"), sign: str = ","
) -> str:
    """The item table as delimited text."""
    return table(((item(one), title) for one, title in TITLES.items()), header, sign)


LOG, ITEMS = log(), items()
Files = str | bytes | Mapping[str, str | bytes]
"""A file's content, or the files of a folder by their names."""


@dataclass(frozen=True)
class Reading:
    """What `init` and `check` make of the files of a project."""

    dataset: Dataset
    settings: Any
    reasons: Mapping[str, str]
    said: list[str] = field(default_factory=list)

    @property
    def lists(self) -> dict[str, list[str]]:
        """Every user's items."""
        ids = self.dataset.items["item_id"].to_list()
        return {user: [ids[i] for i in self.dataset.sequences[n]] for n, user in enumerate(self.dataset.users)}

    @property
    def titles(self) -> dict[str, str]:
        """Title by item."""
        return dict(self.dataset.items.select("item_id", "title").iter_rows())


def put(folder: Path, name: str, content: Files) -> Path:
    """Write a table; returns what names it."""
    place = folder / name
    if isinstance(content, Mapping):
        place.mkdir()
        for one, inner in content.items():
            put(place, one, inner)
    else:
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return place


def read(folder: Path, log: Files, items: Files | None = None, name: str = "log.csv", **known: Any) -> Reading:
    """Guess the columns as `init` does, write the project file, and read and doubt as `check` does.

    Args:
        folder: An empty one.
        log: The log.
        items: The item table.
        name: The log's file name.
        known: What a person tells of `[data]`.

    Raises:
        EagerError: what `init` or `check` refuses.
    """
    interactions = put(folder, name, log)
    table_ = put(folder, "items.csv", items) if items is not None else None
    cores = {"min_user_interactions": 0, "min_item_interactions": 0}
    guessed = guess_data(interactions, table_, folder, {**cores, **known})
    file = folder / "project.toml"
    values = {key: value for key, value in vars(guessed.data).items() if value not in ("", ())} | cores | known
    file.write_text("[data]\n" + "\n".join(f"{key} = {toml_value(value)}" for key, value in values.items()) + "\n")
    project = Project.load(file)
    dataset = load_dataset(project.data, project.directory)
    said = [*doubts(project.data, project.directory), *dataset.report.notes]
    return Reading(dataset, project.data, guessed.reasons, said)
