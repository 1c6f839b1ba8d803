"""Write the project file for two tables: `eagertui init`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.data.guess import guess_data
from core.errors import ProjectError
from core.fields import find, settings_of
from core.project import Project, name_for, recipe_project
from core.setting_values import BadValue, convert, parse_text, toml_value
from core.settings import DataSettings

_FIRST_TABLE = "run"
"""The table behind `[data]`; all from here on is the recipe's."""
_STAGES_NOTE = "the stages one after another; for one command --set tune.stages.epochs=N, or tune.stages.0.epochs=N"


def guess_project(
    interactions: Path, items: Path | None, directory: Path, known: Mapping[str, Any] | None = None
) -> str:
    """Write a commented project file that is ready to train.

    Args:
        interactions: the log: a file, a glob or a folder.
        items: the item table, if there is one.
        directory: the folder that the project file will lie in; paths become relative to it where they are near.
        known: settings of `[data]` that the caller knows already, by their names without `data.`.

    Returns:
        The text of `project.toml`.

    Raises:
        ProjectError: a file is not there, or has no such column.
        DataError: a file cannot be read, or its columns cannot be told apart.
    """
    guessed = guess_data(interactions, items, directory, known)
    return project_text(Project(name=name_for(directory), data=guessed.data), guessed.reasons)


def known_data(texts: Sequence[str]) -> dict[str, Any]:
    """The settings of `[data]` in `data.KEY=VALUE` texts, by their names without `data.`.

    Raises:
        ProjectError: an unknown key, or a value that does not fit it.
    """
    known: dict[str, Any] = {}
    for text in texts:
        key, _, value = text.partition("=")
        spec, kind = find(Project, tuple(key.split(".")))
        if spec is None or not key.startswith("data."):
            raise ProjectError(f"--set {text}: unknown key")
        try:
            known[key.removeprefix("data.")] = convert(parse_text(value, kind), kind, spec.metadata)
        except BadValue as error:
            raise ProjectError(f"--set {text}: {key}: {error}") from None
    return known


def project_text(project: Project, reasons: Mapping[str, str]) -> str:
    """The file's text: what was guessed and why, then every other setting as a comment with its recipe's value.

    Args:
        project: what is wanted.
        reasons: remarks on `[data]`, by the setting's name; a setting without one shows what it is for.
    """
    recipe = recipe_project(project.recipe)
    lines = [
        "# A project of EagerTUI. The columns below were guessed from the files: have a look, then",
        "#   eagertui check .                reads and profiles the data, changes nothing",
        "#   eagertui --headless train .     trains and measures a recommender",
        "# Paths are relative to this file. A setting behind # has the value that holds without it, the recipe's;",
        "# take the # away and change it.",
        "",
        f"name = {toml_value(project.name)}",
        f"recipe = {toml_value(project.recipe)}",
        f"seed = {project.seed}",
        "",
        "[data]",
    ]
    always = {"interactions", "items", "user", "item", "time", "position", "text",
              "min_user_interactions", "min_item_interactions"}  # fmt: skip
    pairs = []
    for setting in settings_of(DataSettings):
        value, default = getattr(project.data, setting.key), getattr(recipe.data, setting.key)
        wanted = setting.key in always or value != setting.default
        note = reasons.get(setting.key) or setting.doc
        pairs.append(_line(setting.key, value if wanted else default, note, live=wanted))
    return "\n".join([*lines, *_aligned(pairs), *_recipe_tables(recipe)]) + "\n"


def with_recipe(text: str, name: str) -> str:
    """The text of a guessed project file for another recipe: what stands behind # has that recipe's values."""
    recipe = recipe_project(name)
    head = text[: text.index(f"\n\n[{_FIRST_TABLE}]")].split("\n")
    for number, line in enumerate(head):
        if named := re.match(r"# (\w+) = ", line):
            before, _, note = line.partition("  # ")
            setting = f"{named[0]}{toml_value(getattr(recipe.data, named[1]))}"
            head[number] = f"{setting:<{len(before)}}  # {note}"
    return "\n".join([*head, *_recipe_tables(recipe)]) + "\n"


def _recipe_tables(recipe: Project) -> list[str]:
    """Every table but `[data]` with the recipe's values behind #; of plug-ins those that the recipe uses."""
    tables = {part.name: getattr(recipe, part.name) for part in dataclasses.fields(recipe)}
    del tables["data"]
    return [line for name, table in tables.items() if dataclasses.is_dataclass(table) for line in _table(name, table)]


def _table(name: str, values: Any) -> list[str]:
    """One table and those of its plug-ins; nothing where it has no settings of its own."""
    pairs, inner = [], []
    for part in dataclasses.fields(values):
        value = getattr(values, part.name)
        if "registries" in part.metadata:
            inner = [line for plug_in, options in value.items() for line in _table(f"{name}.{plug_in}", options)]
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            pairs.append(_line(part.name, [_stage(one) for one in value], _STAGES_NOTE))
        else:
            pairs.append(_line(part.name, value, part.metadata["doc"]))
    return [*(["", f"[{name}]", *_aligned(pairs)] if pairs else []), *inner]


def _stage(stage: Any) -> dict[str, Any]:
    """A stage's name, epochs and step size, and what differs from the defaults."""
    default = type(stage)()
    values = {part.name: getattr(stage, part.name) for part in dataclasses.fields(stage)}
    first = {key: values[key] for key in ("name", "epochs", "learning_rate")}
    return first | {key: value for key, value in values.items() if value != getattr(default, key)}


def _line(key: str, value: Any, note: str, *, live: bool = False) -> tuple[str, str]:
    """A setting's line and the remark behind it; behind # where it is not `live`."""
    remark = "".join(c if c.isprintable() else " " for c in note)[:200]  # column names come from strangers' files
    return f"{'' if live else '# '}{key} = {toml_value(value)}", remark


def _aligned(pairs: list[tuple[str, str]]) -> list[str]:
    width = min(48, max((len(text) for text, _ in pairs), default=0))
    return [f"{text:<{width}}  # {note}" for text, note in pairs]
