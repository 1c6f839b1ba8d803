"""Delimited text: CSV, TSV and their kin, RecBole's atomic files, plain or gzipped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import polars as pl

from core.data.first_lines import DELIMITERS, delimiter_of, header_of, lines_above, row_names
from core.data.inner_tables import column_names
from core.data.joined import TWO_LINE_ENDS, ill_joined
from core.data.quotes import ONE_SIGN, QUOTED, clean_line, closed_field, doubled, escapes, protect, record_ends
from core.data.read import BAD, HEAD_BYTES, REMEDY, ROW, Head, TableFile, collect, filled, scan_text
from core.errors import DataError

_LOOKED_AT = 200
"""Lines by which a file is recognised."""
_TYPED_NAME = re.compile(r":(token|token_seq|float|float_seq)$")
_RAGGED = 0.05
"""A share of short lines above which they leave out empty fields, and are no faults."""
_EXTRA = "\x00extra"
_LINE = "\x00line"
_SHORT, _TORN = "\x00short", "\x00torn"
_BACKSLASH = r"(?:^|[^\\])(?:\\\\)*\\$"
"""The end of a line of which the break is part of a field, as MySQL writes it."""


@dataclass(frozen=True)
class Delimited(TableFile):
    """A text file with one row a line and a header.

    Attributes:
        delimiter: Between the fields; several signs, or a blank for one or more of them.
        quoted: Whether double quotes protect fields.
        eol: What ends a line.
        by_line: Split every line by itself, which is slower, because quotes in some of them do not match; fields
            cannot hold line breaks then.
        header: Whether the first line holds the names.
        above: Lines above it that belong to no table: comments, Excel's `sep=;`.
        blank: Those of them that say nothing and stand first.
        escaped: Whether a backslash stands before a quote inside a quoted field, as MySQL writes it.
        repeated: Names that stand several times in the header; all but the first have their number behind them.
        named_rows: Whether the rows begin with a name of their own, which the header leaves out.
    """

    format: ClassVar[str] = "csv"
    header_line: ClassVar[bool] = True
    rank: ClassVar[int] = 2

    delimiter: str = ","
    quoted: bool = True
    eol: str = "\n"
    by_line: bool = False
    header: bool = True
    above: int = 0
    blank: int = 0
    escaped: bool = False
    repeated: tuple[str, ...] = ()
    named_rows: bool = False

    @classmethod
    def recognise(cls, head: Head) -> Delimited | None:
        """Any text: the delimiter is the one that splits all lines alike, then into the most fields."""
        written = head.content.decode("utf-8", errors="replace")
        eol = "\n" if "\n" in written or "\r" not in written else "\r"
        if eol == "\n" and re.search(r"\r[^\r\n]", written.lstrip("\r\n").partition("\n")[0]):
            raise ill_joined(head.path, 1, TWO_LINE_ENDS)
        text = written.replace("\r\n", "\n").replace("\r", "\n")
        whole = (text if head.whole else text.rpartition("\n")[0]).split("\n")
        numbered = [(n, line) for n, line in enumerate(whole) if line.strip()]
        begin = next((n for n, (_, line) in enumerate(numbered) if line.strip(f"{DELIMITERS} ")), 0)
        numbered = numbered[begin : begin + _LOOKED_AT]
        lines = [line for _, line in numbered]
        if not lines:
            raise DataError(f"{head.path}: its first line is longer than {HEAD_BYTES:,} bytes", REMEDY)
        blank, titles = numbered[0][0], lines_above(lines)
        above, lines = numbered[titles][0], lines[titles:]  # the reader counts the blank lines too
        delimiter = delimiter_of(lines)
        escaped = len(delimiter) == 1 and escapes(whole, delimiter)
        if escaped:
            lines = [line.replace('\\"', '""') for line in lines]
        names: dict[str, None] = {}
        header = header_of(lines, delimiter)
        if all(_TYPED_NAME.search(name) for name in header):  # RecBole's atomic files: user_id:token
            header = [_TYPED_NAME.sub("", name) for name in header]
        first = row_names(lines, delimiter, len(header))
        header = [*(["row"] if first else []), *header]
        repeated = []
        for number, name in enumerate(header, start=1):
            name = name.strip().replace("\0", "") or f"column_{number}"
            if name in names:
                repeated.append(name)
            names[name if name not in names else f"{name}_{number}"] = None
        quoted = True
        if not escaped and (delimiter in "\t " or len(delimiter) > 1):
            rows = [line for line in whole[above:] if line.strip()]
            quoted = protect(rows, delimiter, len(header)) if '"' in text else delimiter == "\t"
        return cls(
            head.path, tuple(names), delimiter, quoted, eol, above=above, blank=blank, escaped=escaped,
            repeated=tuple(repeated), named_rows=first == "names",
        )  # fmt: skip

    def notes(self) -> list[str]:
        """Lines above the header, names that it leaves out, and those that stand in it twice."""
        count = self.above - self.blank
        above = [f"left out: {'the line' if count == 1 else f'{count} lines'} above the header"] if count else []
        if self.named_rows:
            above.append("the rows have a field more than the header: the first is taken for R's names of the rows")
        return above + [
            f'the header names "{name}" more than once: the first column is taken, the others have their number behind '
            "the name"
            for name in dict.fromkeys(self.repeated)
        ]

    def named(self, names: Sequence[str], key: str) -> Delimited:
        """The same file with names for its columns, its first line being a row like the others.

        Raises:
            ProjectError: see `column_names`.
        """
        return replace(self, columns=column_names(self.path, self.columns, names, key), header=False)

    @property
    def line_end(self) -> bytes:
        """What ends a row."""
        return self.eol.encode()

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read some columns as text, plus `ROW` and `BAD`."""
        if len(self.delimiter) > 1 or self.delimiter == " " or self.by_line or self.escaped:
            return self._scan_lists(columns)
        return self._scan_lists(columns) if self.quoted and self._has_odd_quotes() else self._scan_whole(columns)

    def table(self, rows: int | None = None, key: str = "") -> pl.DataFrame:
        """All columns, plus `ROW` and `BAD`; bad is also what looks like a piece of a row.

        A line that ends early is one, unless many leave out empty fields; and so is an id with an open quote.
        """
        frame = collect(self, [*self.columns, _SHORT, _TORN], *([] if rows is None else [pl.all().head(rows)]))
        if _SHORT not in frame.columns:
            frame = frame.join(self._pieces(rows), on=ROW, how="left", maintain_order="left")
        short, torn = (pl.col(name).fill_null(False) for name in (_SHORT, _TORN))
        some = int(frame.select(short.sum()).item())
        faults = [pl.col(BAD)]
        if some and len(self.columns) > 1:
            few = pl.lit(some <= max(1, _RAGGED * frame.height))
            below, above = short.shift(-1, fill_value=False), torn.shift(1, fill_value=False)
            faults += [
                pl.when(torn & (short | below)).then(pl.lit("a line break inside a field, it seems")),
                pl.when(short & (few | above)).then(pl.lit("fewer fields than the header")),
            ]
        if key in self.columns and not self.quoted:
            text = pl.col(key).str.strip_chars()
            open_ = text.str.starts_with('"') | text.str.contains(r'[^\d]"$')  # an inch mark stands behind a number
            open_ &= text.str.count_matches('"', literal=True) % 2 == 1
            faults.append(pl.when(open_).then(pl.lit("an open quote in the id")))
        return frame.with_columns(pl.coalesce(faults).alias(BAD)).drop(_SHORT, _TORN)

    def _pieces(self, rows: int | None) -> pl.DataFrame:
        """`ROW`, `_SHORT`, `_TORN` of the lines of a file without odd quotes that are pieces of a row, or could be."""
        sign, bare = re.escape(self.delimiter), f'[^"{re.escape(self.delimiter)}]*'
        line = pl.col(_LINE).str.strip_chars_end("\r")
        torn = line.str.contains(_BACKSLASH)
        if self.quoted:
            line = line.str.replace_all(QUOTED, "")
        else:
            torn |= line.str.contains(f'(?:^|{sign})"{bare}(?:"{bare}"{bare})*(?:{sign}|$)')
        short = line.str.count_matches(self.delimiter, literal=True) < len(self.columns) - 1
        short &= pl.col(_LINE).str.strip_chars(" \t\r") != ""
        lines = self._split([_LINE], "\x01", None)
        lines = lines if rows is None else lines.head(rows + 1)  # a look at a large file stays a look
        pieces = lines.select(ROW, short.alias(_SHORT), torn.alias(_TORN)).filter(pl.col(_SHORT) | pl.col(_TORN))
        return pieces.collect(engine="streaming")

    def tolerant(self, error: BaseException | None = None) -> Delimited | None:
        """Line by line, where quotes are to blame."""
        blamed = error is None or (self.quoted and any(word in str(error) for word in ("escaped", "malformed")))
        return replace(self, by_line=True) if blamed and not self.by_line else None

    def _scan_whole(self, columns: list[str]) -> pl.LazyFrame:
        frame = self._split([*self.columns, _EXTRA], self.delimiter, '"' if self.quoted else None)
        if len(self.columns) > 1:
            frame = frame.filter(~pl.all_horizontal(pl.col(name) == "" for name in self.columns))
        surplus = filled(_EXTRA).is_not_null()
        joined = surplus & pl.any_horizontal(pl.col(name).str.contains(r"\r[^\r\n]") for name in self.columns)
        too_many = (
            pl.when(joined).then(pl.lit(TWO_LINE_ENDS))
            .when(surplus).then(pl.lit("more fields than the header"))
        )  # fmt: skip
        return frame.select(*(filled(name) for name in columns if name in self.columns), ROW, too_many.alias(BAD))

    def _scan_lists(self, columns: list[str]) -> pl.LazyFrame:
        """Split every line by itself, so that a stray quote spoils its own line only.

        Two more columns can be had, for `table`: `_SHORT`, lines that end early, and `_TORN`, those with an open end.
        """
        blanks, several = self.delimiter == " ", len(self.delimiter) > 1
        sign = ONE_SIGN if several else self.delimiter
        in_lines = blanks or several or not self.quoted
        frame = self._split([_LINE], "\x01", None) if in_lines else self._records()
        line, unmatched = pl.col(_LINE).str.strip_chars_end("\r"), pl.lit(False)
        line = line.str.replace_all(self.delimiter, sign, literal=True) if several else line
        line = line.str.strip_chars(" \t") if blanks else line
        if self.quoted:
            field, closed = closed_field(sign), line + sign
            end = pl.element().str.strip_chars_end(" \t") if blanks else pl.element().str.head(-1)
            end = end.str.replace_all(sign, self.delimiter, literal=True) if several else end
            fields = closed.str.extract_all(field).list.eval(end)
            unmatched = ~closed.str.contains(f"^(?:{field})*$")
        else:
            fields = (line.str.replace_all(r"[ \t]+", sign) if blanks else line).str.split(sign)
        blank = pl.col(_LINE).str.strip_chars(" \t\r" if several else f" \t\r{sign}") == ""
        frame = frame.filter(~blank).with_columns(fields.alias(_LINE), unmatched.alias(BAD))
        fields = pl.col(_LINE)
        surplus = fields.list.slice(len(self.columns)).list.join("").str.strip_chars() != ""
        reason = (
            pl.when(BAD).then(pl.lit("quotes that do not match"))
            .when(surplus).then(pl.lit("more fields than the header"))
        )  # fmt: skip
        pieces = {
            _SHORT: ~pl.col(BAD) & (fields.list.len() < len(self.columns)),
            _TORN: pl.col(BAD) | fields.list.last().str.contains(_BACKSLASH),
        }
        names = [pieces[name].alias(name) if name in pieces else self._field(name) for name in columns]
        filled_ = [filled(name) for name in columns if name not in pieces]
        return frame.select(*names, ROW, reason.alias(BAD)).with_columns(filled_)

    def _field(self, name: str) -> pl.Expr:
        """A column of lines that were split into the list `_LINE`, without the quotes around it."""
        text = pl.col(_LINE).list.get(self.columns.index(name), null_on_oob=True)
        if self.quoted:
            bare = text.str.strip_chars(" ")
            plain = bare.str.slice(1, bare.str.len_chars().cast(pl.Int64) - 2).str.replace_all('""', '"', literal=True)
            text = pl.when(bare.str.contains(f"^{QUOTED}$")).then(plain).otherwise(text)
        return text.alias(name)

    def _has_odd_quotes(self) -> bool:
        """Whether some line has quotes that do not protect whole fields of it: line breaks in fields, or a fault."""
        stat = self.path.stat()
        return _odd_quotes(replace(self, columns=()), stat.st_mtime_ns, stat.st_size)

    def _odd_lines(self) -> pl.LazyFrame:
        """Lines whose quotes do not protect whole fields of the very line."""
        line = pl.col(_LINE).str.strip_chars_end("\r")
        odd = line.str.contains('"', literal=True) & ~line.str.contains(f"^{clean_line(self.delimiter)}$")
        return self._split([_LINE], "\x01", None, skip=0).filter(odd)

    def _records(self) -> pl.LazyFrame:
        """`_LINE`, a record each, and `ROW`: the file's lines, of which those of a quoted line break are joined."""
        texts = self._split([_LINE], "\x01", None, skip=0).collect()[_LINE]
        odd = (self._odd_lines().select(ROW).collect()[ROW] - 1).to_list()
        ends = record_ends(texts, odd, self.delimiter, len(self.columns))
        if ends:
            inner = [number for start, end in ends.items() for number in range(start + 1, end + 1)]
            texts = texts.scatter(list(ends), ["\n".join(texts[a : b + 1].to_list()) for a, b in ends.items()])
            texts = texts.filter(pl.Series(range(len(texts))).is_in(inner).not_())
        texts = texts.slice(self.above + int(self.header))  # without the header
        return pl.DataFrame({_LINE: texts, ROW: pl.Series(range(1, len(texts) + 1), dtype=pl.Int64)}).lazy()

    def _split(self, columns: list[str], delimiter: str, quote: str | None, skip: int | None = None) -> pl.LazyFrame:
        above = self.above + int(self.header) if skip is None else skip
        frame = scan_text(self.path, columns, delimiter, quote, self.eol, above, self.encoding)
        return frame.with_columns(doubled(pl.col(_LINE))) if self.escaped and columns == [_LINE] else frame


@lru_cache(maxsize=64)
def _odd_quotes(file: Delimited, modified: int, size: int) -> bool:
    """See `Delimited._has_odd_quotes`; a file is looked at once."""
    return file._odd_lines().head(1).collect(engine="streaming").height > 0
