"""Quotes in delimited text: whether they protect fields, and which lines are one record."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import polars as pl

QUOTED = r'"(?:[^"]|"")*"'
"""A whole field in quotes; all patterns here are read by `re` and by Polars alike."""
ONE_SIGN = "\x1f"
"""What stands for a delimiter of several signs, to which such a pattern cannot be made."""
_LINE = "line"
_LONGEST = 500
"""Lines that a quoted field may be long."""
_LOOKED_AT = 200
"""Lines between tabs in which a quote at one end of a field says that quotes are plain text."""


def clean_line(delimiter: str) -> str:
    """The pattern of a line whose quotes, if it has any, protect whole fields."""
    sign = re.escape(delimiter)
    field = rf'(?:{QUOTED}|[^"{sign}]*)'
    return f"{field}(?:{sign}{field})*"


def closed_field(delimiter: str) -> str:
    """The pattern of a field and of the sign behind it, which the last one must get too.

    Quotes inside a field without quotes around are plain text; blanks around the quotes of a field are no part of it.
    """
    if delimiter == " ":
        return rf'(?:{QUOTED}|[^ \t"][^ \t]*)[ \t]+'
    sign = re.escape(delimiter)
    return rf'(?: *{QUOTED} *|[^"{sign}][^{sign}]*)?{sign}'


def doubled(line: pl.Expr) -> pl.Expr:
    """Quotes behind a backslash written twice, as in any other table."""
    line = line.str.replace_all("\\\\", "\x1e", literal=True).str.replace_all('\\"', '""', literal=True)
    return line.str.replace_all("\x1e", "\\", literal=True)


def escapes(lines: Iterable[str], delimiter: str) -> bool:
    """Whether the lines with a backslash before a quote can be read in this way alone."""
    frame = pl.DataFrame({_LINE: [line for line in lines if '\\"' in line]}, schema={_LINE: pl.String})
    if not frame.height:
        return False
    whole = f"^{clean_line(delimiter)}\r?$"
    plain, twice = frame.select(
        pl.col(_LINE).str.contains(whole).mean().alias("plain"), doubled(pl.col(_LINE)).str.contains(whole).mean()
    ).row(0)
    return bool(plain < 0.5 and twice > 0.9)


def protect(lines: Sequence[str], delimiter: str, width: int) -> bool:
    """Whether quotes protect fields in text that is rarely quoted: tabs, blanks or several signs part its fields.

    They do where more records have the width of the header so; else unless a quote stands at one end of a field only.
    """
    several = len(delimiter) > 1
    if several:
        lines, delimiter = [line.replace(delimiter, ONE_SIGN) for line in lines], ONE_SIGN
    plain = [line.split() if delimiter == " " else line.split(delimiter) for line in lines]
    bare = sum(1 if len(fields) == width else -1 for fields in plain)
    form = re.compile(clean_line(delimiter))
    odd = [n for n, line in enumerate(lines) if '"' in line and not form.fullmatch(line)]
    ends = {} if several or delimiter == " " else record_ends(lines, odd, delimiter, width)
    inner = {n for start, end in ends.items() for n in range(start + 1, end + 1)}
    field = re.compile(closed_field(delimiter))
    whole = re.compile(f"(?:{field.pattern})*")
    closed = [lines[n].strip(" ") + delimiter for n in range(len(lines)) if n not in inner and n not in ends]
    fit = sum(1 if whole.fullmatch(line) and len(field.findall(line)) == width else -1 for line in closed)
    if len(ends) + fit > bare:
        return True
    looked_at = plain[:_LOOKED_AT] if delimiter == "\t" else plain
    return not any((one[:1] == '"') != (len(one) > 1 and one[-1:] == '"') for fields in looked_at for one in fields)


def record_ends(lines: Sequence[str] | pl.Series, odd: Iterable[int], delimiter: str, width: int) -> dict[int, int]:
    """The first and the last line of every record of several lines.

    Args:
        lines: All lines.
        odd: Those whose quotes do not protect whole fields of the very line.
        delimiter: Between fields.
        width: The fields of a record.
    """
    ends: dict[int, int] = {}
    free = 0
    for start in odd:
        if start >= free and (end := _end_of_record(lines, start, delimiter, width)) > start:
            ends[start] = end
            free = end + 1
    return ends


def _end_of_record(lines: Sequence[str] | pl.Series, start: int, delimiter: str, width: int) -> int:
    """The line in which a record ends that begins with an open quote; `start` where its quotes are a fault.

    A record with line breaks has as many fields as the header, and what lies between its first and last line does not
    look like records itself.
    """
    sign = re.escape(delimiter)
    field = rf'(?: *{QUOTED} *|[^"{sign}]*)'
    whole, open_ = re.compile(f"{field}(?:{sign}{field})*\r?"), re.compile(rf'(?:{field}{sign})* *"(?:[^"]|"")*')
    text = str(lines[start])
    if not open_.fullmatch(text):
        return start
    for end in range(start + 1, min(len(lines), start + _LONGEST)):
        line = str(lines[end])
        text += "\n" + line
        if '"' not in line:
            continue
        if whole.fullmatch(text):
            fields = re.findall(closed_field(delimiter), text.removesuffix("\r") + delimiter)
            between = [str(one).count(delimiter) + 1 for one in lines[start + 1 : end]]
            swallowed = len(between) >= (2 if width > 2 else 5) and all(count == width for count in between)
            return end if len(fields) == width and not swallowed else start
        if not open_.fullmatch(text):
            return start
    return start
