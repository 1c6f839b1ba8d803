"""The texts of a data frame's values: what a table shows, what a filter finds, and what an order goes by."""

from __future__ import annotations

import polars as pl

_TICKS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""Seconds of the years 1 to 9999; Polars panics on some that lie far outside."""
_DAY = 86_400
_PLAIN = (pl.String, pl.Boolean, pl.Categorical, pl.Enum, pl.Decimal)


def texts(values: pl.Series) -> pl.Series:
    """The texts of values; a null stays one."""
    kind = values.dtype
    if kind == pl.String:
        return values
    if kind.is_float():
        return _floats(values.cast(pl.Float64))
    if isinstance(kind, pl.Datetime):
        ticks = _TICKS[kind.time_unit]
        return _moments(values, "%Y-%m-%d %H:%M:%S", _FIRST * ticks, _LAST * ticks)
    if kind == pl.Date:
        return _moments(values, "%Y-%m-%d", _FIRST // _DAY, _LAST // _DAY)
    if kind == pl.Time:
        return values.dt.to_string("%H:%M:%S")
    if kind == pl.Duration:
        return values.dt.to_string("polars")
    if kind == pl.Binary:
        return values.bin.encode("hex")
    if isinstance(kind, pl.List | pl.Array):
        return _lists(values, kind)
    if kind.is_nested() or kind.is_object():
        return pl.Series(values.name, [None if v is None else str(v) for v in values.to_list()], pl.String)
    return values.cast(pl.String)


def sort_key(values: pl.Series) -> pl.Series:
    """What an order goes by: figures that are kept as text by their size, other texts whatever their case."""
    kind = values.dtype
    if kind == pl.String:
        figures = values.cast(pl.Int64, strict=False)
        return figures if figures.null_count() == values.null_count() else values.str.to_lowercase()
    return texts(values) if kind.is_nested() or kind.is_object() else values


def _floats(values: pl.Series) -> pl.Series:
    """Six digits are enough to look at; whole numbers, as counts and seconds, stay whole."""
    value = pl.col("value")
    size = value.abs()
    short = pl.when(size >= 1e5).then(value.round(1)).otherwise(value.round_sig_figs(6)).cast(pl.String)
    whole = (value == value.round(0)) & (size < 1e15)
    shown = pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(short)
    return values.to_frame("value").select(shown).to_series().alias(values.name)


def _moments(values: pl.Series, form: str, first: int, last: int) -> pl.Series:
    value, ticks = pl.col("value"), pl.col("ticks")
    frame = pl.DataFrame({"value": values, "ticks": values.to_physical()})
    known = pl.when(ticks.is_between(first, last)).then(value)
    return frame.select(known.dt.to_string(form).fill_null(ticks.cast(pl.String))).to_series().alias(values.name)


def _lists(values: pl.Series, kind: pl.List | pl.Array) -> pl.Series:
    inner = kind.inner
    if isinstance(inner, _PLAIN) or inner in _PLAIN or inner.is_integer():
        return values.cast(pl.List(pl.String)).list.join(", ", ignore_nulls=True)
    told = [None if v is None else ", ".join(t for t in texts(v) if t is not None) for v in values]
    return pl.Series(values.name, told, pl.String)
