"""What the values of an order say: in which unit they count, which of them stand for none, which are but clocks."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.errors import DataError

_FEW = 0.01
"""A share of rows that is small enough to be bad rows rather than a second unit."""
_MAIN = 0.5
"""The share of what may be times that must lie in the years of logs before others are taken for none."""
DAY, _HOUR, _ZONE = 86_400_000_000, 3_600_000_000, 50_400_000_000
"""Microseconds of a day, of an hour, in which few are seen, and of the furthest time zone."""
_EMPTY_DAYS = (-719_528, -719_162, -25_569, -25_568, -25_567, -24_107, 0, 2_932_896)
"""Days since 1970 that mean that there is none: the first of the years 0 and 1, 1899-12-30 to 1900-01-01, 1904-01-01,
1970-01-01 and 9999-12-31; on them programs put times of day that have no date."""
_SHARED = 0.95
"""The share of numbers that must look like times before their unit is looked at."""
_LAST = 47_481
"""Days from 1970 to 2099-12-31, which programs write for "never"."""
FIRST_SECOND = 315_532_800
"""Of 1980: no log is older."""
_COUNTED = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
UNITS = (
    ("days since 1900 (Excel)", 25_569, 25_569 + _LAST),
    ("days written YYYYMMDD", 19_800_101, 20_991_231),
    ("times written YYYYMMDDhhmmss", 19_800_101_000_000, 20_991_231_000_000),
    *((f"{unit} since 1970", FIRST_SECOND * n, 86_400 * _LAST * n) for unit, n in _COUNTED.items()),
)
"""Numbers that say a time from 1980 to the end of 2099, by how they count; no two overlap."""
_YEARS = FIRST_SECOND * 10**6, _LAST * DAY


@dataclass(frozen=True)
class OtherUnits:
    """Times as numbers that count in two units, such as seconds and milliseconds.

    Attributes:
        rows: Which rows count otherwise than most.
        count: How many these are; `total`: how many rows there are.
        most: What most count, in words; `second`: what these do.
    """

    rows: pl.Expr
    count: int
    total: int
    most: str
    second: str

    @property
    def systematic(self) -> bool:
        """Whether they are too many to be bad rows."""
        return self.count > max(1, _FEW * self.total)


def are_clocks(low: int, high: int) -> bool:
    """Whether times are those of a day that stands for none, as exports write times of day that have no date.

    Args:
        low: The first, in microseconds since 1970.
        high: The last; in UTC it can be of the next day where the writer lives elsewhere.
    """
    days = (day * DAY for day in _EMPTY_DAYS)
    return _HOUR <= high - low < DAY and any(day - _ZONE <= low <= high < day + DAY + _ZONE for day in days)


def no_times(rows: pl.LazyFrame, name: str, clock: bool, called: str) -> pl.Expr | None:
    """Why a value says no time, where most say one between 1980 and 2099; null where it does.

    What lies outside these years was cut off, mistyped, or stands for none (`0`, `-1`, 1601-01-01, 9999-12-31).

    Args:
        rows: The log.
        name: The column, Int64 or Float64.
        clock: Whether it is in microseconds since 1970 that were dates.
        called: The file and its column, for messages.

    Returns:
        None where there is no such value.

    Raises:
        DataError: they are times of day without a date.
    """
    value = pl.col(name)
    low, high = _YEARS
    units = [("dates", low, high)] if clock else UNITS
    inside = {unit: (value >= low) & (value < high) for unit, low, high in units}
    odd = ~pl.any_horizontal(inside.values())
    empty, of = ((*_EMPTY_DAYS, _LAST), value // DAY) if clock else ((0, -1), value)
    none = pl.any_horizontal(of == one for one in empty)
    masks = {"odd": odd, "none": none, **{f"{unit} ": mask for unit, mask in inside.items()}}
    sums = rows.select(
        value.min().alias("low"), value.max().alias("high"), value.count().alias("all"),
        *(mask.sum().alias(what) for what, mask in masks.items()),
    )  # fmt: skip
    figures = sums.collect(engine="streaming").row(0, named=True)
    if clock and figures["all"] and are_clocks(figures["low"], figures["high"]):
        example = pl.select(pl.lit(figures["high"]).cast(pl.Datetime("us")).dt.to_string("%F %T")).item()
        raise DataError(
            f"{called} holds times of day without a date: all are of one day that stands for none, e.g. {example}",
            "Set data.time to the column of the dates, or write date and time into one column as 2024-12-31 23:59:59.",
        )
    most = max(inside, key=lambda unit: figures[f"{unit} "] or 0)
    said = figures["all"] - (figures["none"] or 0)
    if not figures["odd"] or (figures[f"{most} "] or 0) <= _MAIN * said:
        return None
    outside = pl.lit(f"a time before 1980 or from 2099-12-31 on among {most}")
    if clock:
        day = value.cast(pl.Datetime("us")).dt.date()
        outside = pl.when(none).then(pl.format("the time {}, which stands for none", day)).otherwise(outside)
    return pl.when(odd).then(outside)


def other_units(rows: pl.LazyFrame, name: str) -> OtherUnits | None:
    """The rows whose times count in another unit than most; None where all count alike, or are no times.

    Args:
        rows: The log.
        name: The column, Int64 or Float64.
    """
    value = pl.col(name)
    inside = {unit: (value >= low) & (value < high) for unit, low, high in UNITS}
    sums = rows.select(pl.len().alias("rows"), value.count().alias("values"), **{n: e.sum() for n, e in inside.items()})
    figures = sums.collect(engine="streaming").row(0, named=True)
    counts = sorted(((int(figures[unit] or 0), unit) for unit in inside if figures[unit]), key=lambda one: -one[0])
    if len(counts) < 2 or sum(count for count, _ in counts) < _SHARED * figures["values"]:
        return None
    others = pl.any_horizontal(inside[unit] for _, unit in counts[1:]).fill_null(False)
    return OtherUnits(others, sum(n for n, _ in counts[1:]), figures["rows"], counts[0][1], counts[1][1])
