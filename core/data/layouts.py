"""Public layouts that are no tables: recognised by their content, with the way to turn them into one."""

from __future__ import annotations

import re

from core.data.read import Head, TableFile
from core.errors import DataError

_LINES = 50


def layout_fault(head: Head, source: TableFile | None) -> DataError | None:
    """Why a file cannot be used as it was read.

    Args:
        head: Its beginning.
        source: How a format reads it; None where the one that it begins like refused it.

    Returns:
        One sentence that says what it is and how to turn it round; None where nothing is known against it.
    """
    text = head.content.decode("utf-8", errors="replace").lstrip()
    lines = [line for line in text.splitlines() if line.strip()][:_LINES]
    if source is None:
        return _no_json_lines(head, text, lines)
    if not source.typed and source.header_line:
        return _undivided(head, source, lines)
    return None


def _no_json_lines(head: Head, text: str, lines: list[str]) -> DataError | None:
    path = head.path
    if text.startswith("{") and len(lines) > 1 and lines[0].strip() == "{":
        return DataError(
            f"{path}: is JSON over several lines, not one object a line",
            f"Write one object a line: jq -c . {path.name} > {path.stem}.jsonl",
        )
    if lines and re.match(r"\{.*\}\s*\{", lines[0][:100_000]):
        return DataError(
            f"{path}: several JSON objects stand in one line",
            f"Write one object a line: jq -c . {path.name} > {path.stem}.jsonl",
        )
    return None


def _undivided(head: Head, source: TableFile, lines: list[str]) -> DataError | None:
    """Of text whose fields are parted by `::` beside other signs, or whose rows are sequences."""
    path, enough = head.path, 0.9 * len(lines)
    if len(source.columns) > 1 and all(re.fullmatch(r"\s*'.*'\s*", name) for name in source.columns):
        return DataError(f"{path}: its fields are in single quotes", "Write them in double quotes, or in none.")
    blocks = [line for line in lines if re.fullmatch(r"\d+,\d,\d{4}-\d\d-\d\d", line)]
    if lines and re.fullmatch(r"\d+:", lines[0]) and len(blocks) > 0.5 * len(lines):
        return DataError(
            f"{path}: holds the ratings of a film below the film's number, as Netflix published them",
            'Write the number into every row: awk \'/:$/ {sub(":", ""); film = $0; next} {print film "," $0}\' '
            f"{path.name} > ratings.csv, then init --columns item,user,rating,time",
        )
    if any("::" in name for name in source.columns) and sum("::" in line for line in lines) >= enough:
        return DataError(
            f"{path}: its fields are separated by ::, as in MovieLens 1M and 10M",
            f"Turn them into tabs: sed 's/::/\\t/g' {path.name} > {path.stem}.tsv, "
            "then name the columns: init --columns user,item,rating,time (--item-columns item,title,genres)",
        )
    if len(source.columns) > 1:
        return None
    widths = [len(line.split()) for line in lines]
    plain = all(re.fullmatch(r"[\w.:-]+", word) for line in lines for word in line.split())
    if not plain or min(widths, default=0) < 2:
        return None
    return DataError(
        f"{path}: seems to hold one user a line, followed by the items, separated by blanks",
        'Turn it into rows of user, item and position: awk \'{for (i = 2; i <= NF; i++) print $1 "," $i "," i}\' '
        f"{path.name} > rows.csv, then init --columns user_id,item_id,position",
    )
