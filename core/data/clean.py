"""Expressions that turn raw columns into ids, times, numbers and text; all vectorised."""

from __future__ import annotations

import html
from collections.abc import Callable

import polars as pl

from core.errors import DataError, ProjectError

MAX_ID_CHARS = 512
MAX_TEXT_CHARS = 2000
_MISSING = ("", "nan", "null", "none", "n/a", "<na>", "[]")
_ZONED = ("%+", "%a %b %d %H:%M:%S %z %Y", "%d/%b/%Y:%H:%M:%S %z")
_CLOCKS = tuple(
    f"{day}{between}{clock}"
    for day in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%Y")
    for between in (" ", "T")
    for clock in ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    if between == " " or day == "%Y-%m-%d"
)
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m %d, %Y", "%b %d, %Y",
         "%B %d, %Y", "%d %b %Y", "%d %B %Y")  # fmt: skip


def id_expr(name: str, kind: pl.DataType, where: str) -> pl.Expr:
    """An id column as text: integers as digits, whole floats without their `.0`, blanks trimmed and empty as null.

    Raises:
        DataError: the column's type cannot be an id (a list, a struct, a time).
    """
    column = pl.col(name)
    if kind.is_float():
        whole = column.cast(pl.Int64, strict=False)
        text = pl.when(whole.cast(pl.Float64) == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
        text = pl.when(column.is_finite()).then(text)
    elif kind == pl.Binary:
        text = column.cast(pl.String, strict=False)
    elif kind.is_nested() or kind.is_temporal() or kind == pl.Object or kind == pl.Boolean:
        raise DataError(f'{where}: the column "{name}" holds {_kind(kind)}, not ids')
    else:
        text = column.cast(pl.String)
    text = text.str.strip_chars()
    return pl.when(text != "").then(text).alias(name)


def bad_id(name: str, what: str) -> pl.Expr:
    """Why the text of an id column cannot be an id; null where it can."""
    column = pl.col(name)
    return (
        pl.when(column.is_null()).then(pl.lit(f"no {what}"))
        .when(column.str.len_chars() > MAX_ID_CHARS).then(pl.lit(f"{what} longer than {MAX_ID_CHARS} characters"))
        .when(column.str.contains(r"[\x00-\x1f\x7f]")).then(pl.lit(f"control character in the {what}"))
        .when(column.str.contains("\ufffd")).then(pl.lit(f"{what} is not UTF-8"))
    )  # fmt: skip


def number_expr(name: str, kind: pl.DataType, where: str) -> pl.Expr:
    """A number column as Float64, what is no finite number as null.

    Raises:
        DataError: the column's type cannot hold numbers.
    """
    column = pl.col(name)
    if not (kind.is_numeric() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null, pl.Boolean)):
        raise DataError(f'{where}: the column "{name}" holds {_kind(kind)}, not numbers')
    text = column.cast(pl.String).str.strip_chars() if not kind.is_numeric() else column
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number).alias(name)


def order_expr(name: str, kind: pl.DataType, sample: Callable[[], pl.Series], where: str) -> tuple[pl.Expr, str]:
    """A time or position column as Int64 (microseconds of UTC for clock times) or Float64, bad values as null.

    Args:
        name: The column.
        kind: Its type.
        sample: Gives some of its values, to find out how texts are written.
        where: The file, for messages.

    Returns:
        The expression, and how the values were read: `number`, `time`, or a time format.

    Raises:
        DataError: the type cannot be ordered, or the times are written in no known way.
    """
    column = pl.col(name)
    if kind.is_integer():
        return column.cast(pl.Int64, strict=False).alias(name), "number"
    if kind.is_numeric():
        return number_expr(name, kind, where), "number"
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        return column.cast(pl.Datetime("us")).cast(pl.Int64).alias(name), "time"
    if kind not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        raise DataError(f'{where}: the column "{name}" holds {_kind(kind)}, not times')
    text = column.cast(pl.String).str.strip_chars()
    values = sample().cast(pl.String).str.strip_chars().drop_nulls().unique()
    form = time_format(values)
    if form == "integer":
        return text.cast(pl.Int64, strict=False).alias(name), "number"
    if form == "number":
        return number_expr(name, kind, where), "number"
    if form:
        return _parsed(text, form).cast(pl.Int64).alias(name), form
    raise DataError(
        f'{where}: the times in "{name}" are written in no known way, e.g. "{values.sort()[0][:60]}"',
        "Write them as 2024-12-31 23:59:59, or as seconds since 1970.",
    )


