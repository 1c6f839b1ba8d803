"""Delimited text: CSV, TSV and their kin, RecBole's atomic files, plain or gzipped."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar

import polars as pl

from core.data.inner_tables import column_names
from core.data.joined import TWO_LINE_ENDS, ill_joined
from core.data.read import BAD, HEAD_BYTES, REMEDY, ROW, Head, TableFile, filled, scan_text
from core.errors import DataError

_DELIMITERS = ",\t;|"
_PAIRS = ("::", "||", "\t\t", ";;", ",,", "~~", "##", "|||")
_RARE = "\x01~^:"
_TYPED_NAME = re.compile(r":(token|token_seq|float|float_seq)$")
_RAGGED = 0.05
"""A share of short lines above which they leave out empty fields, and are no faults."""
_LONGEST = 500
"""Lines that a quoted field may be long."""
_TITLES = 6
"""Lines among which the header is looked for."""
_NUMBERED = 5
"""Lines that tell whether they begin with their numbers."""
_EXTRA = "\x00extra"
_LINE = "\x00line"


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
        escaped: Whether a backslash stands before a quote inside a quoted field, as MySQL writes it.
        repeated: Names that stand several times in the header; all but the first have their number behind them.
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
    escaped: bool = False
    repeated: tuple[str, ...] = ()

    @classmethod
    def recognise(cls, head: Head) -> Delimited | None:
        """Any text: the delimiter is the one that splits all lines alike, then into the most fields."""
        written = head.content.decode("utf-8", errors="replace")
        eol = "\n" if "\n" in written or "\r" not in written else "\r"
        if eol == "\n" and re.search(r"\r[^\r\n]", written.lstrip("\r\n").partition("\n")[0]):
            raise ill_joined(head.path, 1, TWO_LINE_ENDS)
        text = written.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
        lines = [line for line in (text if head.whole else text.rpartition("\n")[0]).split("\n") if line.strip()][:200]
        if not lines:
            raise DataError(f"{head.path}: its first line is longer than {HEAD_BYTES:,} bytes", REMEDY)
        above = _above(lines)
        if above:  # with the blank lines among and below them, all of which the reader counts
            whole = text.split("\n")
            first = next(n for n, line in enumerate(whole) if line == lines[above])
            lines, above = lines[above:], first
        delimiter = _delimiter(lines)
        names: dict[str, None] = {}
        header = _header(lines, delimiter)
        if all(_TYPED_NAME.search(name) for name in header):  # RecBole's atomic files: user_id:token
            header = [_TYPED_NAME.sub("", name) for name in header]
        header = [*_row_numbers(lines, delimiter, len(header)), *header]
        repeated = []
        for number, name in enumerate(header, start=1):
            name = name.strip().replace("\0", "") or f"column_{number}"
            if name in names:
                repeated.append(name)
            names[name if name not in names else f"{name}_{number}"] = None
        # A tab-separated file is rarely quoted: a quote at one end of a field only means that quotes are plain text.
        quoted = len(delimiter) == 1 and delimiter != " "
        quoted = quoted and (delimiter != "\t" or not any(
            (field[:1] == '"') != (len(field) > 1 and field[-1:] == '"')
            for line in lines
            for field in line.split(delimiter)
        ))  # fmt: skip
        escaped = quoted and '\\"' in text and _escapes(text if head.whole else text.rpartition("\n")[0], delimiter)
        return cls(
            head.path, tuple(names), delimiter, quoted, eol, above=above, escaped=escaped, repeated=tuple(repeated)
        )

    def notes(self) -> list[str]:
        """Lines above the header, and names that stand in it twice."""
        what = "the line" if self.above == 1 else f"{self.above} lines"
        above = [f"left out: {what} above the header"] if self.above else []
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
        if len(self.delimiter) > 1 or self.delimiter == " ":
            return self._scan_by_sign(columns)
        whole = not self.by_line and not self.escaped and not (self.quoted and self._has_odd_quotes())
        return self._scan_whole(columns) if whole else self._scan_by_line(columns)

    def table(self, rows: int | None = None, key: str = "") -> pl.DataFrame:
        """All columns, plus `ROW` and `BAD`; a line that ends early is bad, unless many leave out empty fields."""
        frame = super().table(rows, key)
        if self.by_line or self.escaped or len(self.columns) < 2 or len(self.delimiter) > 1 or self.delimiter == " ":
            return frame
        if self.quoted and self._has_odd_quotes():
            return frame
        line, sign = pl.col(_LINE), self.delimiter
        short = ~line.str.contains('"', literal=True) & (line.str.strip_chars(" \t\r") != "")
        short &= line.str.count_matches(sign, literal=True) < len(self.columns) - 1
        lines = self._split([_LINE], "\x01", None)
        lines = lines if rows is None else lines.head(rows + 1)  # a look at a large file stays a look
        numbers = lines.filter(short).select(ROW).collect()[ROW]
        if not len(numbers) or len(numbers) > max(1, _RAGGED * frame.height):
            return frame
        ends_early = pl.when(pl.col(ROW).is_in(numbers.implode())).then(pl.lit("fewer fields than the header"))
        return frame.with_columns(pl.coalesce(BAD, ends_early).alias(BAD))

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
        return frame.select(*(filled(name) for name in columns), ROW, too_many.alias(BAD))

    def _scan_by_line(self, columns: list[str]) -> pl.LazyFrame:
        """Split every line by itself, so that a stray quote spoils its own line only."""
        sign = "\\" + self.delimiter
        field = rf'{sign}(?:"(?:[^"]|"")*"|[^"{sign}][^{sign}]*)?'
        line = pl.lit(self.delimiter) + pl.col(_LINE).str.strip_chars_end("\r")
        fields = line.str.extract_all(f"(?s){field}").list.eval(pl.element().str.slice(1)).alias(_LINE)
        blank = pl.col(_LINE).str.strip_chars(f" \t\r{self.delimiter}") == ""
        frame = self._records().lazy().filter(~blank)
        frame = frame.with_columns(fields, (~line.str.contains(f"^(?s:{field})*$")).alias(BAD))
        return self._select(frame, columns, quoted=True)

    def _scan_by_sign(self, columns: list[str]) -> pl.LazyFrame:
        """Split every line at a separator of several signs, or at blanks; nothing is quoted."""
        line = pl.col(_LINE).str.strip_chars_end("\r")
        if self.delimiter == " ":
            line = line.str.strip_chars(" \t").str.replace_all(r"[ \t]+", "\x1f")
        else:
            line = line.str.replace_all(self.delimiter, "\x1f", literal=True)
        frame = self._split([_LINE], "\x01", None).filter(pl.col(_LINE).str.strip_chars() != "")
        frame = frame.with_columns(line.str.split("\x1f").alias(_LINE), pl.lit(False).alias(BAD))
        return self._select(frame, columns, quoted=False)

    def _select(self, frame: pl.LazyFrame, columns: list[str], quoted: bool) -> pl.LazyFrame:
        """The columns of lines that were split into the list `_LINE`; `BAD` says where quotes do not match."""

        def at(position: int) -> pl.Expr:
            text = pl.col(_LINE).list.get(position, null_on_oob=True)
            if not quoted:
                return text
            plain = text.str.slice(1, text.str.len_chars().cast(pl.Int64) - 2).str.replace_all('""', '"', literal=True)
            return pl.when(text.str.starts_with('"')).then(plain).otherwise(text)

        surplus = pl.col(_LINE).list.slice(len(self.columns)).list.join("").str.strip_chars() != ""
        reason = (
            pl.when(BAD).then(pl.lit("quotes that do not match"))
            .when(surplus).then(pl.lit("more fields than the header"))
        )  # fmt: skip
        names = [at(self.columns.index(name)).alias(name) for name in columns]
        return frame.select(*names, ROW, reason.alias(BAD)).with_columns(filled(name) for name in columns)

    def _has_odd_quotes(self) -> bool:
        """Whether some line has quotes that do not protect whole fields of it: line breaks in fields, or a fault."""
        stat = self.path.stat()
        return _odd_quotes(replace(self, columns=()), stat.st_mtime_ns, stat.st_size)

    def _odd_lines(self) -> pl.LazyFrame:
        """Lines whose quotes do not protect whole fields of the very line."""
        sign = "\\" + self.delimiter
        field = rf'(?:"(?:[^"]|"")*"|[^"{sign}]*)'
        line = pl.col(_LINE).str.strip_chars_end("\r")
        odd = line.str.contains('"', literal=True) & ~line.str.contains(f"^{field}(?:{sign}{field})*$")
        return self._split([_LINE], "\x01", None, skip=0).filter(odd)

    def _records(self) -> pl.DataFrame:
        """`_LINE`, a record each, and `ROW`: the file's lines, of which those of a quoted line break are joined."""
        texts = self._split([_LINE], "\x01", None, skip=0).collect()[_LINE]
        odd = (self._odd_lines().select(ROW).collect()[ROW] - 1).to_list()
        joined: dict[int, str] = {}
        inner: list[int] = []
        free = 0
        for start in odd:
            if start < free:
                continue
            end = _end_of_record(texts, start, self.delimiter, len(self.columns))
            if end > start:
                joined[start] = "\n".join(texts[start : end + 1].to_list())
                inner += range(start + 1, end + 1)
                free = end + 1
        if joined:
            texts = texts.scatter(list(joined), list(joined.values()))
            keep = pl.Series(range(len(texts))).is_in(inner).not_()
            texts = texts.filter(keep)
        texts = texts.slice(self.above + int(self.header))  # without the header
        return pl.DataFrame({_LINE: texts, ROW: pl.Series(range(1, len(texts) + 1), dtype=pl.Int64)})

    def _split(self, columns: list[str], delimiter: str, quote: str | None, skip: int | None = None) -> pl.LazyFrame:
        above = self.above + int(self.header) if skip is None else skip
        frame = scan_text(self.path, columns, delimiter, quote, self.eol, above, self.encoding)
        return frame.with_columns(_doubled(pl.col(_LINE))) if self.escaped and columns == [_LINE] else frame


