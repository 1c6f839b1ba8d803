"""JSON lines: one object a line, plain or gzipped; also objects as Python writes them."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar

import polars as pl

from core.data.packed import UNPACK_ERRORS
from core.data.read import BAD, ROW, Head, TableFile, filled, opened, read_fault, scan_text
from core.errors import DataError

_LINE = "\x00line"
_PYTHON = re.compile(r"\s*\{\s*(?:[ub]?'|[ub]\")")
"""How Python writes a dictionary, and JSON never an object: Python would read numbers that JSON does not know."""
_LONGEST = 1 << 20
"""Characters of a dictionary that is read as Python's."""


@dataclass(frozen=True)
class JsonLines(TableFile):
    """A text file with one JSON object a line; its columns are the keys seen in the first megabyte.

    Attributes:
        by_line: Parse every line by itself, which is slower, because some of them are malformed.
    """

    format: ClassVar[str] = "jsonl"
    rank: ClassVar[int] = 1

    by_line: bool = False

    @classmethod
    def recognise(cls, head: Head) -> JsonLines | None:
        """By the brace that opens it, and an object in at least one line."""
        text = head.content.lstrip()
        if text[:1] != b"{":
            return None
        lines = head.content.split(b"\n")
        keys: dict[str, None] = {}
        good = 0
        if (twice := _key_twice(lines[0])) is not None:
            problem = (
                f'{head.path}: an object has the key "{twice[:60]}" twice, and nothing says which of the two counts'
            )
            raise DataError(problem, "Write every key of an object once.")
        for raw in lines if head.whole or len(lines) == 1 else lines[:-1]:
            parsed = parse_object(raw.decode("utf-8", errors="replace"))
            if parsed is not None:
                good += 1
                keys.update(dict.fromkeys(str(key) for key in parsed))
        if not good:
            problem = f"{head.path}: starts like JSON, but no line of it is a JSON object"
            raise DataError(problem, "Write one object a line.")
        return cls(head.path, tuple(keys))

    def tolerant(self, error: BaseException | None = None) -> JsonLines | None:
        """Line by line."""
        return None if self.by_line else replace(self, by_line=True)

    def table(self, rows: int | None = None, key: str = "") -> pl.DataFrame:
        """All columns as text, plus `ROW` and `BAD`: lists of plain values joined by a comma, the rest as JSON text.

        Args:
            rows: Only so many of the first lines.
            key: The id column, in which a list stays JSON text.

        Raises:
            DataError: the file is a damaged gzip file.
            EnvironmentFault: it cannot be read.
        """
        columns: dict[str, list[str | None]] = {name: [] for name in self.columns}
        bad: list[str | None] = []
        for one in islice(self.objects(), rows):
            bad.append(None if one is not None else "not a JSON object")
            for name, values in columns.items():
                values.append(plain_text((one or {}).get(name), join=name != key))
        frame = pl.DataFrame(columns, schema={name: pl.String for name in columns})
        return frame.with_columns(pl.Series(BAD, bad, dtype=pl.String), pl.Series(ROW, range(1, len(bad) + 1)))

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read some keys as text, plus `ROW` and `BAD`; a list or record makes its line bad."""
        nested = pl.any_horizontal(pl.col(name).str.contains(r"(?s)^(\[.*\]|\{.*\})$") for name in columns)
        rounded = pl.any_horizontal(
            pl.col(name).str.contains(r"^-?\d(\.\d+)?e\+?(19|[2-9]\d|\d{3,})$") for name in columns
        )
        if self.by_line:
            line = pl.col(_LINE)
            broken = ~line.str.contains(r"^\s*\{") | line.str.json_path_match("$").is_null()
            frame = scan_text(self.path, [_LINE], "\x01", None, "\n", 0, self.encoding)
            frame = frame.filter(line.str.strip_chars() != "").with_columns(line.map_batches(_mended, pl.String))
            values = [line.str.json_path_match(_json_path(name)).alias(name) for name in columns]
            frame = frame.select(*values, ROW, broken.alias(BAD))
        else:
            schema = {name: pl.String for name in columns}
            literal = re.sub(r"([*?\[])", r"[\1]", str(self.path))  # scan_ndjson always takes it for a pattern
            file = opened(self.path, self.encoding) if self.encoding else literal
            frame = pl.scan_ndjson(file, schema=schema, row_index_name=ROW, row_index_offset=1)
            frame = frame.with_columns(pl.col(ROW).cast(pl.Int64), pl.lit(False).alias(BAD))
        reason = (
            pl.when(BAD).then(pl.lit("not a JSON object"))
            .when(nested).then(pl.lit("a list or record where one value belongs"))
            .when(rounded).then(pl.lit("a number too large to keep exactly; it needs quotes"))
        )  # fmt: skip
        return frame.with_columns(reason.alias(BAD)).with_columns(filled(name) for name in columns)

    def objects(self) -> Iterator[dict[str, Any] | None]:
        """The parsed objects of a JSON lines file; None for a line that is not one.

        Raises:
            DataError: the file is a damaged gzip file.
            EnvironmentFault: it cannot be read.
        """
        try:
            with opened(self.path, self.encoding) as file:
                for raw in file:
                    if raw.strip():
                        yield parse_object(raw.decode("utf-8-sig", errors="replace"))
        except UNPACK_ERRORS as error:
            raise read_fault(self.path, error) from None


def _key_twice(line: bytes) -> str | None:
    """A key that the object of a line has twice; None where there is none."""
    pairs: list[list[str]] = []
    try:
        json.loads(line, object_pairs_hook=lambda one: pairs.append([key for key, _ in one]))
    except (ValueError, RecursionError):
        return None
    keys = pairs[-1] if pairs else []  # the outermost object is finished last
    return next((key for key in keys if keys.count(key) > 1), None) if len(set(keys)) < len(keys) else None


def _json_path(name: str) -> str:
    return "$['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"


def parse_object(text: str) -> dict[str, Any] | None:
    """One object: JSON (`NaN` and `Infinity` are no values), or as Python writes a dictionary (Steam, Amazon 2014)."""
    try:
        # A comma behind each object is what is left of an array that was cut into lines.
        parsed = json.loads(text.rstrip().removesuffix(","), parse_constant=lambda _: None)
    except RecursionError:
        return None
    except ValueError:
        parsed = _python_literal(text) if _PYTHON.match(text) and len(text) < _LONGEST else None
    return {str(key): value for key, value in parsed.items()} if isinstance(parsed, dict) else None


def _python_literal(text: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd escapes in strings
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _mended(lines: pl.Series) -> pl.Series:
    """Lines that only `parse_object` understands, as JSON."""
    broken = lines.str.json_path_match("$").is_null() & lines.str.contains(r"^\s*\{")
    if not broken.any():
        return lines
    parsed = [parse_object(line) for line in lines.filter(broken)]
    mended = [None if one is None else json.dumps(one, ensure_ascii=True, default=str) for one in parsed]
    kept = [line if one is None else one for line, one in zip(lines.filter(broken), mended, strict=True)]
    return lines.scatter(broken.arg_true(), pl.Series(kept, dtype=pl.String))


def plain_text(value: Any, join: bool) -> str | None:
    """A value as text: lists of plain values joined by a comma where `join`, what is nested else as JSON."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace").decode()  # a lone surrogate is valid JSON and no text
    if isinstance(value, list) and join:
        flat = [plain_text(one, join) for one in value]
        return ", ".join(one for one in flat if one) or None
    return json.dumps(value, ensure_ascii=False, default=str)
