"""Which column of a log holds the times: by its name, else by its values; two that fit alike are a tie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from core.data.clean import text_expr
from core.data.column_profile import SAMPLE_ROWS, ColumnProfile, is_clock, is_number, is_rating, is_time
from core.data.guessed import Guess, shell_word
from core.data.read import TableFile
from core.data.roles import plain, role_score
from core.data.times import parsed, time_format
from core.errors import DataError, ProjectError

_OF_OTHERS = frozenset({"birth", "birthday", "birthdate", "born", "dob", "release", "released", "publication",
                        "published", "registration", "registered", "signup", "expiry", "expires",
                        "expiration"})  # fmt: skip
"""Words of dates that belong to a person or an item, and not to what they did."""

_UNITS = {"seconds": 10**6, "milliseconds": 10**3, "microseconds": 1}
_SECONDS = 86_400
"""Of a day."""
_DAY, _MINUTE = 86_400_000_000, 60_000_000
_FURTHEST, _ZONE = 14 * 60 * _MINUTE, 15 * _MINUTE
_AGREE = 0.99
"""Microseconds: of the units that times are counted in, of a day and a minute, and of the furthest time zone, all of
which lie whole quarters of an hour apart; a share of rows."""


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
    if any(is_clock(columns[name]) for name in read):  # beside dates, numbers of less than a day are times of the day
        read = {name: score for name, score in read.items() if not _in_a_day(columns[name])}
    best = max(read.values(), default=0)
    names = [name for name, score in read.items() if score == best]
    if any(columns[name].one_day for name in names):
        # Beside days, times that all lie in one may be times of day, to which a program added the day it ran.
        names += [name for name in read if columns[name].days and name not in names]
    if len(names) > 1:
        raise _two_times(columns, names, path)
    if names:
        return Guess(names[0], "by its name")
    unread = max((name for name in scored if scored[name] > 500 or is_clock(columns[name])), key=scored.get, default="")  # type: ignore[arg-type]
    if unread and not any(column.dates for column in columns.values()):
        raise _unread_time(columns[unread], path)
    return None


def _in_a_day(column: ColumnProfile) -> bool:
    return is_number(column) and not is_clock(column) and 0 <= column.low <= column.high <= _SECONDS


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


def finer_time(source: TableFile, columns: Mapping[str, ColumnProfile], coarse: str) -> Guess | None:
    """The one column that says of every row the day, or the minute, that another says, and more of it.

    Args:
        source: The log's first file.
        columns: Its columns that are free.
        coarse: The column that is called after a time; None is returned where it knows more than minutes.
    """
    near = [name for name, one in columns.items() if name != coarse and is_clock(one) and not is_of_others(name)]
    if coarse not in columns or not near:
        return None
    frame = source.table(rows=SAMPLE_ROWS)
    begins = _moments(frame, columns[coarse])
    step = next((one for one in (_DAY, _MINUTE) if begins is not None and (begins % one == 0).all()), 0)
    if begins is None or not step:
        return None
    finer = []
    for name in near:
        moments = _moments(frame, columns[name])
        if moments is None or not (moments % step != 0).any():
            continue
        later = moments - begins
        agree = later.is_between(-_FURTHEST, step + _FURTHEST)
        if step == _MINUTE:
            agree &= later % _ZONE < _MINUTE
        if agree.null_count() < (1 - _AGREE) * len(agree) and agree.sum() >= _AGREE * len(agree):
            finer.append(name)
    what = "day" if step == _DAY else "minute"
    return Guess(finer[0], f'it says the {what} of "{coarse}", and more') if len(finer) == 1 else None


def _moments(frame: pl.DataFrame, column: ColumnProfile) -> pl.Series | None:
    """A column's times in microseconds since 1970, null where there is none; None where it is no date and no count."""
    try:
        texts = frame.select(text_expr(column.name, frame.schema[column.name], "")).to_series().str.strip_chars()
    except ProjectError:
        return None
    unit = _UNITS.get(column.times.partition(" ")[0])
    if unit:
        return texts.cast(pl.Float64, strict=False).cast(pl.Int64, strict=False) * unit
    values = texts.drop_nulls().unique(maintain_order=True)
    form = "%Y%m%d" if bool(values.str.contains(r"^\d{8}$").all()) else time_format(values)
    if "%" not in form or not len(values):
        return None
    return texts.to_frame("t").select(parsed(pl.col("t"), form).dt.epoch("us")).to_series()


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
