"""Expressions that turn raw columns into ids, times, numbers and text; all vectorised."""

from __future__ import annotations

import ast
import contextlib
import html
import json
import re
from collections.abc import Iterator, Sequence

import polars as pl

from core.data.times import decimal_point
from core.data.times import time_format as time_format
from core.errors import DataError, ProjectError

MAX_ID_CHARS = 512
MAX_TEXT_CHARS = 2000
MISSING = ("", "nan", "null", "none", "n/a", "<na>", "[]", "{}", "\\n", "#n/a", "(null)", "<null>", "nat")
"""What says in small letters that there is no value."""
NO_TIME = (*MISSING, "-")
"""The same where only times or numbers can stand."""
_ENTITY = re.compile(r"&#?\w+;")
_LINK = re.compile(r"\s*(https?://|www\.)", re.IGNORECASE)
_LONGEST_RECORD = 1 << 20
_CONTROL = r"[\x00-\x1f\x7f]"


def id_expr(name: str, kind: pl.DataType, where: str) -> pl.Expr:
    """An id column as text, alike for the log and the item table whatever the types: `24`, `24.0` and 24.00 are `24`.

    Whole numbers as digits, other floats as they are, dates as ISO text, bytes that are no text in hexadecimal; blanks
    trimmed and empty as null.

    Raises:
        DataError: the column's type cannot be an id (a list, a record, true/false values).
    """
    column = pl.col(name)
    if kind.is_float():
        whole = column.cast(pl.Int64, strict=False)
        text = pl.when(whole.cast(pl.Float64) == column).then(whole.cast(pl.String)).otherwise(column.cast(pl.String))
        text = pl.when(column.is_finite()).then(text)
    elif kind.is_integer():
        text = column.cast(pl.String)
    elif kind.is_decimal():
        text = column.cast(pl.String).str.replace(r"(\.\d*?)0+$", "${1}").str.strip_suffix(".")
    elif kind == pl.Binary:
        text = column.map_batches(_bytes_as_text, return_dtype=pl.String)
    elif kind == pl.Date or isinstance(kind, pl.Datetime):
        text = column.cast(pl.String).str.replace(r"\.0+$", "")
    elif kind.is_nested() or kind.is_temporal() or kind == pl.Object or kind == pl.Boolean:
        raise DataError(f'{where}: the column "{name}" holds {kind_words(kind)}, not ids')
    else:
        # A byte order mark stands where files were joined, and is no part of an id.
        text = column.cast(pl.String).str.strip_chars("\ufeff").str.strip_chars()
        text = text.str.replace(r"^(-?(?:0|[1-9]\d*))\.0+$", "${1}")
    text = text.str.strip_chars()
    return pl.when(text != "").then(text).alias(name)


def lost_digits(name: str, kind: pl.DataType, what: str) -> pl.Expr:
    """Why a number cannot be an id: a float from 2^53 on (of 32 bits 2^24) does not know its last digits; else null."""
    if not kind.is_float():
        return pl.lit(None, pl.String)
    bits = 24 if kind == pl.Float32 else 53
    reason = f"{what} from 2^{bits} on as a float, whose last digits are lost; export the column as text"
    return pl.when(pl.col(name).abs() >= float(1 << bits)).then(pl.lit(reason))


def _bytes_as_text(values: pl.Series) -> pl.Series:
    """Bytes as UTF-8 text where they are readable text, else in hexadecimal."""

    def text(value: bytes | None) -> str | None:
        if value is None:
            return None
        try:
            read = value.decode()
        except UnicodeDecodeError:
            return value.hex()
        return read if read.isprintable() else value.hex()

    return pl.Series(values.name, [text(value) for value in values], dtype=pl.String)


def bad_id(name: str, what: str, missing: Sequence[str] = ()) -> pl.Expr:
    """Why the text of an id column cannot be an id; null where it can.

    Args:
        name: The column.
        what: What the id is of, in words.
        missing: Words that say that there is no id, see `core.data.ids.missing_words`.
    """
    column = pl.col(name)
    absent = column.is_null() | column.is_in(list(missing)) if missing else column.is_null()
    return (
        pl.when(absent).then(pl.lit(f"no {what}"))
        .when(column.str.len_chars() > MAX_ID_CHARS).then(pl.lit(f"{what} longer than {MAX_ID_CHARS} characters"))
        .when(column.str.contains(_CONTROL)).then(pl.lit(f"control character in the {what}"))
        .when(column.str.contains("\ufffd")).then(pl.lit(f"{what} is not UTF-8"))
    )  # fmt: skip


