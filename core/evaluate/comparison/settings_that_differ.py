"""Settings in which runs differ, and runs that differ only in their seed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import EagerError
from core.fields import tree_of
from core.project import Project
from core.run.folder import RunFolder

SEED = "seed"
NOT_THE_METHOD = ("name", "path", "notes", "run.")
"""Settings (or beginnings of their keys) that change no list: names, and the machine that it was computed on."""
MISSING = "–"


@dataclass(frozen=True)
class SettingDifference:
    """A setting that is not the same in all runs.

    Attributes:
        key: dotted.
        values: of each run, as a project file would hold it.
    """

    key: str
    values: tuple[str, ...]


def flat_settings(folder: RunFolder) -> dict[str, Any]:
    """A run's settings by their dotted keys, lists of tables by their numbers; empty where they are unreadable.

    Old spellings are read as the new ones, so that runs of two versions differ only where their settings do.
    """
    try:
        return _flat(tree_of(Project.load(folder.project_path)))
    except EagerError:
        pass  # a plug-in that is not installed here, or a damaged file
    try:
        return _flat(tomllib.loads(folder.project_path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return {}


def _flat(tree: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        key = f"{before}{name}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{key}.")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            flat |= _flat({str(number): one for number, one in enumerate(value)}, f"{key}.")
        elif value is not None:
            flat[key] = value
    return flat


def settings_that_differ(settings: Sequence[Mapping[str, Any]]) -> list[SettingDifference]:
    """Settings of runs that are not equal in all of them, in the order of the project file."""
    keys = dict.fromkeys(key for one in settings for key in one if not key.startswith(NOT_THE_METHOD))
    found = []
    for key in keys:
        values = tuple(_written(one.get(key)) for one in settings)
        if len(set(values)) > 1:
            found.append(SettingDifference(key, values))
    return found


def seed_groups(settings: Sequence[Mapping[str, Any]], data: Sequence[str]) -> list[tuple[int, ...]]:
    """Runs that differ only in their seed, together; all others alone.

    Args:
        settings: of each run.
        data: fingerprint of each run's data set: equal settings may have read other files.

    Returns:
        Places of runs, in the order of the first of each group.
    """
    groups: dict[object, list[int]] = {}
    for place, one in enumerate(settings):
        rest = sorted((k, repr(v)) for k, v in one.items() if k != SEED and not k.startswith(NOT_THE_METHOD))
        groups.setdefault((data[place], tuple(rest)) if one else place, []).append(place)
    found: list[tuple[int, ...]] = []
    for places in groups.values():
        seeds = [settings[place].get(SEED) for place in places]
        if len(set(map(repr, seeds))) == len(places):
            found.append(tuple(places))
        else:  # a seed twice: a repetition, and no draw of its own
            found += [(place,) for place in places]
    return sorted(found)


def _written(value: Any) -> str:
    """A value as one reads it in a project file."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return value if isinstance(value, str) and value else repr(value) if isinstance(value, str) else f"{value}"
