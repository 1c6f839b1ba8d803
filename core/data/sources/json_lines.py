"""JSON lines: one object a line, plain or gzipped."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar

import polars as pl

from core.data.read import BAD, ROW, Head, TableFile, filled, opened, read_fault, scan_text
from core.errors import DataError

_LINE = "\x00line"


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
        if text[:1] not in (b"{", b"["):
            return None
        if text[:1] == b"[":
            if text[1:].lstrip()[:1] in (b"{", b"[", b"]"):
                raise DataError(f"{head.path}: is one JSON array", "Write JSON lines: one object a line.")
            return None
        lines = head.content.split(b"\n")
        keys: dict[str, None] = {}
        good = 0
        for raw in lines if head.whole or len(lines) == 1 else lines[:-1]:
            try:
                parsed = json.loads(raw.decode("utf-8", errors="replace"))
            except (ValueError, RecursionError):
                continue
            if isinstance(parsed, dict):
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
                values.append(_plain((one or {}).get(name), join=name != key))
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
            frame = scan_text(self.path, [_LINE], "\x01", None, "\n", skip=0).filter(line.str.strip_chars() != "")
            values = [line.str.json_path_match(_json_path(name)).alias(name) for name in columns]
            frame = frame.select(*values, ROW, broken.alias(BAD))
        else:
            schema = {name: pl.String for name in columns}
            literal = re.sub(r"([*?\[])", r"[\1]", str(self.path))  # scan_ndjson always takes it for a pattern
            frame = pl.scan_ndjson(literal, schema=schema, row_index_name=ROW, row_index_offset=1)
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
            with opened(self.path) as file:
                for raw in file:
                    if raw.strip():
                        try:
                            parsed = json.loads(raw.decode("utf-8-sig", errors="replace"))
                        except (ValueError, RecursionError):
                            parsed = None
                        yield parsed if isinstance(parsed, dict) else None
        except (EOFError, OSError, zlib.error) as error:
            raise read_fault(self.path, error) from None


def _json_path(name: str) -> str:
    return "$['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"


def _plain(value: Any, join: bool) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace").decode()  # a lone surrogate is valid JSON and no text
    if isinstance(value, list) and join:
        flat = [_plain(one, join) for one in value]
        return ", ".join(one for one in flat if one) or None
    return json.dumps(value, ensure_ascii=False)