def _doubled(line: pl.Expr) -> pl.Expr:
    """Quotes behind a backslash written twice, as in any other table."""
    line = line.str.replace_all("\\\\", "\x1e", literal=True).str.replace_all('\\"', '""', literal=True)
    return line.str.replace_all("\x1e", "\\", literal=True)


def _escapes(text: str, delimiter: str) -> bool:
    """Whether the lines with a backslash before a quote can be read in this way alone."""
    lines = pl.DataFrame({_LINE: [line for line in text.split("\n") if '\\"' in line]})
    sign = re.escape(delimiter)
    field = rf'(?:"(?:[^"]|"")*"|[^"{sign}]*)'
    whole = f"^{field}(?:{sign}{field})*\r?$"
    plain_, doubled = lines.select(
        pl.col(_LINE).str.contains(whole).mean().alias("plain"), _doubled(pl.col(_LINE)).str.contains(whole).mean()
    ).row(0)
    return bool(plain_ < 0.5 and doubled > 0.9)


@lru_cache(maxsize=64)
def _odd_quotes(file: Delimited, modified: int, size: int) -> bool:
    """See `Delimited._has_odd_quotes`; a file is looked at once."""
    return file._odd_lines().head(1).collect(engine="streaming").height > 0


def _end_of_record(lines: pl.Series, start: int, delimiter: str, width: int) -> int:
    """The line in which a record ends that begins with an open quote; `start` where its quotes are a fault.

    A record with line breaks has as many fields as the header, and what lies between its first and last line does not
    look like records itself.
    """
    sign = re.escape(delimiter)
    field = rf'(?:"(?:[^"]|"")*"|[^"{sign}]*)'
    whole, open_ = re.compile(f"{field}(?:{sign}{field})*\r?"), re.compile(rf'(?:{field}{sign})*"(?:[^"]|"")*')
    text = str(lines[start])
    if not open_.fullmatch(text):
        return start
    for end in range(start + 1, min(len(lines), start + _LONGEST)):
        line = str(lines[end])
        text += "\n" + line
        if '"' not in line:
            continue
        if whole.fullmatch(text):
            record = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
            between = [str(one).count(delimiter) + 1 for one in lines[start + 1 : end]]
            swallowed = len(between) >= (2 if width > 2 else 5) and all(count == width for count in between)
            return end if len(record) == width and not swallowed else start
        if not open_.fullmatch(text):
            return start
    return start


