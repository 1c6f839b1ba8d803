"""Text for people: data made safe to print, and figures in the form that a person reads."""

from __future__ import annotations

import contextlib
import math
import re
import shlex
import unicodedata
from pathlib import Path

from core.assets import demo_path
from core.files import address_of
from core.units import between, duration, from_to, gigabytes, roughly, size

__all__ = [
    "between", "duration", "figure", "figures", "from_home", "from_to", "gigabytes", "near", "project_file", "roughly",
    "size", "steady", "visible",
]  # fmt: skip

DEMO = "demo"
"""What the project that ships with the program is called on the command line."""
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0]")
"""Printable by the book, and yet nothing of them is seen."""
_JOINERS = re.compile("[\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]")
"""Parts of emoji and letters that every terminal, tmux among them, counts as another number of cells."""


def visible(text: object) -> str:
    """The text on one line with control and direction-changing characters made visible; never markup.

    Titles come from other people's data: an escape sequence in one must not reach the terminal.
    """
    text = str(text)
    if text.isprintable() and (text.isascii() or not _BLANK.search(text)):
        return text
    return "".join(_shown(c) for c in text)


def steady(text: str) -> str:
    """The text without what joins or colours emoji, so that its width is the same on every terminal."""
    return text if text.isascii() else _JOINERS.sub("", text)


def _shown(char: str) -> str:
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures: ␀ to ␟
    if code == 0x7F:
        return "␡"
    if (char.isprintable() and not _BLANK.match(char)) or unicodedata.category(char) == "Zs" or char == "\u200d":
        return char  # blanks of every width, and the joiner inside emoji
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def near(path: Path) -> str:
    """A path as a person would type it here; the working folder itself may be gone. An address is none."""
    if address := address_of(path):
        return address
    with contextlib.suppress(OSError, ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def typed(path: Path) -> str:
    """A path as a part of a command that can be typed here."""
    return shlex.quote(near(path))


def from_home(path: Path) -> str:
    """A path as a person knows it: `~` for the home folder."""
    with contextlib.suppress(RuntimeError, ValueError):  # no home at all; not below it
        return str("~" / path.relative_to(Path.home()))
    return str(path)


def figure(value: object) -> str:
    """A value from a summary: thousands grouped, four digits of a fraction, everything else as visible text."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if not math.isfinite(value):
            return "–"
        if value == round(value) and abs(value) < 1e12:
            return f"{value:,.0f}"
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    if isinstance(value, list | tuple):
        return "/".join(figure(v) for v in value)
    return visible(value)


def figures(values: object) -> str:
    """The scalar entries of a mapping on one line: `users 22,363, items 12,101`."""
    if not isinstance(values, dict):
        return ""
    flat = {
        k: v for k, v in values.items() if not isinstance(v, dict) and k != "base_id"
    }  # an id tells nobody anything
    return ", ".join(f"{visible(k).replace('_', ' ')} {figure(v)}" for k, v in flat.items())


def project_file(given: Path | None) -> Path:
    """The project file that an argument names: the file, or the `project.toml` of a folder, here by default.

    `demo` is the demo that ships with the program, where nothing else is called so.

    Raises:
        ProjectError: it is no project; says what it is, and the next step.
    """
    from eagertui.no_project import fault_at

    path = given or Path()
    if path == Path(DEMO) and not path.exists():
        path = demo_path()
    if fault := fault_at(path):
        raise fault
    return path / "project.toml" if path.is_dir() else path
