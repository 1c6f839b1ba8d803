"""The filter language of every table: plain text, `!text`, `=SQL condition`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from eagertui.widgets.table.cell_texts import texts
from eagertui.widgets.table.frame_view import FilterError

Mask = np.ndarray[Any, np.dtype[np.bool_]]

_TOKEN = re.compile(
    r"(?P<text>'(?:[^']|'')*')|(?P<quoted>\"(?:[^\"]|\"\")*\")|(?P<name>[^\W\d]\w*)(?P<call>\s*\()?|(?P<other>.)", re.S
)
_WORD = re.compile("and|or|not|is|null|in|between|like|ilike|case|when|then|else|end|true|false|as|any|all", re.I)
_FUNCTION = re.compile(
    "abs|ceil|ceiling|floor|round|sqrt|exp|ln|log|log10|power|pow|mod|sign|coalesce|nullif|ifnull|greatest|least|cast|"
    "concat|concat_ws|initcap|left|right|length|len|char_length|character_length|octet_length|lower|upper|ltrim|rtrim|"
    "trim|replace|reverse|starts_with|ends_with|strpos|position|substr|substring|regexp_like|date|date_part|extract|"
    "strftime|timestamp|array_contains|array_length|array_get|array_to_string",
    re.I,
)
"""Functions of one row alone: a filter works through a table in pieces."""
_FORBIDDEN = re.compile("select|over|exists", re.I)
_REFUSED = (pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeEncodeError)
_LONGEST = 1000


@dataclass(frozen=True)
class Literal:
    """Rows with a text in any column, whatever its case; or those without it."""

    text: str
    inverted: bool
    _pattern: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            self.text.encode()
        except UnicodeEncodeError:
            raise FilterError("this text cannot stand in a table") from None
        object.__setattr__(self, "_pattern", "(?i)" + pl.escape_regex(self.text))

    def mask(self, texts: pl.Series) -> Mask:
        """Which of these texts hold it (never inverted)."""
        try:
            return texts.str.contains(self._pattern).fill_null(False).to_numpy()
        except pl.exceptions.PolarsError as error:
            raise FilterError(_short(error)) from None


@dataclass(frozen=True)
class Condition:
    """Rows for which an SQL condition holds."""

    expression: pl.Expr
    needs: tuple[str, ...]
    """The columns that it names."""

    def mask(self, frame: pl.DataFrame) -> Mask:
        """Which of these rows it holds for; a null holds for none."""
        try:
            held = self._held(frame)
        except _REFUSED as error:
            moments = [name for name, kind in frame.schema.items() if kind.is_temporal()]
            if not moments:
                raise FilterError(_short(error)) from None
            try:  # a person writes time > '2014-01-01': moments as texts
                held = self._held(frame.with_columns(texts(frame[name]) for name in moments))
            except _REFUSED:
                raise FilterError(_short(error)) from None
        if held.dtype != pl.Boolean:
            raise FilterError("that is a value, not a condition: compare it, as in =price < 20")
        if len(held) != frame.height:
            raise FilterError("the condition must look at each row by itself")
        return held.fill_null(False).to_numpy()

    def _held(self, frame: pl.DataFrame) -> pl.Series:
        return frame.select(self.expression.alias("held")).to_series()


def parse(text: str, columns: Sequence[str]) -> Literal | Condition | None:
    """What a person typed; None keeps every row. `=` alone does too: somebody is still typing.

    Raises:
        FilterError: the condition cannot be read, or names what is not there.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise FilterError(f"a filter has at most {_LONGEST:,} characters")
    if text.startswith("="):
        return _condition(text[1:].strip(), columns) if text[1:].strip() else None
    inverted = text.startswith("!")
    wanted = text[1:].strip() if inverted else text
    return Literal(wanted, inverted) if wanted else None


def _condition(sql: str, columns: Sequence[str]) -> Condition:
    try:
        expression = pl.sql_expr(_quoted(sql, columns))
        names = tuple(dict.fromkeys(expression.meta.root_names()))
    except _REFUSED as error:
        raise FilterError(_short(error)) from None
    for name in names:
        if name not in columns:
            near = difflib.get_close_matches(name, columns, 1)
            raise FilterError(f"no column {name}" + (f"; {near[0]}?" if near else f"; there are {', '.join(columns)}"))
    if not names:
        raise FilterError(f"the condition names no column; there are {', '.join(columns)}")
    return Condition(expression, names)


def _quoted(sql: str, columns: Sequence[str]) -> str:
    """The condition with its columns quoted, for `user` and `position` are also words of SQL; their case is free."""
    known = {name.lower(): name for name in reversed(columns)} | {name: name for name in columns}
    parts = []
    for token in _TOKEN.finditer(sql):
        name, call = token["name"], token["call"]
        if name is None:
            parts.append(token[0])
        elif call is not None and not (_FUNCTION.fullmatch(name) or _WORD.fullmatch(name)):
            raise FilterError(f"no function {name}() of one row")
        elif call is None and not _WORD.fullmatch(name) and (name in known or name.lower() in known):
            column = known.get(name) or known[name.lower()]
            parts.append('"' + column.replace('"', '""') + '"')
        elif _FORBIDDEN.fullmatch(name):
            raise FilterError(f"{name.lower()} has no place in a condition on one row")
        else:
            parts.append(token[0])
    return "".join(parts)


def _short(error: BaseException) -> str:
    """The line of a message that says why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return next((line for line in lines if line.startswith("error: ")), lines[0])[:160]
