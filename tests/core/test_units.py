"""Spans of time and sizes in words: what they look like, and that they are written in one place."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.units import between, duration, gigabytes, in_words, roughly, size
from tests.imports import modules

UNIT = re.compile(r" ?(s|sec|seconds|min|minutes|h|hours|d|days|kB|MB|GB|TB|KiB|MiB|GiB)\b(?!\w)")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"), (float("nan"), "–"), (-1, "–"), (0, "0.0 s"), (9.96, "10 s"), (42.4, "42 s"), (59.7, "1 min 00 s"),
        (200, "3 min 20 s"), (3900, "1 h 05 min"), (180000, "2 d 02 h"),
    ],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (0.2, "1 s"), (3.2, "3 s"), (43, "45 s"), (58, "1 min"), (200, "3 min"), (720, "12 min"),
        (1750, "30 min"), (3500, "1 h"), (4700, "1 h 20 min"), (21_000, "5 h 50 min"), (40_000, "11 h"),
        (400_000, "5 days"), (None, "unknown"), (math.nan, "unknown"), (math.inf, "unknown"),
    ],
)  # fmt: skip
def test_times_in_words(span, words):
    assert roughly(span) == words


def test_the_line_for_people():
    assert between(720, 1.7) == "7–20 min"
    assert between(60, 2) == "30 s – 2 min"
    assert between(9_000, 1.5) == "1 h 40 min – 3 h 40 min"
    assert between(0.1, 2) == "1 s"
    assert in_words(720, 2_100, 320, 1.7) == "about 12 min (7–20 min), up to 2.1 GB of memory, 0.3 GB of disk"
    unknown = "time not known before a first run, an unknown amount of memory, an unknown amount of disk"
    assert in_words(None, None, None, 1) == unknown
    assert (gigabytes(0), gigabytes(3.2), gigabytes(24_000)) == ("0 MB", "4 MB", "24 GB")
    assert [size(n) for n in (5, 1500, 2.5e9, 7e12)] == ["5 B", "1.5 kB", "2.5 GB", "7.0 TB"]


def units_written_in(file: Path) -> Iterator[str]:
    """The f-strings of a file in which a unit of time or size stands behind a value."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            for value, text in zip(node.values, node.values[1:], strict=False):
                if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant) and UNIT.match(text.value):
                    yield f"{file.name}:{node.lineno} {ast.unparse(node)}"


def test_units_are_written_in_one_place() -> None:
    files = {**modules("core"), **modules("eagertui")}
    assert len(list(units_written_in(files.pop("core.units")))) > 8
    assert [one for file in files.values() for one in units_written_in(file)] == []