def _above(lines: list[str]) -> int:
    """How many lines, of those that are not blank, stand above the header: comments, and Excel's `sep=;`."""
    if re.fullmatch(r'"?sep=.\r?"?', lines[0]):
        return 1 if len(lines) > 1 else 0
    count = next((n for n, line in enumerate(lines) if not line.startswith("#")), 0)
    if not count:
        return _titles_above(lines)
    if len(lines) < count + 2 or '"' in "".join(lines[:count]):
        return 0
    sign = _delimiter(lines[count:])
    width = len(lines[count].split(sign))
    # A header that is commented out itself has as many fields as the rows.
    return count if width > 1 and all(len(line.split(sign)) != width for line in lines[:count]) else 0


def _titles_above(lines: list[str]) -> int:
    """How many lines with one field at most stand above a header of several names: the title of a report."""
    for count in range(1, min(_TITLES, len(lines) - 1)):
        sign = _delimiter(lines[count:])
        header = _header(lines[count:], sign)
        if any(sum(bool(field.strip()) for field in _header([line], sign)) > 1 for line in lines[:count]):
            return 0
        named = len(header) > 2 and all(re.search(r"[^\W\d]", name) for name in header) and sign != " "
        if named and _agreement(lines[count:], sign)[0] >= 0.9:
            return count
    return 0


