"""Read tables lazily, in one form whatever the file: the asked columns, the row's number, and why a line is bad."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import polars as pl

from core.errors import DataError, EnvironmentFault

# Names no table has, so that they never meet a column of the user's.
ROW = "\x00row"  # 1-based number of the row inside its file, the header not counted
BAD = "\x00bad"  # why the line could not be read; null for good lines
_EXTRA = "\x00extra"
_LINE = "\x00line"


@dataclass(frozen=True)
class Source:
    """One file of a table.

    Attributes:
        path: The file.
        format: `parquet`, `csv` or `jsonl`.
        columns: Names of the columns, in order; of JSON lines the keys seen in the first megabyte.
        delimiter: Of a `csv` file.
        quoted: Whether double quotes protect fields of a `csv` file.
        eol: What ends a line of a `csv` file.
        by_line: Read a text file line by line, which is slower, because some of its lines are malformed; fields of a
            `csv` file cannot hold line breaks then.
    """

    path: Path
    format: str
    columns: tuple[str, ...]
    delimiter: str = ","
    quoted: bool = True
    eol: str = "\n"
    by_line: bool = False

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read some columns, plus `ROW` and `BAD`. Text formats give text columns, empty fields as null."""
        if self.format == "parquet":
            return pl.scan_parquet(self.path, glob=False, row_index_name=ROW, row_index_offset=1).select(
                *columns, pl.col(ROW).cast(pl.Int64), pl.lit(None, pl.String).alias(BAD)
            )
        if self.format == "jsonl":
            return self._scan_objects(columns)
        return self._scan_by_line(columns) if self.by_line else self._scan_csv(columns)

    def _scan_csv(self, columns: list[str]) -> pl.LazyFrame:
        frame = self._csv([*self.columns, _EXTRA], self.delimiter, '"' if self.quoted else None, skip_rows=1)
        if len(self.columns) > 1:
            frame = frame.filter(~pl.all_horizontal(pl.col(name) == "" for name in self.columns))
        too_many = pl.when(_filled(_EXTRA).is_not_null()).then(pl.lit("more fields than the header"))
        return frame.select(*(_filled(name) for name in columns), ROW, too_many.alias(BAD))

    def _scan_by_line(self, columns: list[str]) -> pl.LazyFrame:
        """Split every line by itself, so that a stray quote spoils its own line only."""
        sign = "\\" + self.delimiter
        field = rf'{sign}(?:"(?:[^"]|"")*"|[^"{sign}][^{sign}]*)?'
        line = pl.lit(self.delimiter) + pl.col(_LINE).str.strip_chars_end("\r")
        fields = line.str.extract_all(field).list.eval(pl.element().str.slice(1)).alias(_LINE)

        def at(position: int) -> pl.Expr:
            text = pl.col(_LINE).list.get(position, null_on_oob=True)
            plain = text.str.slice(1, text.str.len_chars().cast(pl.Int64) - 2).str.replace_all('""', '"', literal=True)
            return pl.when(text.str.starts_with('"')).then(plain).otherwise(text)

        blank = pl.col(_LINE).str.strip_chars(f" \t\r{self.delimiter}") == ""
        surplus = pl.col(_LINE).list.slice(len(self.columns)).list.join("").str.strip_chars() != ""
        frame = self._csv([_LINE], "\x01", None, skip_rows=1).filter(~blank)
        frame = frame.with_columns(fields, (~line.str.contains(f"^(?:{field})*$")).alias(BAD))
        names = [at(self.columns.index(name)).alias(name) for name in columns]
        reason = (
            pl.when(BAD).then(pl.lit("quotes that do not match"))
            .when(surplus).then(pl.lit("more fields than the header"))
        )  # fmt: skip
        return frame.select(*names, ROW, reason.alias(BAD)).with_columns(_filled(name) for name in columns)

    def _scan_objects(self, columns: list[str]) -> pl.LazyFrame:
        nested = pl.any_horizontal(pl.col(name).str.contains(r"(?s)^(\[.*\]|\{.*\})$") for name in columns)
        rounded = pl.any_horizontal(
            pl.col(name).str.contains(r"^-?\d(\.\d+)?e\+?(19|[2-9]\d|\d{3,})$") for name in columns
        )
        if self.by_line:
            line = pl.col(_LINE)
            broken = ~line.str.contains(r"^\s*\{") | line.str.json_path_match("$").is_null()
            frame = self._csv([_LINE], "\x01", None, skip_rows=0).filter(line.str.strip_chars() != "")
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
        return frame.with_columns(reason.alias(BAD)).with_columns(_filled(name) for name in columns)

    def _csv(self, columns: list[str], delimiter: str, quote: str | None, skip_rows: int) -> pl.LazyFrame:
        return pl.scan_csv(
            self.path,
            glob=False,
            has_header=False,
            skip_rows=skip_rows,
            separator=delimiter,
            quote_char=quote,
            eol_char=self.eol,
            schema={name: pl.String for name in columns},
            extra_columns="ignore",
            missing_columns="insert",
            empty_string_is_null=False,
            encoding="utf8-lossy",
            row_index_name=ROW,
            row_index_offset=1,
            raise_if_empty=False,
        ).with_columns(pl.col(ROW).cast(pl.Int64))

    def objects(self) -> Iterator[dict[str, Any] | None]:
        """The parsed objects of a JSON lines file; None for a line that is not one. For item tables only.

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


def _filled(name: str) -> pl.Expr:
    """The column with blank fields as null."""
    column = pl.col(name)
    return pl.when(column.str.strip_chars() != "").then(column).alias(name)


def _json_path(name: str) -> str:
    return "$['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']"


def opened(path: Path) -> BinaryIO:
    """Open a file for reading bytes, unpacking gzip."""
    file = path.open("rb")
    if file.read(2) != b"\x1f\x8b":
        file.seek(0)
        return file
    file.close()
    return cast(BinaryIO, gzip.open(path, "rb"))


def read_fault(path: Path, error: BaseException) -> DataError | EnvironmentFault:
    """The error to raise where a file cannot be read: damaged content, or the machine's fault."""
    if isinstance(error, EOFError | gzip.BadGzipFile | zlib.error):
        return DataError(f"{path}: the gzip file is damaged or truncated")
    if isinstance(error, MemoryError):
        return EnvironmentFault(f"{path}: not enough memory to read it")
    if isinstance(error, OSError) and error.errno is not None:  # without one it is a decompressor's complaint
        return EnvironmentFault(f"{path}: cannot be read ({error.strerror or error})")
    return DataError(f"{path}: cannot be read ({first_line(error)})")


_READ_ERRORS = (MemoryError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


def collect(source: Source, columns: list[str], *more: pl.Expr) -> pl.DataFrame:
    """Read columns of a file, then apply expressions to them in place of the columns.

    Raises:
        DataError: the content cannot be read.
        EnvironmentFault: not enough memory, or the disk fails.
    """
    try:
        frame = source.scan(columns)
        return (frame.select(more) if more else frame).collect(engine="streaming")
    except _READ_ERRORS as error:
        malformed = source.format == "jsonl" or (source.quoted and "escaped" in str(error))
        if malformed and source.format != "parquet" and not source.by_line:
            return collect(replace(source, by_line=True), columns, *more)
        raise read_fault(source.path, error) from None


def schema_of(source: Source, columns: list[str]) -> pl.Schema:
    """Types of the columns as `Source.scan` gives them.

    Raises:
        DataError: the file is damaged.
        EnvironmentFault: it cannot be read.
    """
    try:
        return source.scan(columns).collect_schema()
    except _READ_ERRORS as error:
        raise read_fault(source.path, error) from None


def first_line(error: BaseException) -> str:
    """The first line of an error's text, short."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
