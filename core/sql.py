"""What an SQL condition over the columns of a table may hold, whoever wrote it: nothing that reads a file."""

from __future__ import annotations

import re

from core.errors import DataError

MAX_SQL = 10_000
"""Characters of a condition at most."""
# A literal or a quoted name without a backslash, which dialects read in two ways.
QUOTED = re.compile(r"'[^'\\]*'|\"[^\"\\]*\"|`[^`\\]*`")
# What could begin a comment or another kind of quotation, and so hide what follows from the expression above.
_HIDING = re.compile(r"--|/\*|[\\#$'\"`]")
# A query inside the condition could name a file to read: polars opens it while it parses.
_QUERY = re.compile(r"\b(select|with|table|values|read_\w+|scan_\w+)\b|\(\s*from\b", re.IGNORECASE)


def check_condition(condition: str) -> None:
    """Refuse a condition that is more than an expression over columns.

    Raises:
        DataError: it is too long, or holds a comment, a backslash, an open quotation or a query.
    """
    if len(condition) > MAX_SQL:
        raise DataError(f"the condition has {len(condition):,} characters", f"{MAX_SQL:,} are the most")
    left = QUOTED.sub(" ", condition)
    if found := _HIDING.search(left):
        raise DataError(
            f"a condition has no comment, no backslash and no open quotation: {found[0]!r} in {condition!r}",
            "text stands in single quotes, a quotation mark inside it twice: 'it''s'",
        )
    if found := _QUERY.search(left):
        raise DataError(
            f"a condition holds no query of its own: {found[0]!r} in {condition!r}",
            'it is an expression over the columns of a table; a column of that name stands in "double quotes"',
        )