def _delimiter(lines: list[str]) -> str:
    """What splits all lines alike: one of the usual signs, else two of them, another sign, or blanks."""
    for pair in _PAIRS:
        counts = [line.count(pair) for line in lines]
        if counts[0] and sum(count == counts[0] for count in counts) >= 0.9 * len(lines):
            rest = "".join(line.replace(pair, "") for line in lines)
            if pair == "::" or pair[0] not in rest:
                best = max(_agreement(lines, sign) for sign in _DELIMITERS)
                if best[0] < 1.0 or pair[0] in _DELIMITERS:
                    return pair
    best_one = max(_DELIMITERS, key=lambda sign: _agreement(lines, sign))
    if _agreement(lines, best_one) > (0.0, 0):
        return best_one
    rare = max(_RARE, key=lambda sign: _agreement(lines, sign))
    if _agreement(lines, rare)[0] >= 0.9:
        return rare
    widths = [len(line.split()) for line in lines]
    if widths[0] > 1 and sum(width == widths[0] for width in widths) >= 0.95 * len(widths):
        return " "
    return best_one


def _header(lines: list[str], delimiter: str) -> list[str]:
    if delimiter == " ":
        return lines[0].split()
    try:
        return next(csv.reader(lines, delimiter=delimiter)) if len(delimiter) == 1 else lines[0].split(delimiter)
    except csv.Error:
        return lines[0].split(delimiter)


def _row_numbers(lines: list[str], delimiter: str, width: int) -> list[str]:
    """The name of a first column that the header leaves out, as R does where it writes the numbers of the rows."""
    if len(delimiter) > 1 or len(lines) < _NUMBERED:
        return []
    try:
        rows = list(csv.reader(lines[1:], delimiter=delimiter))
    except csv.Error:
        return []
    counted = all(row[:1] == [str(number)] for number, row in enumerate(rows, start=1))
    if not any(row[-1].strip() for row in rows):  # a sign behind the last field, unless R has quoted the numbers
        counted = counted and all(line.startswith('"') for line in lines[1:])
    return ["row"] if counted and sum(len(row) == width + 1 for row in rows) >= 0.9 * len(rows) else []


def _agreement(lines: list[str], delimiter: str) -> tuple[float, int]:
    """How well a delimiter splits all lines alike, then into how many fields."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        widths = [line.count(delimiter) + 1 for line in lines]
    if not widths or widths[0] < 2:
        return (0.0, 0)
    return (sum(width == widths[0] for width in widths) / len(widths), widths[0])
