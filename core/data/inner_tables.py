"""Files that hold several tables, as databases and workbooks do: which one is meant."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors import DataError, ProjectError
from core.fields import nearest


def chosen_table(path: Path, what: str, kind: str, names: Sequence[str], asked: str) -> str:
    """The table that was asked for, or else the only one.

    Args:
        path: The file.
        what: What it is, in words.
        kind: What it calls a table of its own.
        names: Its tables.
        asked: `data.table` or `data.item_table`; empty = none.

    Raises:
        ProjectError: it has no such table.
        DataError: none was asked for, and there are several, or none at all.
    """
    shown = ", ".join(names[:10]) or "none"
    if asked:
        if asked in names:
            return asked
        near = nearest(asked, list(names))
        raise ProjectError(
            f'{path}: has no {kind} "{asked}"', f'Did you mean "{near}"?' if near else f"It has: {shown}"
        )
    if len(names) == 1:
        return names[0]
    remedy = f'Name it: --set data.table="{names[0]}" for the log, data.item_table for the item table.' if names else ""
    many = kind + "s"
    raise DataError(f"{path}: is {what} of {len(names)} {many} ({shown}), not of one", remedy)
