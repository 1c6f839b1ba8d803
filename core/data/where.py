"""`data.where`: an SQL condition that says which rows of the log count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import polars as pl

from core.data.clean import NO_TIME, id_expr, number_expr
from core.data.order import order_readings
from core.data.read import BAD, ROW, TableFile, collect, schema_of
from core.data.sniff import column_in
from core.data.timeline import clock_scale, reach_of
from core.data.times import time_format
from core.errors import DataError, EagerError, ProjectError
from core.sql import QUOTED, check_condition

_HOLDS = "\x00holds"
_LOOKED_AT, _MOST = 2000, 0.95
"""Values that are looked at, and the share of them that must be numbers where the column is compared with one."""
_DATE = re.compile(r"'\d{4}-\d\d-\d\d[^']*'")
_MANY_ROWS = re.compile(
    r"\b(sum|avg|mean|min|max|count|first|last|median|std\w*|var\w*|quantile\w*|row_number|rank|dense_rank|lag|lead|corr"
    r"|covar\w*|array_agg|listagg|string_agg)\s*\(|\bover\s*\(",
    re.IGNORECASE,
)
_REFUSED = (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError, ValueError)
_LITERAL = r"(?:'[^']*'|-?\d[\d.eE+-]*)"
_REMEDY = (
    "Text stands in single quotes, a column of an odd name in double ones: event = 'purchase' AND \"unit price\" > 0."
)


@dataclass(frozen=True)
class RowCondition:
    """Which rows of one file count.

    Attributes:
        columns: The columns that the condition names.
        holds: Whether it holds: true, false, or null where a value that it needs is missing.
        unreadable: Why a row cannot be judged: it holds something else than its column; null where it can.
    """

    columns: tuple[str, ...]
    holds: pl.Expr
    unreadable: pl.Expr


def row_conditions(sources: Sequence[TableFile], condition: str, ids: Sequence[str] = ()) -> list[RowCondition]:
    """The condition for each file of a log.

    A text column is compared as numbers where it holds such, and as times where it holds these and the condition
    compares it with a date; numbers that count from 1970 are compared with dates, too. Of other texts the blanks around
    them do not count.

    Args:
        sources: The files.
        condition: As the settings have it.
        ids: Columns of ids, which are compared with quoted text as the ids that they are read as.

    Raises:
        ProjectError: it is no condition on single rows, names no column of the log, or compares what cannot be.
        DataError: the times of a column are written in several ways.
    """
    try:
        check_condition(condition)
        if found := _MANY_ROWS.search(QUOTED.sub(" ", condition)):
            raise DataError(f"it must look at each row by itself, but holds {found[0]})")
        names = tuple(dict.fromkeys(pl.sql_expr(condition).meta.root_names()))
        for name in names:
            column_in(list(sources), name, "data.where")
        if not names:
            raise DataError("it names no column of the log")
        typed = [
            _ids(sources, name) if name in ids and kinds == {"text"} else _typed(sources, name, kinds)
            for name in names
            for kinds in (_compared(condition, name),)
        ]
    except ProjectError:
        raise
    except (EagerError, *_REFUSED) as error:
        raise _refused(condition, error) from None
    made = []
    for number in range(len(sources)):
        columns = [of_files[number] for of_files in typed]
        _try(condition, sources[number], columns)
        made.append(RowCondition(names, _holds(condition, columns), _unreadable(names, columns)))
    return made


def _refused(condition: str, error: BaseException) -> ProjectError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    said = error.message if isinstance(error, EagerError) else said
    return ProjectError(f"data.where: {condition[:200]!r} cannot be used: {said}", _REMEDY)


def _compared(condition: str, name: str) -> set[str]:
    """What a column is compared with: `date`, `text`, `number`; `size` where it is with a text by more or less."""
    column = rf'(?:"{re.escape(name)}"|\b{re.escape(name)}\b)'
    sign = r"\s*(?:<=|>=|<>|!=|==|=|<|>|(?:NOT\s+)?(?:I?LIKE|IN|BETWEEN))\s*\(?\s*"
    some = rf"{_LITERAL}(?:\s*,\s*{_LITERAL})*"
    found = re.findall(rf"(?i){column}{sign}({some})", condition)
    found += re.findall(rf"(?i){column}\s*(?:NOT\s+)?BETWEEN\s+({_LITERAL}\s+AND\s+{_LITERAL})", condition)
    found += re.findall(rf"(?i)({_LITERAL})\s*(?:<=|>=|<>|!=|==|=|<|>)\s*{column}", condition)
    kinds = {_kind(literal) for literal in re.findall(_LITERAL, " ".join(found))}
    sized = re.findall(rf"(?i){column}\s*(?:<=?|>=?)(?!>)\s*({_LITERAL})", condition)
    sized += re.findall(rf"(?i){column}\s*(?:NOT\s+)?BETWEEN\s+({_LITERAL})", condition)
    sized += re.findall(rf"(?i)({_LITERAL})\s*(?<!<)(?:<=?|>=?)(?!>)\s*{column}", condition)
    return kinds | ({"size"} if "text" in map(_kind, sized) else set())


def _kind(literal: str) -> str:
    return "date" if _DATE.fullmatch(literal) else "text" if literal.startswith("'") else "number"


def _typed(sources: Sequence[TableFile], name: str, compared: set[str]) -> list[pl.Expr]:
    """A column of each file in the type that the condition needs: times, numbers or as it is.

    Raises:
        DataError: it is compared with what it does not hold.
    """
    plain: list[pl.Expr] = [pl.col(name)] * len(sources)
    if "number" in compared and compared & {"date", "text"}:
        raise DataError(f'it compares "{name}" with numbers and with quoted text')
    kinds = [schema_of(source, [name])[name] for source in sources]
    samples = [_sample(source, name) for source in sources]
    sample = pl.concat([one for one in samples if len(one)]) if any(map(len, samples)) else samples[0]
    if all(kind.is_temporal() for kind in kinds):
        if "number" in compared:
            raise DataError(f"it compares \"{name}\", which holds times, with a number; write a date: '2025-01-31'")
        return plain
    numbers = all(kind.is_numeric() for kind in kinds) or _all_numbers(sample)
    timed = sample.dtype == pl.String and len(sample) > 0 and "%" in time_format(sample)
    if "size" in compared and (numbers or timed):
        what, how = ("times", "'2025-01-31'") if timed and not numbers else ("numbers", "them without quotes")
        raise DataError(f'it compares "{name}", which holds {what}, with quoted text by size; write {how}')
    if "date" in compared and numbers:
        return _counted_times(sources, name, sample)
    if "date" in compared and timed:
        readings = order_readings(sources, name)
        return [one.expression.cast(pl.Datetime("us")).alias(name) for one in readings]
    if numbers and not compared & {"date", "text"}:
        pairs = zip(sources, kinds, strict=True)
        return [pl.col(name) if kind.is_numeric() else number_expr(name, kind, str(one.path)) for one, kind in pairs]
    if "number" in compared and len(sample) and not all(kind.is_numeric() or kind == pl.Boolean for kind in kinds):
        odd = sample.filter(~_is_number(sample)).unique(maintain_order=True).head(2).to_list()
        raise DataError(f'it compares "{name}" with a number, and the column holds text, e.g. {odd}; quote the number')
    trimmed, texts = pl.col(name).cast(pl.String).str.strip_chars().alias(name), (pl.String, pl.Categorical, pl.Enum)
    return [trimmed if kind in texts else pl.col(name) for kind in kinds]


def _ids(sources: Sequence[TableFile], name: str) -> list[pl.Expr]:
    """A column of ids as the text that its ids are."""
    return [id_expr(name, schema_of(source, [name])[name], str(source.path)) for source in sources]


def _all_numbers(sample: pl.Series) -> bool:
    """Whether texts are numbers but for a few bad rows, and none that would change: `007` would."""
    if sample.dtype != pl.String or not len(sample):
        return False
    right = int(_is_number(sample).sum())
    return right == len(sample) or (right >= _MOST * len(sample) and not sample.str.contains(r"^[+-]?0\d+$").any())


def _is_number(texts: pl.Series) -> pl.Series:
    return texts.cast(pl.String).str.contains(r"^[+-]?(0|[1-9]\d*|\d+[.,]\d+)$")


def _sample(source: TableFile, name: str) -> pl.Series:
    """The first values, text without blanks and without what is missing."""
    values = collect(source, [name], pl.col(name).filter(pl.col(ROW) <= _LOOKED_AT))[name].drop_nulls()
    if values.dtype in (pl.Categorical, pl.Enum):
        values = values.cast(pl.String)
    if values.dtype != pl.String:
        return values
    values = values.str.strip_chars()
    return values.filter(~values.str.to_lowercase().is_in(NO_TIME))


def _counted_times(sources: Sequence[TableFile], name: str, sample: pl.Series) -> list[pl.Expr]:
    """Numbers that count from 1970 as times.

    Raises:
        DataError: they do not.
    """
    numbers = sample.cast(pl.Float64, strict=False).drop_nulls().to_numpy()
    scale = clock_scale(lambda: [numbers], reach_of([numbers])) if len(numbers) else None
    if scale is None:
        shown = sample[0] if len(sample) else "nothing"
        raise DataError(f'it compares "{name}" with a date, but the column holds numbers that are no times: {shown}')
    number = pl.col(name).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False)
    return [(number * (1_000_000 / scale)).cast(pl.Int64).cast(pl.Datetime("us")).alias(name)] * len(sources)


def _holds(condition: str, columns: Sequence[pl.Expr]) -> pl.Expr:
    def judge(rows: pl.Series) -> pl.Series:
        frame = rows.struct.unnest().lazy().sql(f'SELECT ({condition}) AS "{_HOLDS}" FROM self')
        return frame.collect()[_HOLDS]

    return pl.struct(columns).map_batches(judge, return_dtype=pl.Boolean, is_elementwise=True)


def _unreadable(names: Sequence[str], columns: Sequence[pl.Expr]) -> pl.Expr:
    """Values that are there and do not fit the type of their column."""
    changed = [(name, column) for name, column in zip(names, columns, strict=True) if column.meta != pl.col(name).meta]
    reasons = [
        pl.when(_is_there(name) & column.is_null()).then(pl.lit(f'data.where cannot read its "{name}"'))
        for name, column in changed
    ]
    return reduce(lambda one, other: pl.coalesce(one, other), reasons, pl.lit(None, pl.String))


def _is_there(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars().str.to_lowercase()
    return pl.col(name).is_not_null() & ~text.is_in(NO_TIME)


def _try(condition: str, source: TableFile, columns: Sequence[pl.Expr]) -> None:
    """Judge the first rows, for what polars says.

    Raises:
        ProjectError: it cannot, or the condition is a value.
    """
    names = list(dict.fromkeys(name for column in columns for name in column.meta.root_names()))
    frame = collect(source, names, pl.all().head(5)).drop(ROW, BAD, strict=False)
    try:
        made = frame.select(columns).lazy().sql(f'SELECT ({condition}) AS "{_HOLDS}" FROM self').collect()[_HOLDS]
    except _REFUSED as error:
        raise _refused(condition, error) from None
    if made.dtype != pl.Boolean or len(made) != frame.height:
        raise _refused(condition, ValueError(f"it is a value ({made.dtype}), no condition: compare it with something"))