def number_expr(name: str, kind: pl.DataType, where: str) -> pl.Expr:
    """A number column as Float64, what is no finite number as null.

    Raises:
        DataError: the column's type cannot hold numbers.
    """
    column = pl.col(name)
    if not (kind.is_numeric() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null, pl.Boolean)):
        raise DataError(f'{where}: the column "{name}" holds {kind_words(kind)}, not numbers')
    text = column if kind.is_numeric() else decimal_point(column.cast(pl.String).str.strip_chars())
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number).alias(name)


def text_expr(name: str, kind: pl.DataType, where: str) -> pl.Expr:
    """A column of the item table as one raw text: lists joined by `, `, numbers written out, records as JSON.

    Raises:
        ProjectError: the column holds records without any text.
    """
    column = pl.col(name)
    if isinstance(kind, pl.List | pl.Array):
        inner = kind.inner
        if isinstance(kind, pl.Array):
            column = column.arr.to_list()
        while isinstance(inner, pl.List | pl.Array):
            column = column.list.eval(pl.element().explode())
            inner = inner.inner
        if isinstance(inner, pl.Struct) and _has_text(inner):
            records = column.list.eval(pl.element().struct.json_encode()).list.join(", ")
            return pl.when(column.list.len() > 0).then(pl.concat_str(pl.lit("["), records, pl.lit("]"))).alias(name)
        if inner.is_nested():
            raise ProjectError(f'data.text: the column "{name}" of {where} holds lists of records, not text')
        return column.list.eval(pl.element().cast(pl.String).drop_nulls()).list.join(", ").alias(name)
    if isinstance(kind, pl.Struct) and _has_text(kind):
        return column.struct.json_encode().alias(name)
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        raise ProjectError(f'data.text: the column "{name}" of {where} holds {kind_words(kind)}, not text')
    return column.cast(pl.String).alias(name)


def _has_text(kind: pl.DataType) -> bool:
    """Whether there is text anywhere in a nested type."""
    if isinstance(kind, pl.List | pl.Array):
        return _has_text(kind.inner)  # type: ignore[arg-type]
    if isinstance(kind, pl.Struct):
        return any(_has_text(field.dtype) for field in kind.fields)  # type: ignore[arg-type]
    return kind in (pl.String, pl.Categorical, pl.Enum)


def record_words(text: str) -> str | None:
    """The words in a record or list of records that JSON or Python wrote out, in order; None where there are none.

    Numbers and links are no words. A text that only looks like a record stays as it is.
    """
    for written in (text, f"[{text}]"):
        value: object = None
        try:
            value = json.loads(written)
        except RecursionError:
            return text
        except ValueError:
            with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
                value = ast.literal_eval(written.strip()) if len(written) < _LONGEST_RECORD else None
        if isinstance(value, list | dict):
            return ", ".join(_words(value)) or None
    return text


def _words(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if any(c.isalpha() for c in value) and not _LINK.match(value):
            yield value.strip()
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _words(one)


def _unescaped(text: str) -> str:
    """Text without HTML's entities; what has no semicolon is none: `phone&microphone`, `?id=1&copy=1`."""
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text)


def cleaned(text: pl.Series) -> pl.Series:
    """Text without HTML entities, tags, control characters and runs of blanks; missing (`.`, `nan`, empty) as null.

    Of records that were written out the words stay.
    """
    records = text.str.contains(r"^\s*(\[\s*)*\{\s*[ubr]?['\"](?s:.*)\}[\]\s]*$").fill_null(False)
    if records.any():
        words = [record_words(one) for one in text.filter(records)]
        text = text.scatter(records.arg_true(), pl.Series(words, dtype=pl.String))
    entities = text.str.contains("&", literal=True).fill_null(False)
    if entities.any():
        some = text.filter(entities).to_list()
        plain = pl.Series([_unescaped(_unescaped(one)) for one in some], dtype=pl.String)
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
    missing = done.str.strip_chars(" .").str.to_lowercase().is_in(MISSING)
    return done.set(missing.fill_null(True), None)


def kind_words(kind: pl.DataType) -> str:
    """What a column of a type holds, in words."""
    if kind.is_nested():
        return "lists" if isinstance(kind, pl.List | pl.Array) else "records"
    return "true/false values" if kind == pl.Boolean else f"{kind} values"
