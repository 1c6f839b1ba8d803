"""Make a new project folder, from two files or from the sample; for the verb `init` and the app's form."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.assets import assets_path
from core.errors import EnvironmentFault, ProjectError
from core.files import address_of

_PLAIN_NAMES = frozenset(
    {"interactions", "events", "logs", "log", "ratings", "reviews", "train", "data", "all", "part"}
)
"""Names of files that say nothing about what is in them."""
ROLES = ("user", "item", "item_key", "time", "position", "rating")
"""The columns of [data]: what a person tells of them, the guess of the rest builds on."""


@dataclass(frozen=True)
class Peek:
    """The first rows of a table, as text.

    Attributes:
        columns: their names.
        rows: the texts; None where there is no value.
        format: `parquet`, `csv` or `jsonl`.
        files: how many files the table has.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    format: str
    files: int


def peek(where: Path, rows: int = 8) -> Peek:
    """Look at the beginning of a table: a file, a glob or a folder.

    Raises:
        EagerError: it is not there, or no table.
    """
    import polars as pl

    from core.data.read import read_fault
    from core.data.sniff import open_table

    if not where.exists() and not any(sign in str(where) for sign in "*?[") and not address_of(where):
        raise ProjectError(f"there is no file {where}")
    sources = open_table(where, "file")
    first = sources[0]
    for source in filter(None, (first, first.tolerant())):
        with contextlib.suppress(pl.exceptions.PolarsError, pl.exceptions.PanicException):
            frame = source.scan(list(first.columns)).head(rows).select(first.columns).collect(engine="streaming")
            texts = tuple(tuple(None if v is None else str(v)[:1000] for v in row) for row in frame.rows())
            return Peek(first.columns, texts, first.format, len(sources))
    raise read_fault(first.path, ValueError("its first rows are damaged"))


def folder_for(interactions: Path, here: Path) -> Path:
    """A folder for a new project that is not there yet, named after its interactions."""
    from core.project import name_for

    names = [interactions.name.partition(".")[0], *(folder.name for folder in interactions.parents), "project"]
    cleaned = (name.strip("*?[] -_") for name in names)
    stem = name_for(Path(next(name for name in cleaned if name and name.lower() not in _PLAIN_NAMES)))
    folders = (here / (f"{stem}-{number}" if number > 1 else stem) for number in itertools.count(1))
    return next(folder for folder in folders if not folder.exists())


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


def write_project(directory: Path, interactions: Path, items: Path | None, texts: Sequence[str] = ()) -> Path:
    """Look at the files, write a commented project file with guesses for the columns, and return it.

    Args:
        directory: the new project's folder.
        interactions: the interaction log.
        items: the item table, if there is one.
        texts: what needs no guess, as `data.KEY=VALUE`, `name=NAME` or `recipe=NAME`.

    Raises:
        ProjectError: where there is a project already, a file is missing, or the columns cannot be told apart.
        DataError: where a file cannot be read as a table.
    """
    from core.jobs.project_file import guess_project

    values = parse_values(texts)
    with _new_project(directory, ["project.toml"]):
        return _write(directory, guess_project(interactions, items, directory, known_of(values)), values)


def write_guessed(directory: Path, guessed: str, values: Mapping[str, Any]) -> Path:
    """Write a project whose files have been looked at already; return its file.

    Args:
        directory: the new project's folder.
        guessed: the text that was guessed with the columns of `values`.
        values: what a person told, by their keys, see `parse_values`.

    Raises:
        ProjectError: where there is a project already, or the values do not go together.
    """
    with _new_project(directory, ["project.toml"]):
        return _write(directory, guessed, values)


def parse_values(texts: Sequence[str]) -> dict[str, Any]:
    """The values of `--set` texts that a new project can be told, by their keys.

    Raises:
        ProjectError: another key, or a value that does not fit it.
    """
    from core.setting_values import BadValue
    from eagertui.forms.form_model import value_of

    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise ProjectError(f"--set {text}: expected key=value, e.g. --set data.user=reader")
        if key not in ("name", "recipe") and not key.startswith("data."):
            raise ProjectError(
                f"--set {text}: init takes data.*, name and recipe", "the rest can be set when it trains"
            )
        try:
            values[key] = value_of(key, value)
        except BadValue as error:
            raise ProjectError(f"--set {text}: {key}: {error}") from None
    return values


def known_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of `[data]` among a person's values, by their names: what the guess builds on."""
    known = {key.removeprefix("data."): value for key, value in values.items() if key.startswith("data.")}
    return {name: value for name, value in known.items() if name not in ("interactions", "items")}


def with_values(guessed: str, values: Mapping[str, Any]) -> str:
    """The text of a guessed project file with a person's values in their lines."""
    import tomli

    from core.jobs.project_file import with_recipe
    from core.project import all_settings
    from core.setting_values import toml_value

    if "recipe" in values:
        guessed = with_recipe(guessed, values["recipe"])
    tree, table, lines = tomli.loads(guessed), "", []
    defaults = {setting.key: setting.default for setting in all_settings()}
    for line in guessed.split("\n"):
        if header := re.match(r"(?:# )?\[(\w+)\]$", line):
            table = f"{header[1]}."
        named = re.match(r"(# )?(\w+) = ", line)
        key = f"{table}{named[2]}" if named else ""
        if named and key in values:
            old = defaults[key] if named[1] else (tree["data"] if table else tree)[named[2]]
            before = f"{named[0]}{toml_value(old)}"
            gap = len(line) - len(line[len(before) :].lstrip(" ")) if line.startswith(before) else 0
            new = f"{named[2]} = {toml_value(values[key])}"
            line = f"{new:<{max(0, gap - 2)}}  # as told" if table else new
        lines.append(line)
    return "\n".join(lines)


def _write(directory: Path, guessed: str, values: Mapping[str, Any]) -> Path:
    from core.project import Project

    path = directory / "project.toml"
    try:
        path.write_text(with_values(guessed, values), encoding="utf-8")
    except UnicodeEncodeError:
        raise ProjectError("the name of a file is not UTF-8 text", "rename the file; a project file is UTF-8") from None
    Project.load(path)  # what we wrote must be what we can read
    return path


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
