"""Which column of a log holds the times: by its name, else by its values; two that fit alike are a tie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.data.column_profile import ColumnProfile, is_clock, is_rating, is_time
from core.data.guessed import Guess, shell_word
from core.data.roles import plain, role_score
from core.errors import DataError

_OF_OTHERS = frozenset({"birth", "birthday", "birthdate", "born", "dob", "release", "released", "publication",
                        "published", "registration", "registered", "signup", "expiry", "expires",
                        "expiration"})  # fmt: skip
"""Words of dates that belong to a person or an item, and not to what they did."""


def is_of_others(name: str) -> bool:
    """Whether a column of dates is called after something else than the interaction."""
    return bool(set(plain(name).split("_")) & _OF_OTHERS)


def named_time(columns: Mapping[str, ColumnProfile], path: Path) -> Guess | None:
    """The column of times whose name fits best.

    Raises:
        DataError: two names fit alike, or the column that fits is written in no known way and no other is there.
    """
    scored = {
        name: score
        for name, column in columns.items()
        if column.filled > 0.5 and not is_of_others(name) and (score := role_score(name, "time"))
    }
    if any(is_clock(column) and not is_of_others(name) for name, column in columns.items()):
        # The name of what holds a few small numbers is another column's, where one holds times by its values.
        scored = {name: score for name, score in scored.items() if not is_rating(columns[name])}
    read = {
        name: score for name, score in scored.items()
        if is_time(columns[name]) and (score > 500 or is_clock(columns[name]))
    }  # fmt: skip
    best = max(read.values(), default=0)
    names = [name for name, score in read.items() if score == best]
    if len(names) > 1:
        raise _two_times(columns, names, path)
    if names:
        return Guess(names[0], "by its name")
    unread = max((name for name in scored if scored[name] > 500 or is_clock(columns[name])), key=scored.get, default="")  # type: ignore[arg-type]
    if unread and not any(column.dates for column in columns.values()):
        raise _unread_time(columns[unread], path)
    return None


def time_by_values(columns: Mapping[str, ColumnProfile], path: Path) -> Guess | None:
    """The only column whose values look like times.

    Raises:
        DataError: there are several, or it is written in no known way.
    """
    clocks = {
        name: column
        for name, column in columns.items()
        if is_clock(column) and column.filled > 0.5 and not is_of_others(name)
    }
    read = [name for name, column in clocks.items() if is_time(column)]
    if len(read) > 1:
        raise _two_times(columns, read, path)
    if read:
        return Guess(read[0], f"its values look like {columns[read[0]].times or 'times'}")
    if clocks:
        raise _unread_time(next(iter(clocks.values())), path)
    return None


def _two_times(columns: Mapping[str, ColumnProfile], names: list[str], path: Path) -> DataError:
    shown = ", ".join(f"{name} (e.g. {columns[name].example})" for name in names[:6])
    ways = " or ".join(f"--set {shell_word(f'data.time={name}')}" for name in names[:6])
    return DataError(f"{path}: cannot tell which column orders the interactions: {shown}", f"Tell it: {ways}.")


def _unread_time(column: ColumnProfile, path: Path) -> DataError:
    what = column.times if column.times.startswith("times") else "times that are written in no known way"
    return DataError(
        f'{path}: the column "{column.name}" seems to hold {what}, e.g. {column.example}',
        "Write them as 2024-12-31 23:59:59 or as seconds since 1970, "
        "or go on in the order of the file: --set data.time= (nothing behind the sign).",
    )
