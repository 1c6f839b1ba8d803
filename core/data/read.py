"""Read a file of a table lazily, in one form whatever its format: columns, the row's number, and why a line is bad."""

from __future__ import annotations

import gzip
import io
import shutil
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, ClassVar, Self, TypeVar

import polars as pl

from core.data.encoding import as_utf8, guessed_encoding, is_utf8
from core.data.packed import GZIP, UNPACK_ERRORS, ZSTD, is_packed, unpacked
from core.errors import DataError, EnvironmentFault, ProjectError

# Names no table has, so that they never meet a column of the user's.
ROW = "\x00row"  # 1-based number of the row inside its file, the header not counted
BAD = "\x00bad"  # why the line could not be read; null for good lines
REMEDY = "Supported are Parquet, Arrow, CSV, TSV (any of , ; | tab) and JSON lines, plain or packed by gzip or zstd."
HEAD_BYTES = 1 << 20
"""Bytes of a file, unpacked, by which it is recognised."""
COUNTED_BYTES = 1 << 18
"""Bytes of a file, as it lies there, whose lines tell how many it has in all."""
GZIP_RATIO = 3.5
"""Bytes of text a byte of a packed file: as in the item tables of Amazon's data sets."""
GROUPS_OF_FILE = 24
"""Groups of rows in a file of `sink_by_key`: what is known of each stays in memory until the file is closed."""
Result = TypeVar("Result")
_READ_ERRORS = (MemoryError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclass(frozen=True)
class Head:
    """The beginning of a file, by which a format knows its own.

    Attributes:
        path: The file.
        raw: Its first bytes as they lie on the disk, for formats that begin with a mark of their own.
        content: Its first megabyte as UTF-8, unpacked where it is gzipped, without a byte order mark.
        whole: Whether that is all of it.
        encoding: How its text is written; empty = UTF-8.
        inner: Which of its tables is meant, where it holds several; empty = the only one.
    """

    path: Path
    raw: bytes
    content: bytes
    whole: bool
    encoding: str = ""
    inner: str = ""

    @classmethod
    def of(cls, path: Path, encoding: str = "", inner: str = "") -> Head:
        """Read a file's beginning.

        Args:
            path: The file.
            encoding: How its text is written; empty = UTF-8, or else what it looks like.
            inner: Which of its tables is meant.

        Raises:
            DataError: it is a damaged gzip file.
            EnvironmentFault: it cannot be read.
        """
        try:
            with path.open("rb") as file:
                raw = file.read(16)
            with opened(path) as file:
                content = file.read(HEAD_BYTES)
        except UNPACK_ERRORS as error:
            raise read_fault(path, error) from None
        whole = len(content) < HEAD_BYTES - 3
        encoding = "" if is_utf8(encoding) else encoding or guessed_encoding(content)
        if encoding:
            content = as_utf8(content, encoding)
        return cls(path, raw, content.removeprefix(b"\xef\xbb\xbf"), whole, encoding, inner)


@dataclass(frozen=True)
class TableFile(ABC):
    """One file of a table. A format is a subclass in a module of its own in `core.data.sources`.

    Attributes:
        path: The file.
        columns: Names of the columns, in order.
        encoding: How a text file is written; empty = UTF-8.
        inner: Which table of a file that holds several; empty = the file is one.
    """

    format: ClassVar[str]
    """What people call the format."""
    typed: ClassVar[bool] = False
    """Whether the columns have types of their own; else they all are text."""
    header_line: ClassVar[bool] = False
    """Whether the names of the columns are what stands in the first line, be it a header or not."""
    rank: ClassVar[int] = 0
    """When it is asked about a file: 0 = knows its own by a mark; 1 = by how the text begins; 2 = takes any text."""

    path: Path
    columns: tuple[str, ...]
    encoding: str = field(default="", kw_only=True)
    inner: str = field(default="", kw_only=True)

    @classmethod
    @abstractmethod
    def recognise(cls, head: Head) -> Self | None:
        """The file as this format reads it; None where it is of another format.

        Raises:
            DataError: it is of this format, but truncated or damaged.
        """

    @abstractmethod
    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read some columns, plus `ROW` and `BAD`. Text formats give text columns, empty fields as null."""

    def named(self, names: Sequence[str], key: str) -> Self:
        """The same file with names for its columns, its first line being a row like the others.

        Args:
            names: As many as there are columns.
            key: The setting that gives them, for messages.

        Raises:
            ProjectError: the format has names of its own, or their number is another.
        """
        if set(names) - set(self.columns):
            raise ProjectError(
                f"{key}: {self.path} is {self.format}, which has names of its own: {', '.join(self.columns)[:200]}",
                f"Leave out {key}.",
            )
        return self

    def tolerant(self, error: BaseException | None = None) -> Self | None:
        """The same file read in a slower way that bears malformed lines; None where there is no such way.

        Args:
            error: What the fast way said; None = whatever it said.
        """
        return None

    def table(self, rows: int | None = None, key: str = "") -> pl.DataFrame:
        """All columns as an item table has them, plus `ROW` and `BAD`.

        Args:
            rows: Only so many of the first.
            key: The column of the id, for formats in which a value can be a list.

        Raises:
            DataError: the content cannot be read.
            EnvironmentFault: not enough memory, or the disk fails.
        """
        return collect(self, list(self.columns), *([] if rows is None else [pl.all().head(rows)]))

    @property
    def line_end(self) -> bytes:
        """What ends a row."""
        return b"\n"

    def notes(self) -> list[str]:
        """What of the file is not as it should be, and how it is read nevertheless."""
        return []

    def row_count(self) -> int:
        """About how many rows there are, without reading them all: from the file's size and its first lines."""
        with self.path.open("rb") as file:
            head = file.read(COUNTED_BYTES)
        size, packed = self.path.stat().st_size, len(head)
        if head.startswith(ZSTD):
            try:
                with unpacked(self.path) as file:
                    text = file.read(COUNTED_BYTES)
            except UNPACK_ERRORS:
                return 0
            lines = max(1, text.count(self.line_end))
            return lines if len(text) < COUNTED_BYTES else round(size * GZIP_RATIO / len(text) * lines)
        if head.startswith(GZIP):
            try:
                head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head)
            except zlib.error:
                return 0
        lines = max(1, head.count(self.line_end))
        return lines if packed == size else round(size / packed * lines)

    def text_ratio(self) -> float:
        """About how many bytes of text a byte of the file holds."""
        try:
            return GZIP_RATIO if is_packed(self.path) else 1.0
        except OSError:
            return 1.0


