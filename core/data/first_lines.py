"""What the first lines of delimited text say: the sign between its fields, its header, and what stands above it."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Literal

from core.data.roles import NAMES as ROLES
from core.data.roles import role_score

DELIMITERS = ",\t;|"
"""The usual ones."""
_PAIRS = ("::", "||", "\t\t", ";;", ",,", "~~", "##", "|||")
_RARE = "\x01~^:"
_CALLED, _TITLES = 500, 6
"""The score from which a name says what a column holds; lines among which the header is looked for."""
_NUMBERED = 5
"""Lines that tell whether they begin with their numbers."""
_WORD = re.compile(r'"(?:[^"]|"")*"(?=\s|$)|\S+')


def lines_above(lines: Sequence[str]) -> int:
    """How many lines, of those that are not blank, stand above the header: comments, and Excel's `sep=;`."""
    if re.fullmatch(r'"?sep=.\r?"?', lines[0]):
        return 1 if len(lines) > 1 else 0
    count = next((n for n, line in enumerate(lines) if not line.startswith("#")), 0)
    if not count:
        return _titles_above(lines)
    if len(lines) < count + 2 or '"' in "".join(lines[:count]):
        return 0
    sign = delimiter_of(lines[count:])
    width = len(lines[count].split(sign))
    # A header that is commented out itself has as many fields as the rows.
    return count if width > 1 and all(len(line.split(sign)) != width for line in lines[:count]) else 0


def _titles_above(lines: Sequence[str]) -> int:
    """How many lines stand above the header: the title of a report.

    They have one field at most, above several names; or any, above the first line that says which columns there are.
    """
    for count in range(1, min(_TITLES, len(lines) - 1)):
        sign = delimiter_of(lines[count:])
        if _says_columns(header_of(lines[count:], sign)):
            return 0 if any(_says_columns(header_of([line], sign)) for line in lines[:count]) else count
    sign = delimiter_of(lines)
    alike = len(sign) == 1 and _agreement(lines, sign)[0] >= 0.9
    if alike and sum(bool(field.strip()) for field in header_of(lines, sign)) > 1:
        return 0  # the first line fits the others, whatever signs the texts of these hold
    for count in range(1, min(_TITLES, len(lines) - 1)):
        sign = delimiter_of(lines[count:])
        header = header_of(lines[count:], sign)
        if any(sum(bool(field.strip()) for field in header_of([line], sign)) > 1 for line in lines[:count]):
            return 0
        named = len(header) > 2 and all(re.search(r"[^\W\d]", name) for name in header) and sign != " "
        if named and _agreement(lines[count:], sign)[0] >= 0.9:
            return count
    return 0


def _says_columns(names: Sequence[str]) -> bool:
    """Whether two names at least say what their columns hold, each something else, and none is a number."""
    worded = all(re.search(r"[^\W\d]", name) for name in names if name.strip())
    return worded and sum(any(role_score(name, role) > _CALLED for name in names) for role in ROLES) > 1


def delimiter_of(lines: Sequence[str]) -> str:
    """What splits all lines alike: one of the usual signs, else two of them, another sign, or blanks."""
    for pair in _PAIRS:
        counts = [line.count(pair) for line in lines]
        if counts[0] and sum(count == counts[0] for count in counts) >= 0.9 * len(lines):
            rest = "".join(line.replace(pair, "") for line in lines)
            if pair == "::" or pair[0] not in rest:
                best = max(_agreement(lines, sign) for sign in DELIMITERS)
                if best[0] < 1.0 or pair[0] in DELIMITERS:
                    return pair
    best_one = max(DELIMITERS, key=lambda sign: _agreement(lines, sign))
    if _agreement(lines, best_one) > (0.0, 0):
        return best_one
    rare = max(_RARE, key=lambda sign: _agreement(lines, sign))
    if _agreement(lines, rare)[0] >= 0.9:
        return rare
    for widths in ([len(line.split()) for line in lines], [len(_words(line)) for line in lines]):
        if widths[0] > 1 and sum(width == widths[0] for width in widths) >= 0.95 * len(widths):
            return " "
    return " " if row_names(lines, " ", len(_words(lines[0]))) else best_one


def header_of(lines: Sequence[str], delimiter: str) -> list[str]:
    """The fields of the first line, or lines where a name holds line breaks."""
    if delimiter == " ":
        return _words(lines[0])
    try:
        if len(delimiter) > 1:
            return [_bare(field.strip()) for field in lines[0].split(delimiter)]
        return next(_split(lines, delimiter))
    except csv.Error:
        return lines[0].split(delimiter)


def row_names(lines: Sequence[str], delimiter: str, width: int) -> Literal["", "numbers", "names"]:
    """What a first column that the header leaves out holds, as R does where it writes the names of the rows.

    They are the numbers of the rows, or texts in quotes of which each is another.

    Args:
        lines: The header and what is below it.
        delimiter: Between their fields.
        width: The names in the header.
    """
    if len(delimiter) > 1:
        return ""
    try:
        rows = list(_split(lines[1:], delimiter)) if delimiter != " " else [_words(line) for line in lines[1:]]
    except csv.Error:
        return ""
    wide = [row[0] for row in rows if len(row) == width + 1]
    if not wide or len(wide) < 0.9 * len(rows):
        return ""
    quoted = all(line.startswith('"') for line in lines[1:])
    filled = any(row[-1].strip() for row in rows)  # else a sign stands behind the last field
    counted = len(lines) >= _NUMBERED and all(row[:1] == [str(number)] for number, row in enumerate(rows, start=1))
    if counted and (filled or quoted):
        return "numbers"
    return "names" if quoted and filled and lines[0].startswith('"') and len({*wide}) == len(rows) else ""


def _words(line: str) -> list[str]:
    """What blanks part; quotes protect them, and R writes a backslash before one inside."""
    return [_bare(word) for word in _WORD.findall(line.replace('\\"', '""'))]


def _bare(field: str) -> str:
    return field[1:-1].replace('""', '"') if len(field) > 1 and field[0] == field[-1] == '"' else field


def _split(lines: Sequence[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def _agreement(lines: Sequence[str], delimiter: str) -> tuple[float, int]:
    """How well a delimiter splits all lines alike, then into how many fields."""
    try:
        widths = [len(row) for row in _split(lines, delimiter)]
    except csv.Error:
        widths = [line.count(delimiter) + 1 for line in lines]
    if not widths or widths[0] < 2:
        return (0.0, 0)
    return (sum(width == widths[0] for width in widths) / len(widths), widths[0])
