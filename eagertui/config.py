"""A person's own settings and what the app remembers of them, where the system keeps such things (XDG).

`config.toml` is written by people and only read here; `state.json` is ours and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.did_you_mean import nearest
from core.files import locked, write_atomic
from core.safe_json import read_object

Clashes = Callable[[Mapping[str, str]], Mapping[str, str]]
SYMBOLS = ("braille", "block", "ascii")
MOST_PROJECTS = 30
MOST_PROBLEMS = 20
"""Lines that are no TOML in a file of which the rest is still read."""


def config_path() -> Path:
    """Where a person's `config.toml` is looked for."""
    from platformdirs import user_config_path

    return user_config_path("eagertui") / "config.toml"


def state_path() -> Path:
    """Where the app keeps what it remembers."""
    from platformdirs import user_state_path

    return user_state_path("eagertui") / "state.json"


def keep_traceback(error: BaseException) -> Path:
    """Add an error's traceback to `errors.log` beside what is remembered; return that file."""
    import traceback

    path = state_path().with_name("errors.log")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(time.strftime("%Y-%m-%d %H:%M:%S\n") + "".join(traceback.format_exception(error)) + "\n")
    return path


@dataclass(frozen=True)
class Config:
    """What a person wants of the app; every key of the file is optional."""

    theme: str = ""
    """A theme's name; empty is the one used last."""
    symbols: str = "braille"
    """What curves are drawn with: braille, block, ascii."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Own keys by an action's id, comma-separated: `[keys] quit = "ctrl+x"`."""
    problems: tuple[str, ...] = ()
    """What is wrong in the file, a sentence each; such a line is left out, and no other."""
    animation: bool = True
    """Whether anything may move; TEXTUAL_ANIMATIONS=none in the environment says no as well."""

    @classmethod
    def load(cls, path: Path, actions: frozenset[str] = frozenset(), clashes: Clashes = lambda keys: {}) -> Config:
        """Read the file; where there is none, and where a line is wrong, the default counts.

        Args:
            path: the file.
            actions: ids that keys may be given to.
            clashes: of own keys those that another action has in the same place, and why they cannot be.
        """
        raw, problems = _parsed(path)
        theme, symbols, keys = raw.get("theme", ""), raw.get("symbols", "braille"), raw.get("keys", {})
        animation = raw.get("animation", True)
        for name in sorted(set(raw) - {"theme", "symbols", "animation", "keys"}):
            problems.append(f"{name}: no such key; known are theme, symbols, animation and the table keys")
        if not isinstance(animation, bool):
            problems.append("animation: neither true nor false")
            animation = True
        if not isinstance(theme, str):
            problems.append("theme: not a text")
            theme = ""
        if symbols not in SYMBOLS:
            problems.append(f"symbols: none of {', '.join(SYMBOLS)}")
            symbols = "braille"
        if not isinstance(keys, dict):
            problems.append('keys: not a table, such as [keys] and below it quit = "ctrl+x"')
            keys = {}
        own: dict[str, str] = {}
        for name, key in keys.items():
            if actions and name not in actions:
                near = nearest(name, actions)
                hint = f"did you mean {near}?" if near else "`?` in the app shows the names"
                problems.append(f"keys.{name}: no such action; {hint}")
            elif not isinstance(key, str) or not key.strip():
                problems.append(f'keys.{name}: not a text, such as "ctrl+x" or "f5,g"')
            else:
                own[name] = key.strip()
        while bad := clashes(own):
            problems += [f"keys.{name}: {why}" for name, why in bad.items()]
            own = {name: key for name, key in own.items() if name not in bad}
        return cls(theme, symbols, own, tuple(problems), animation)


def _parsed(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The file's tables without the lines that are no TOML, and what is wrong with those."""
    import tomli

    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [f"cannot be read: {error}"]
    problems: list[str] = []
    while True:
        try:
            return tomli.loads("\n".join(lines)), problems
        except tomli.TOMLDecodeError as error:
            at = min(error.lineno, len(lines)) - 1
            while at > 0 and not lines[at].strip():
                at -= 1  # what was never closed is missed at the end
            if not lines[at].strip() or len(problems) == MOST_PROBLEMS:
                return {}, [*problems, f"nothing of it can be read: {error}"]
            problems.append(f"line {at + 1}: {error.msg}: {lines[at].strip()}")
            lines[at] = ""
        except RecursionError:
            return {}, ["nested too deeply"]


class Memory:
    """What the app remembers from one day to the next; losing it costs nothing but comfort.

    Args:
        path: the file; None remembers nothing beyond this process.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        self._kept = path is not None
        """Whether the file takes what is remembered; in a read-only home it is this process's alone."""
        self.read_again()

    def read_again(self) -> None:
        """Take what the file says now: another app may have written it."""
        if self._path is not None and self._kept:
            self._values = read_object(self._path)

    def get(self, key: str, default: Any = None) -> Any:
        """What was remembered under a name; the default where it is missing or of another type."""
        value = self._values.get(key, default)
        return value if default is None or isinstance(value, type(default)) else default

    def set(self, key: str, value: Any) -> None:
        """Remember something that JSON can hold."""
        if self._values.get(key) != value:
            self._change(lambda values: values.update({key: value}))

    @property
    def projects(self) -> list[tuple[Path, str]]:
        """Project files and their names, the one that was opened last at the front."""
        return [(Path(str(entry["path"])), str(entry.get("name") or "")) for entry in _entries(self._values)]

    def opened(self, project: Path, name: str) -> None:
        """Put a project at the front of the list."""
        fresh = {"path": str(project), "name": name, "at": round(time.time())}
        self._change(lambda values: values.update(projects=[fresh, *_others(values, project)][:MOST_PROJECTS]))

    def forget(self, project: Path) -> None:
        """Take a project from the list; its files stay."""
        self._change(lambda values: values.update(projects=_others(values, project)))

    def _change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change what the file says now, alone: another app may have written it since it was read."""
        if self._path is None or not self._kept:
            change(self._values)
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self._path.parent):
                self.read_again()
                change(self._values)
                write_atomic(self._path, json.dumps(self._values, indent=1))
        except OSError:  # a read-only home is no reason to fail
            self._kept = False
            change(self._values)


def _entries(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = values.get("projects")
    known = known if isinstance(known, list) else []
    return [entry for entry in known if isinstance(entry, dict) and _is_path(entry.get("path"))]


def _others(values: Mapping[str, Any], project: Path) -> list[dict[str, Any]]:
    """The known projects but one."""
    return [entry for entry in _entries(values) if entry["path"] != str(project)]


def _is_path(value: object) -> bool:
    """Whether a file could have that name."""
    try:
        return isinstance(value, str) and bool(value) and b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False
