"""Doubts about the order: columns that may hold it and are not used, times that count from another beginning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from core.data.column_profile import ColumnProfile, is_clock, is_number, is_order
from core.data.guess_columns import BACKWARDS
from core.data.read import BAD, TableFile, collect
from core.data.roles import plain, role_score
from core.data.time_values import FIRST_SECOND, UNITS
from core.settings import DataSettings

_LOOKED_AT = 200_000
"""About how many rows are looked at: all of every user, or of every second one, and so on."""
_PARTS, _MOST_DAYS = frozenset({"year", "month", "day", "hour", "minute", "second"}), 31
"""Words of columns that hold a part of a date; a day of a larger number counts them."""
_NEARLY = 0.9
"""A share of users, and of the numbers up to the highest."""
_WEB = 852_076_800
"""1997, before which no log of the web ends, in seconds since 1970."""


def unused_orders(data: DataSettings, source: TableFile, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Of a log in the order of its file: columns of parts of dates or of counted days, or that look like an order.

    By their name, or because they number the rows of each user or of the file in another order than they stand in.

    Args:
        data: Which columns are used.
        source: The log's first file.
        log: Its columns.
    """
    if data.time or data.position:
        return []
    used = (data.user, data.item, data.rating)
    words = {name: set(plain(name).split("_")) for name in log if name not in used and log[name].filled}
    parts = [name for name, own in words.items() if own & _PARTS and is_number(log[name]) and not is_clock(log[name])]
    together = {"year", "month"} <= {word for name in parts for word in words[name]}
    left = [name for name in parts if together or ("day" in words[name] and log[name].high > _MOST_DAYS)]
    left += [name for name in words if "week" in words[name] and is_number(log[name]) and name not in left]
    left += [name for name in words if role_score(name, "position") > 500 or words[name] & BACKWARDS]
    left += [name for name in _counting(data, source, [log[name] for name in words if name not in left])]
    if not left:
        return []
    shown = ", ".join(f"{name} (e.g. {log[name].example})" for name in left)
    return [
        f"the order is that of the file, though it may stand in other columns: {shown}; write the times into one "
        "column as 2024-12-31 23:59:59, or set data.position to whole numbers that rise"
    ]


def _counting(data: DataSettings, source: TableFile, columns: list[ColumnProfile]) -> list[str]:
    """Which columns count 1, 2, 3 (or 0, 1, 2) within each user or in the whole file, and not as the rows stand."""
    names = [column.name for column in columns if is_order(column) and 0 <= column.low <= 1]
    if data.user not in source.columns or not names:
        return []
    user, every = pl.col(data.user), max(1, source.row_count() // _LOOKED_AT)
    good = user.is_not_null() & pl.col(BAD).is_null() & (user.cast(pl.String).hash() % every == 0)  # all rows of some
    texts = (pl.col(name).cast(pl.String).str.strip_chars() for name in names)
    numbers = [text.cast(pl.Float64, strict=False) for text in texts]
    rows = collect(source, [data.user, *names], *(one.filter(good) for one in (user, *numbers)))
    found = []
    for name in names:
        own = pl.col(name).drop_nulls()
        counts = (own.n_unique() == own.len()) & (own.min() <= 1) & (own.max() - own.min() < own.len() / _NEARLY)
        users = rows.group_by(data.user).agg(counts=counts, rises=(own.diff().drop_nulls() > 0).all(), rows=own.len())
        users = users.filter(pl.col("rows") > 1)
        nearly_all = users["counts"].sum() >= max(1, _NEARLY * users.height)
        if not users["rises"].all() and (nearly_all or rows.select(counts).item()):
            found.append(name)
    return found


def other_beginning(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether times are so early that they seem to count from another beginning than 1970, or in another unit.

    Args:
        data: Which columns are used.
        log: The log's columns.
    """
    column = log.get(data.time)
    if column is None:
        return []
    if column.one_day and all("1970-01-01" in value for value in column.values):
        return [
            f'data.time: all times of "{data.time}" are of 1970-01-01, e.g. {column.example}: it seems that seconds or '
            "milliseconds were taken for nanoseconds, which loses digits; write these numbers instead"
        ]
    if not is_number(column):
        return []
    for unit, low, _ in UNITS:
        newest = column.high / (low / FIRST_SECOND)
        if unit.endswith("since 1970") and low <= column.low and newest < _WEB:
            return [
                f'data.time: the newest of "{data.time}", {column.high:.0f}, is read as {unit}, which is '
                f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d}: where the numbers count from another beginning, as "
                ".NET's ticks do from the year 1 and Apple's seconds from 2001, the order is right, but the dates that "
                "are shown, and cuts by date, are not"
            ]
    return []
