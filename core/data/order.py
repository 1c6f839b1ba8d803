"""The column that orders a user's interactions: one reading that is right for every row of every file, or an error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from core.data.clean import NO_TIME, kind_words, number_expr
from core.data.read import BAD, ROW, TableFile, collect, schema_of
from core.data.times import format_of_all, parsed, shown, time_format, year_last
from core.errors import DataError

SAMPLE_ROWS = 2000
_FEW = 0.01
"""A share of rows that is small enough to be bad rows rather than a second way to write times."""
_CUT_OFF = r"^\d(?:[.,]\d{1,6})?[eE]\+?(?:0?9|1\d)$"
"""Counts of time in scientific notation with so few digits that they are hours off."""
_FLOAT32_BITS = 24
"""Whole numbers of so many bits are exact in a float of 32."""


@dataclass(frozen=True)
class OrderReading:
    """How one file's column is read.

    Attributes:
        source: The file.
        name: The column.
        how: `integer`, `number`, `time` or `time, zoned` (the type is one), a time format, or empty where there are no
            values.
        expression: The values: Int64 (microseconds of UTC for clock times) or Float64; null where one is written
            otherwise.
    """

    source: TableFile
    name: str
    how: str
    expression: pl.Expr

    @property
    def clock(self) -> bool:
        """Whether the values are microseconds since 1970."""
        return self.how.startswith("time") or "%" in self.how


def order_readings(sources: Sequence[TableFile], name: str) -> list[OrderReading]:
    """One reading for the column in all files of a log, decided on a sample; see `settled` for what does not fit it.

    Raises:
        DataError: the column holds no times or positions, or they are written in no known way, or in several ways.
    """
    samples = [_sample(source, name) for source in sources]
    readings = [_reading(source, name, sample) for source, sample in zip(sources, samples, strict=True)]
    return _common(readings, samples)


def settled(readings: list[OrderReading]) -> list[OrderReading]:
    """Readings that some texts do not fit, looked at again with these texts: they tell day from month, for example.

    Returns:
        Other readings, or the same list where the texts are single bad values.

    Raises:
        DataError: a part of the column is written in another known way.
    """
    sources, name = [reading.source for reading in readings], readings[0].name
    samples = [_sample(source, name) for source in sources]
    rest = [_unread(reading, sample) for reading, sample in zip(readings, samples, strict=True)]
    texts = [left["text"].unique(maintain_order=True) for left in rest if left.height]
    if not texts:
        return readings
    hows = {reading.how for reading in readings if reading.how}
    if all("%" in how for how in hows):
        form = format_of_all(*texts, *(sample for sample in samples if sample is not None and len(sample)))
        if form:
            return [_by_format(source, name, form) for source in sources]
    elif hows == {"integer"} and {time_format(text) for text in texts} == {"number"}:
        return [_as_number(reading) for reading in readings]
    for reading, left in zip(readings, rest, strict=True):
        _refuse_second_writing(reading, left)
    return readings


def _sample(source: TableFile, name: str) -> pl.Series | None:
    """The distinct texts among the first values and every hundredth of the rest; None for a column with a type."""
    if not _is_text(schema_of(source, [name])[name]):
        return None
    row = pl.col(ROW)
    texts = collect(source, [name], pl.col(name).filter((row <= SAMPLE_ROWS) | (row % 101 == 0)))[name]
    return _without_missing(texts.cast(pl.String).str.strip_chars()).unique(maintain_order=True)


def _digits(source: TableFile, name: str) -> pl.Series:
    """The distinct first values of a column of whole numbers, as text."""
    few = collect(source, [name], pl.col(name).filter(pl.col(ROW) <= SAMPLE_ROWS).cast(pl.String))[name]
    return few.drop_nulls().unique(maintain_order=True)


def _check_exact(source: TableFile, name: str, kind: pl.DataType) -> None:
    """Refuse times in floats that are too short for them.

    Raises:
        DataError: seconds since 1970 stand in floats of 32 bits, which know them to two minutes.
    """
    if kind != pl.Float32:
        return
    most = collect(source, [name], pl.col(name).abs().max().alias("most"))["most"][0]
    if most is not None and most > 1 << _FLOAT32_BITS:
        raise DataError(
            f'{source.path}: the times in "{name}" are floats of 32 bits, whose last digits are lost, e.g. {most:.0f}',
            "Write the column as whole numbers or as floats of 64 bits, from where the data come from.",
        )


def _without_missing(texts: pl.Series) -> pl.Series:
    """Without what says that there is no value."""
    return texts.filter(~texts.str.to_lowercase().is_in(NO_TIME))


def _is_text(kind: pl.DataType) -> bool:
    return kind in (pl.String, pl.Categorical, pl.Enum, pl.Null)


def _reading(source: TableFile, name: str, sample: pl.Series | None) -> OrderReading:
    """A file's column read by itself."""
    kind, column = schema_of(source, [name])[name], pl.col(name)
    digits = _digits(source, name) if sample is None and kind.is_integer() else sample
    if digits is not None and bool(digits.str.contains(r"^\d{5,14}$").all()) and year_last(digits):
        raise DataError(
            f'{source.path}: the times in "{name}" are digits with the year behind day and month, e.g. {digits[0]}',
            "Write them as 2024-12-31 23:59:59, or as 20241231.",
        )
    if sample is None:
        _check_exact(source, name, kind)
        if kind.is_integer():
            return OrderReading(source, name, "integer", column.cast(pl.Int64, strict=False).alias(name))
        if kind.is_numeric():
            return OrderReading(source, name, "number", number_expr(name, kind, str(source.path)))
        if kind == pl.Date or isinstance(kind, pl.Datetime):
            # Without a zone they are those of some place, and cannot be compared with times of UTC.
            how = "time, zoned" if isinstance(kind, pl.Datetime) and kind.time_zone else "time"
            return OrderReading(source, name, how, column.cast(pl.Datetime("us")).cast(pl.Int64).alias(name))
        raise DataError(f'{source.path}: the column "{name}" holds {kind_words(kind)}, not times')
    if not len(sample):
        return OrderReading(source, name, "", pl.lit(None, pl.Int64).alias(name))
    form = time_format(sample)
    if form == "number" and float(sample.str.contains(_CUT_OFF).mean() or 0.0) > 0.5:  # type: ignore[arg-type]
        raise DataError(
            f'{source.path}: the times in "{name}" are in scientific notation, e.g. "{sample.sort()[0][:60]}": digits '
            "are lost",
            "Export the column as text, or as whole numbers, from where the data come from.",
        )
    if form == "integer":
        text = column.cast(pl.String).str.strip_chars()
        return OrderReading(source, name, form, text.cast(pl.Int64, strict=False).alias(name))
    if form == "number":
        return OrderReading(source, name, form, number_expr(name, kind, str(source.path)))
    if form:
        return _by_format(source, name, form)
    raise DataError(
        f'{source.path}: the times in "{name}" are written in no known way, e.g. "{sample.sort()[0][:60]}"',
        "Write them as 2024-12-31 23:59:59, or as seconds since 1970.",
    )


