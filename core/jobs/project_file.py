"""Write the project file for two tables: `eagertui init`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.data.guess import guess_data
from core.errors import ProjectError
from core.fields import BadValue, convert, find, parse_text, toml_value
from core.project import Project, all_settings, name_for

_SHOWN_TABLES = ("run", "vectors", "index", "backbone", "tune", "recommend", "evaluate")


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
    """The file's text: what was guessed and why, then the other settings as comments.

    Args:
        project: what is wanted.
        reasons: remarks on `[data]`, by the setting's name; a setting without one shows what it is for.
    """
    settings = {setting.key: setting for setting in all_settings()}
    lines = [
        "# A project of EagerTUI. The columns below were guessed from the files: have a look, then",
        "#   eagertui --headless check .     reads and profiles the data, changes nothing",
        "#   eagertui --headless train .     trains and measures a recommender",
        "# Paths are relative to this file. A key that is not here has the recipe's value, or else the default.",
        "",
        f"name = {toml_value(project.name)}",
        f"recipe = {toml_value(project.recipe)}",
        f"seed = {project.seed}",
        "",
        "[data]",
    ]
    shown = [key.removeprefix("data.") for key in settings if key.startswith("data.")]
    always = {"interactions", "items", "user", "item", "time", "position", "text",
              "min_user_interactions", "min_item_interactions"}  # fmt: skip
    pairs = []
    for key in shown:
        value, setting = getattr(project.data, key), settings[f"data.{key}"]
        changed = key in always or value != setting.default
        note = reasons.get(key) or setting.doc
        pairs.append(("" if changed else "# ", f"{key} = {toml_value(value)}", _comment(note)))
    lines += _aligned(pairs)
    for table in _SHOWN_TABLES:
        lines += ["", f"# [{table}]"]
        rest = [s for key, s in settings.items() if key.startswith(f"{table}.") and key.count(".") == 1]
        lines += _aligned([("# ", f"{s.key.split('.')[1]} = {s.default_toml}", _comment(s.doc)) for s in rest])
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    """Text that is safe behind `#`: column names come from strangers' files."""
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def _aligned(pairs: list[tuple[str, str, str]]) -> list[str]:
    width = min(48, max((len(mark + text) for mark, text, _ in pairs), default=0))
    return [f"{mark + text:<{width}}  # {note}" for mark, text, note in pairs]
