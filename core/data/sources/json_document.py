"""One JSON value in a file: an array of objects, LC-Rec's `.inter.json` and `.item.json`, columns of pandas."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from core.data.packed import UNPACK_ERRORS, is_packed
from core.data.read import BAD, ROW, Head, TableFile, opened, read_fault
from core.data.roles import role_score
from core.data.sources.json_lines import parse_object, plain_text
from core.errors import DataError

_OPENS_DOCUMENT = re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:\s*[\[{]')
_MOST_COLUMNS, _CALLED = 100, 500
"""Columns that stand side by side, at most; the score from which a name says what a column is."""
_LARGEST = 1 << 27
"""Bytes of a packed file's content, all of which is in memory at once."""


@dataclass(frozen=True)
class JsonDocument(TableFile):
    """A file that is one JSON value; the whole of it is in memory while it is read.

    A record for each object of an array; for each item of a list by user (`user_id`, `item_id`, in the order of the
    list); for each object by item (`item_id` and its keys), or by a number of the row, where its keys name the item;
    for each list of an array that begins with the names, or of `data` beside the names in `columns`.
    """

    format: ClassVar[str] = "json"
    rank: ClassVar[int] = 1

    @classmethod
    def recognise(cls, head: Head) -> JsonDocument | None:
        """By an array of objects, or an object whose values are lists or objects and that is not one of many lines."""
        text = head.content.decode("utf-8", errors="replace").lstrip()
        if text[:1] == "[":
            if text[1:].lstrip()[:1] not in ("{", "]", "["):
                return None
        elif not _OPENS_DOCUMENT.match(text):
            return None
        else:
            lines = [line for line in text.split("\n", 3)[:3] if line.strip()]
            if len(lines) > 1 and parse_object(lines[0]) is not None:
                return None  # one object a line
            if head.whole and _layout(_parsed_text(text)) is None:
                return None  # a single record, or no JSON
        stat = head.path.stat()
        columns, _ = _read(head.path, head.encoding, stat.st_mtime_ns, stat.st_size)
        return cls(head.path, columns)

    def table(self, rows: int | None = None, key: str = "") -> pl.DataFrame:
        """All columns as text, plus `ROW` and `BAD`: lists of plain values joined by a comma, the rest as JSON text."""
        records = self._records()[:rows]
        columns = {
            name: [plain_text((one or {}).get(name), join=name != key) for one in records] for name in self.columns
        }
        return self._frame(columns, records)

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Some keys as text, plus `ROW` and `BAD`; a list or record makes its row bad."""
        records = self._records()
        texts = {name: [plain_text((one or {}).get(name), join=False) for one in records] for name in columns}
        nested = pl.Series(
            [any(isinstance((one or {}).get(name), list | dict) for name in columns) for one in records],
            dtype=pl.Boolean,
        )
        reason = pl.when(nested).then(pl.lit("a list or record where one value belongs"))
        return self._frame(texts, records).with_columns(pl.coalesce(BAD, reason).alias(BAD)).lazy()

    def row_count(self) -> int:
        """How many records there are."""
        return len(self._records())

    def _records(self) -> tuple[dict[str, Any] | None, ...]:
        stat = self.path.stat()
        return _read(self.path, self.encoding, stat.st_mtime_ns, stat.st_size)[1]

    def _frame(self, columns: dict[str, list[str | None]], records: tuple[dict[str, Any] | None, ...]) -> pl.DataFrame:
        frame = pl.DataFrame(columns, schema={name: pl.String for name in columns})
        bad = pl.Series(BAD, [None if one is not None else "not a JSON object" for one in records], dtype=pl.String)
        return frame.with_columns(pl.Series(ROW, range(1, len(records) + 1), dtype=pl.Int64), bad)


@lru_cache(maxsize=2)
def _read(
    path: Path, encoding: str, modified: int, size: int
) -> tuple[tuple[str, ...], tuple[dict[str, Any] | None, ...]]:
    """The columns and records of a file; read once while it stays as it is."""
    try:
        with opened(path, encoding) as file:
            content = file.read(_LARGEST + 1) if is_packed(path) else file.read()
    except UNPACK_ERRORS as error:
        raise read_fault(path, error) from None
    if len(content) > _LARGEST and is_packed(path):
        raise DataError(
            f"{path}: one JSON value unpacks to more than {_LARGEST:,} bytes", "Write JSON lines, or unpack it."
        )
    value = _parsed_text(content.decode("utf-8-sig", errors="replace"))
    records = _layout(value)
    if records is None and isinstance(value, list):
        raise DataError(
            f"{path}: its rows are lists, and the first does not name the columns, user and item among them",
            'Put their names first: [["user_id", "item_id"], ...], or write an array of objects.',
        )
    if records is None:
        raise DataError(
            f"{path}: begins like one JSON value, but is none that can be read, or ends too early",
            "Write JSON lines (one object a line), or an array of objects.",
        )
    keys: dict[str, None] = {}
    for record in records:
        keys.update(dict.fromkeys(record or {}))
    return tuple(keys), tuple(records)


def _parsed_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def _layout(value: Any) -> list[dict[str, Any] | None] | None:
    """The records of a JSON value; None where it is of no known layout."""
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            return _named_rows(value[0], value[1:]) if _names_columns(value[0]) else None
        return [one if isinstance(one, dict) else None for one in value]
    if not isinstance(value, dict) or not value:
        return None
    rows = list(value.values())
    objects = [row for row in rows if isinstance(row, list) and row and all(isinstance(one, dict) for one in row)]
    inner = [row for row in rows if isinstance(row, list | dict)]
    if len(objects) == 1 and (len(inner) == 1 or isinstance(value.get("schema"), dict)):
        return list(objects[0])  # an answer of a server: {"status": "ok", "data": [...]}; a table with its schema
    names, data = value.get("columns"), value.get("data")
    if isinstance(names, list) and isinstance(data, list) and any(isinstance(one, list) for one in data):
        return _named_rows(names, data) if _names_columns(names) else None  # as pandas splits them
    named = len(value) <= _MOST_COLUMNS and _names_columns(list(value))
    if all(isinstance(row, list) for row in rows):
        if named and len({len(row) for row in rows}) == 1:  # columns as lists
            return [dict(zip(value, cells, strict=True)) for cells in zip(*rows, strict=True)]
        if any(isinstance(one, list | dict) for row in rows for one in row):
            return None
        return [{"user_id": user, "item_id": item} for user, items in value.items() for item in items]
    if all(isinstance(row, dict) for row in rows):
        if named and all(list(row) == list(rows[0]) for row in rows):  # columns by row number, as pandas writes them
            return [{name: value[name][number] for name in value} for number in rows[0]]
        return _by_key(value)
    return None


def _names_columns(names: list[Any]) -> bool:
    """Whether one of the names is that of users or items."""
    roles = ("user", "item")
    return any(isinstance(name, str) and role_score(name, role) > _CALLED for name in names for role in roles)


def _named_rows(names: list[Any], rows: list[Any]) -> list[dict[str, Any] | None]:
    """Lists below their names; one of another length is no record."""
    columns = [str(name) for name in names]
    return [
        dict(zip(columns, row, strict=True)) if isinstance(row, list) and len(row) == len(columns) else None
        for row in rows
    ]


def _by_key(value: dict[str, dict[str, Any]]) -> list[dict[str, Any] | None]:
    """Objects by a key, which is the item's id unless they have one of their own, as behind pandas' row numbers."""
    own = max((name for row in value.values() for name in row), key=lambda name: role_score(name, "item"), default="")
    ids = [str(row.get(own, key)) for key, row in value.items()]
    # Beside a key that is no number, and in words, it says something else: {"B01": {"parent_asin": "B00"}}.
    sure = own == "item_id" or (all(map(str.isdecimal, value)) and not any(" " in one for one in ids))
    if sure and role_score(own, "item") > _CALLED and ids != list(value):
        return list(value.values())
    return [{"item_id": key, **{k: v for k, v in row.items() if k != "item_id"}} for key, row in value.items()]
