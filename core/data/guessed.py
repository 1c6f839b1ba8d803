"""A guess, and how a person decides it on a command line."""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Guess:
    """A guessed value and why."""

    value: str
    why: str


def shell_word(text: str) -> str:
    """A text as one word of a command line, on one line."""
    return shlex.quote("".join(c if c.isprintable() else "?" for c in text))