def _by_format(source: TableFile, name: str, form: str) -> OrderReading:
    times = parsed(pl.col(name).cast(pl.String).str.strip_chars(), form)
    return OrderReading(source, name, form, times.cast(pl.Int64).alias(name))


def _as_number(reading: OrderReading) -> OrderReading:
    kind = schema_of(reading.source, [reading.name])[reading.name]
    expression = number_expr(reading.name, kind, str(reading.source.path))
    return OrderReading(reading.source, reading.name, "number", expression)


def _common(readings: list[OrderReading], samples: list[pl.Series | None]) -> list[OrderReading]:
    """Readings of several files that go together.

    Raises:
        DataError: two files write the column in two ways; names both, with a row of each.
    """
    filled = [reading for reading in readings if reading.how]
    hows = {"number" if reading.how == "integer" else reading.how for reading in filled}
    if len(hows) < 2:
        return readings
    texts = [sample for sample in samples if sample is not None and len(sample)]
    if all("%" in how for how in hows) and (form := format_of_all(*texts)):
        return [_by_format(reading.source, reading.name, form) for reading in readings]
    one = filled[0]
    other = next(reading for reading in filled if reading.clock != one.clock or reading.how != one.how)
    raise DataError(
        f"{one.source.path} and {other.source.path} write {one.name} in different ways: "
        f"{_example(one)}, but {_example(other)}",
        "Write the times of all files in one way.",
    )


def _unread(reading: OrderReading, sample: pl.Series | None) -> pl.DataFrame:
    """Rows whose text the reading cannot read: `row` and `text`."""
    empty = pl.DataFrame(schema={"row": pl.Int64, "text": pl.String})
    if sample is None or not reading.how:
        return empty
    text = pl.col(reading.name).cast(pl.String).str.strip_chars()
    unread = (text != "") & reading.expression.is_null() & pl.col(BAD).is_null()
    rows = collect(
        reading.source, [reading.name], pl.col(ROW).filter(unread).alias("row"), text.filter(unread).alias("text")
    )
    return rows.filter(rows["text"].is_in(_without_missing(rows["text"]).implode())) if rows.height else empty


def _refuse_second_writing(reading: OrderReading, left: pl.DataFrame) -> None:
    """Refuse a column of which a part is written in another known way; single odd values are bad rows.

    Raises:
        DataError: names both writings with a row of each.
    """
    if not left.height:
        return
    second = time_format(left["text"].unique(maintain_order=True))
    total = collect(reading.source, [reading.name], pl.len().alias("n"))["n"][0]
    if not second or left.height <= max(1, _FEW * total):
        return
    raise DataError(
        f'{reading.source.path} writes "{reading.name}" in two ways: {_example(reading)}, but row {left["row"][0]}: '
        f'"{left["text"][0][:40]}" ({left.height:,} of {total:,} rows)',
        "Write all times of the column in one way.",
    )


def _example(reading: OrderReading) -> str:
    """A row that the reading reads, and how: `row 1: "13.09.2020" (%d.%m.%Y)`."""
    read = reading.expression.is_not_null()
    shows = pl.col(reading.name).filter(read).head(1).alias("text"), pl.col(ROW).filter(read).head(1).alias("row")
    rows = collect(reading.source, [reading.name], *shows)
    words = {"time": "a typed time without a zone", "time, zoned": "a typed time with a zone"}
    how = {"integer": "a number", "number": "a number", **words}.get(reading.how, shown(reading.how))
    if not rows.height:
        return how
    return f'row {rows["row"][0]}: "{str(rows["text"][0])[:40]}" ({how})'