def scan_text(
    path: Path, columns: list[str], delimiter: str, quote: str | None, eol: str, skip: int, encoding: str = ""
) -> pl.LazyFrame:
    """Lazily split a text file into text columns, plus `ROW`; missing fields are null, surplus ones are left out.

    Args:
        path: The file, plain or packed by gzip or zstd.
        columns: What the fields of a line are called.
        delimiter: Between fields; one that no line holds gives whole lines.
        quote: What protects a field; None = nothing does.
        eol: What ends a line.
        skip: Lines to leave out at the beginning.
        encoding: How the text is written; empty = UTF-8. Of any other the whole file is in memory.
    """
    return pl.scan_csv(
        opened(path, encoding) if encoding else path,
        glob=False,
        has_header=False,
        skip_rows=skip,
        separator=delimiter,
        quote_char=quote,
        eol_char=eol,
        schema={name: pl.String for name in columns},
        extra_columns="ignore",
        missing_columns="insert",
        empty_string_is_null=False,
        encoding="utf8-lossy",
        row_index_name=ROW,
        row_index_offset=1,
        raise_if_empty=False,
    ).with_columns(pl.col(ROW).cast(pl.Int64))


def filled(name: str) -> pl.Expr:
    """The text column with blank fields as null."""
    column = pl.col(name)
    return pl.when(column.str.strip_chars() != "").then(column).alias(name)


