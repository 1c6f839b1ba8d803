"""How levels and codes are written. Imports nothing heavy: everything that shows a code asks it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache


@cache
def letter(level: int) -> str:
    """The name of a level: `a` ... `z`, then `aa`, `ab` ..., as spreadsheets name their columns."""
    rest, last = divmod(level, 26)
    return (letter(rest - 1) if rest else "") + chr(ord("a") + last)


def token(level: int, code: int) -> str:
    """How a code is written, e.g. `<a_12>`: the letter is the level."""
    return f"<{letter(level)}_{code}>"


def code_text(codes: Iterable[int]) -> str:
    """How a code word, or the beginning of one, is written: the tokens of its codes in a row."""
    return "".join(token(level, int(code)) for level, code in enumerate(codes))
