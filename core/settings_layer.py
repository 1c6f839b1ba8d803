"""One source of settings as a tree of raw values, which knows where each of its keys stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli

from core.errors import EnvironmentFault, ProjectError
from core.spellings import modernised
from core.toml_lines import key_line

Key = tuple[str, ...]
MAX_PROJECT_BYTES = 1_000_000


@dataclass(frozen=True)
class Layer:
    """One source of settings: a project file, a recipe, or one `--set`.

    Attributes:
        label: what it is called in an error.
        tree: its raw values.
        text: of the file; None for `--set`.
        is_recipe: whether it is a recipe.
        renamed: the new spelling of a key -> the old one that stands there.
    """

    label: str
    tree: Mapping[str, Any]
    text: str | None = None
    is_recipe: bool = False
    renamed: Mapping[Key, Key] = field(default_factory=dict)

    def place(self, key: Key) -> str:
        """Where a key stands, as file:line where it can be told."""
        if self.text is None:
            return self.label
        line = key_line(self.text, self.renamed.get(key, key))
        return f"{self.label}:{line}" if line else self.label


def read_layer(file: Path, is_recipe: bool = False) -> Layer:
    """Read a project file or a recipe.

    Raises:
        ProjectError: there is none, it is too large, or no TOML; names the line.
        EnvironmentFault: it cannot be read.
    """
    try:
        if file.stat().st_size > MAX_PROJECT_BYTES:
            raise ProjectError(f"{file}: too large for a project file", "Name the project file, not the data.")
        raw = file.read_bytes()
    except FileNotFoundError:
        raise ProjectError(
            f"no project file at {file}", "`eagertui init DIR` writes one from an interaction log and an item table."
        ) from None
    except OSError as error:
        raise EnvironmentFault(f"{file}: cannot be read ({error.strerror or error})") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProjectError(f"{file}:{line}: not UTF-8 text", "Save the file as UTF-8.") from None
    try:
        tree = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        at, row = error.lineno, _line_at(text, error.lineno)
        if not row:  # the end of the file: something was never closed
            raise ProjectError(f"{file}:{at}: {error.msg}", "the file ends too early") from None
        raise ProjectError(f"{file}:{at}: {error.msg}, column {error.colno}", f"line {at}: {row}") from None
    except RecursionError:
        raise ProjectError(f"{file}: nested too deeply") from None
    tree, renamed = modernised(tree)
    return Layer(str(file), tree, text.replace("\r\n", "\n"), is_recipe, renamed)


def _line_at(text: str, number: int) -> str:
    """A line of a text, counted from 1, as much of it as is read at a glance."""
    lines = text.split("\n")
    return lines[number - 1].strip()[:200] if number <= len(lines) else ""