def opened(path: Path, encoding: str = "") -> BinaryIO:
    """Open a file for reading bytes, unpacked; of another encoding than UTF-8 (empty) they become UTF-8."""
    if encoding:
        with opened(path) as original:
            return io.BytesIO(as_utf8(original.read(), encoding))
    return unpacked(path)


def read_fault(path: Path, error: BaseException) -> DataError | EnvironmentFault:
    """The error to raise where a file cannot be read: damaged content, or the machine's fault."""
    if isinstance(error, DataError | EnvironmentFault):
        return error
    if isinstance(error, EOFError | gzip.BadGzipFile | zlib.error):
        return DataError(f"{path}: the gzip file is damaged or truncated")
    if isinstance(error, UNPACK_ERRORS) and not isinstance(error, OSError):
        return DataError(f"{path}: the zstd file is damaged or truncated")
    if isinstance(error, MemoryError):
        return EnvironmentFault(f"{path}: not enough memory to read it")
    if isinstance(error, OSError) and error.errno is not None:  # without one it is a decompressor's complaint
        return EnvironmentFault(f"{path}: cannot be read ({error.strerror or error})")
    if "gzip" in str(error):
        return DataError(
            f"{path}: the gzip file is damaged, or something stands behind its end ({first_line(error)})",
            f"Pack it anew: gzip -dc {path.name} | gzip > NEW",
        )
    return DataError(f"{path}: cannot be read ({first_line(error)})")


def collect(source: TableFile, columns: list[str], *more: pl.Expr) -> pl.DataFrame:
    """Read columns of a file, then apply expressions to them in place of the columns.

    Raises:
        DataError: the content cannot be read.
        EnvironmentFault: not enough memory, or the disk fails.
    """
    return _read(source, columns, more, lambda frame: frame.collect(engine="streaming"))


def sink_by_key(
    source: TableFile, columns: list[str], more: list[pl.Expr], key: pl.Expr, folder: Path, gathered: int
) -> None:
    """Read like `collect`, but write the rows as Parquet, `folder/<name>=<key>/*.parquet`, in little memory.

    Args:
        source: The file.
        columns: What is read of it.
        more: What takes their place.
        key: Made of these; a folder each. It is not written.
        folder: Is made; what lies there is lost.
        gathered: Rows of a key that are in memory until they are written.

    Raises:
        DataError: the content cannot be read.
        EnvironmentFault: not enough memory, or the disk fails.
    """

    def write(frame: pl.LazyFrame) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        most = GROUPS_OF_FILE * max(1, gathered)
        target = pl.PartitionBy(folder, key=key, include_key=False, max_rows_per_file=most)
        try:
            frame.sink_parquet(
                target, compression="uncompressed", statistics=False, row_group_size=max(1, gathered), mkdir=True
            )
        except (OSError, pl.exceptions.PolarsError) as error:
            if "No space left" in str(error):  # of the very many errors that reading may give, this one is writing's
                raise EnvironmentFault(
                    f"no space left for the partitions of the log in {folder.parent}", "make room on that disk"
                ) from None
            raise

    _read(source, columns, more, write)


def _read(
    source: TableFile, columns: list[str], more: Sequence[pl.Expr], finish: Callable[[pl.LazyFrame], Result]
) -> Result:
    """Read a file in its fast way, else in the one that bears malformed lines."""
    try:
        frame = source.scan(columns)
        return finish(frame.select(more) if more else frame)
    except _READ_ERRORS as error:
        slower = source.tolerant(error)
        if slower is not None:
            return _read(slower, columns, more, finish)
        raise read_fault(source.path, error) from None


def schema_of(source: TableFile, columns: list[str]) -> pl.Schema:
    """Types of the columns as `TableFile.scan` gives them.

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