def time_format(values: pl.Series) -> str:
    """How most of the values are written; of two ways that fit alike the first known one; empty where none fits."""
    frame = values.to_frame("t")
    text = pl.col("t")

    def share(expression: pl.Expr) -> float:
        return float(frame.select(expression.is_not_null().mean()).item() or 0.0)

    if not frame.height:
        return "number"
    numbers = share(text.cast(pl.Float64, strict=False))
    if numbers > 0.5:
        return "integer" if share(text.cast(pl.Int64, strict=False)) == numbers else "number"
    best = max((share(_parsed(text, form)), -rank, form) for rank, form in enumerate((*_ZONED, *_CLOCKS, *_DAYS)))
    return best[2] if best[0] >= 0.5 else ""


def _parsed(text: pl.Expr, form: str) -> pl.Expr:
    if form in _ZONED:
        return text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
    if form in _DAYS:
        return text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    return text.str.to_datetime(form, time_unit="us", strict=False)


def text_expr(name: str, kind: pl.DataType, where: str) -> pl.Expr:
    """A column of the item table as one raw text: lists joined by `, `, numbers written out.

    Raises:
        ProjectError: the column holds records, which are no text.
    """
    column = pl.col(name)
    if isinstance(kind, pl.List | pl.Array):
        inner = kind.inner
        if isinstance(kind, pl.Array):
            column = column.arr.to_list()
        while isinstance(inner, pl.List | pl.Array):
            column = column.list.eval(pl.element().explode())
            inner = inner.inner
        if inner.is_nested():
            raise ProjectError(f'data.text: the column "{name}" of {where} holds lists of records, not text')
        return column.list.eval(pl.element().cast(pl.String).drop_nulls()).list.join(", ").alias(name)
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        raise ProjectError(f'data.text: the column "{name}" of {where} holds {_kind(kind)}, not text')
    return column.cast(pl.String).alias(name)


def cleaned(text: pl.Series) -> pl.Series:
    """Text without HTML entities, tags, control characters and runs of blanks; missing (`.`, `nan`, empty) as null."""
    entities = text.str.contains("&", literal=True).fill_null(False)
    if entities.any():
        some = text.filter(entities).to_list()
        plain = pl.Series([html.unescape(html.unescape(one)) for one in some], dtype=pl.String)
        text = text.scatter(entities.arg_true(), plain)
    listed = text.str.contains(r"^[\[(\s]*\[\s*['\"](?s:.*)\]$").fill_null(False)
    if listed.any():  # a list that Python wrote out: ['Beauty', 'Skin Care']
        inner = text.filter(listed).str.replace_all(r"^[\[\s]*['\"]|['\"][\s,]*\][\]\s]*$", "")
        text = text.scatter(listed.arg_true(), inner.str.replace_all(r"['\"]\s*\]?[\s,]+\[?\s*['\"]", ", "))
    done = (
        text.str.replace_all(r"(?s)<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)>", " ")
        .str.replace_all(r"</?[a-zA-Z][^<>]*>", " ")
        .str.replace_all(r"[\p{C}\s]+", " ")
        .str.strip_chars(" ")
    )
    missing = done.str.strip_chars(" .").str.to_lowercase().is_in(_MISSING)
    return done.set(missing.fill_null(True), None)


def _kind(kind: pl.DataType) -> str:
    if kind.is_nested():
        return "lists" if isinstance(kind, pl.List | pl.Array) else "records"
    return "true/false values" if kind == pl.Boolean else f"{kind} values"
