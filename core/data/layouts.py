"""Public layouts that are no tables: recognised by their content, with the way to turn them into one."""

from __future__ import annotations

import json
import re

from core.data.read import Head, TableFile
from core.data.roles import NAMES, role_score
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
        return _one_object(head, text) or DataError(
            f"{path}: is JSON over several lines, not one object a line",
            f"Write one object a line: jq -c . {path.name} > {path.stem}.jsonl",
        )
    return None


def _one_object(head: Head, text: str) -> DataError | None:
    """Of one JSON object that holds everything under ids, as LC-Rec's `.inter.json` and `.item.json`."""
    begun = re.match(r"\{\s*\"[^\"]{1,64}\"\s*:\s*(\[|\{)", text)
    if not begun or (not head.whole and "\n{" in text):
        return None
    if head.whole:
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            return None
        if not isinstance(parsed, dict):
            return None
        values = list(parsed.values())
        named = any(role_score(str(key), role) for key in list(parsed)[:_LINES] for role in NAMES)
        if named or len(values) < 2 or not all(isinstance(value, type(values[0])) for value in values):
            return None
    path = head.path
    if begun[1] == "[":
        return DataError(
            f"{path}: is one JSON object with a list under every id, as LC-Rec's .inter.json (items of every user)",
            "Turn it into rows of user, item and position: jq -r 'to_entries[] | .key as $u | .value | to_entries[] | "
            f"[$u, .value, .key] | @csv' {path.name} > rows.csv, then init --columns user_id,item_id,position",
        )
    return DataError(
        f"{path}: is one JSON object with a record under every id, as LC-Rec's .item.json",
        "Turn it into JSON lines: jq -c 'to_entries[] | {item_id: .key} + .value' "
        f"{path.name} > {path.stem}.jsonl",
    )  # fmt: skip


def _undivided(head: Head, source: TableFile, lines: list[str]) -> DataError | None:
    """Of text whose separator is none of ours: `::`, or blanks; or whose rows are sequences."""
    path, enough = head.path, 0.9 * len(lines)
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
    if len(set(widths)) == 1:
        return DataError(
            f"{path}: its {widths[0]} fields are separated by blanks",
            f"Turn them into tabs: awk -v OFS='\\t' '{{$1=$1; print}}' {path.name} > {path.stem}.tsv, "
            "and name the columns with init --columns where there is no header line",
        )
    return DataError(
        f"{path}: seems to hold one user a line, followed by the items, separated by blanks",
        'Turn it into rows of user, item and position: awk \'{for (i = 2; i <= NF; i++) print $1 "," $i "," i}\' '
        f"{path.name} > rows.csv, then init --columns user_id,item_id,position",
    )
