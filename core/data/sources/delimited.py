"""Delimited text: CSV, TSV and their kin, plain or gzipped."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import polars as pl

from core.data.read import BAD, HEAD_BYTES, REMEDY, ROW, Head, TableFile, filled, scan_text
from core.data.roles import plain
from core.errors import DataError, ProjectError

_DELIMITERS = ",\t;|"
_EXTRA = "\x00extra"
_LINE = "\x00line"


@dataclass(frozen=True)
class Delimited(TableFile):
    """A text file with one row a line and a header.

    Attributes:
        delimiter: Between the fields.
        quoted: Whether double quotes protect fields.
        eol: What ends a line.
        by_line: Split every line by itself, which is slower, because quotes in some of them do not match; fields
            cannot hold line breaks then.
        header: Whether the first line holds the names.
    """

    format: ClassVar[str] = "csv"
    header_line: ClassVar[bool] = True
    rank: ClassVar[int] = 2

    delimiter: str = ","
    quoted: bool = True
    eol: str = "\n"
    by_line: bool = False
    header: bool = True

    @classmethod
    def recognise(cls, head: Head) -> Delimited:
        """Any text: the delimiter is the one that splits all lines alike, then into the most fields."""
        written = head.content.decode("utf-8", errors="replace")
        eol = "\n" if "\n" in written or "\r" not in written else "\r"
        text = written.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
        lines = [line for line in (text if head.whole else text.rpartition("\n")[0]).split("\n") if line.strip()][:200]
        if not lines:
            raise DataError(f"{head.path}: its first line is longer than {HEAD_BYTES:,} bytes", REMEDY)
        delimiter = max(_DELIMITERS, key=lambda d: _agreement(lines, d))
        try:
            header = next(csv.reader(lines, delimiter=delimiter))
        except csv.Error:
            header = lines[0].split(delimiter)
        names: list[str] = []
        for number, name in enumerate(header, start=1):
            name = name.strip().replace("\0", "") or f"column_{number}"
            names.append(name if name not in names else f"{name}_{number}")
        # A tab-separated file is rarely quoted: a quote at one end of a field only means that quotes are plain text.
        quoted = delimiter != "\t" or not any(
            (field[:1] == '"') != (len(field) > 1 and field[-1:] == '"')
            for line in lines
            for field in line.split(delimiter)
        )
        return cls(head.path, tuple(names), delimiter, quoted, eol)

    def named(self, names: Sequence[str], key: str) -> Delimited:
        """The same file with names for its columns, its first line being a row like the others.

        Raises:
            ProjectError: another number of names than of columns, or the first line is a header already.
        """
        first = ", ".join(self.columns)[:200]
        if len(names) != len(self.columns):
            raise ProjectError(
                f"{key}: {len(names)} names, but {self.path} has {len(self.columns)} columns; its first line: {first}",
                "Name every column, in the order of the file.",
            )
        if {plain(name) for name in names} & {plain(name) for name in self.columns}:
            raise ProjectError(f"{key}: {self.path} has a header line already: {first}", f"Leave out {key}.")
        return replace(self, columns=tuple(names), header=False)

    @property
    def line_end(self) -> bytes:
        """What ends a row."""
        return self.eol.encode()

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read some columns as text, plus `ROW` and `BAD`."""
        return self._scan_by_line(columns) if self.by_line else self._scan_whole(columns)

    def tolerant(self, error: BaseException | None = None) -> Delimited | None:
        """Line by line, where quotes are to blame."""
        blamed = error is None or (self.quoted and "escaped" in str(error))
        return replace(self, by_line=True) if blamed and not self.by_line else None

    def _scan_whole(self, columns: list[str]) -> pl.LazyFrame:
        frame = self._split([*self.columns, _EXTRA], self.delimiter, '"' if self.quoted else None)
        if len(self.columns) > 1:
            frame = frame.filter(~pl.all_horizontal(pl.col(name) == "" for name in self.columns))
        too_many = pl.when(filled(_EXTRA).is_not_null()).then(pl.lit("more fields than the header"))
        return frame.select(*(filled(name) for name in columns), ROW, too_many.alias(BAD))

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
        frame = self._split([_LINE], "\x01", None).filter(~blank)
        frame = frame.with_columns(fields, (~line.str.contains(f"^(?:{field})*$")).alias(BAD))
        names = [at(self.columns.index(name)).alias(name) for name in columns]
        reason = (
            pl.when(BAD).then(pl.lit("quotes that do not match"))
            .when(surplus).then(pl.lit("more fields than the header"))
        )  # fmt: skip
        return frame.select(*names, ROW, reason.alias(BAD)).with_columns(filled(name) for name in columns)

    def _split(self, columns: list[str], delimiter: str, quote: str | None) -> pl.LazyFrame:
        return scan_text(self.path, columns, delimiter, quote, self.eol, skip=1 if self.header else 0)


def _agreement(lines: list[str], delimiter: str) -> tuple[float, int]:
    """How well a delimiter splits all lines alike, then into how many fields."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        widths = [line.count(delimiter) + 1 for line in lines]
    if not widths or widths[0] < 2:
        return (0.0, 0)
    return (sum(width == widths[0] for width in widths) / len(widths), widths[0])
