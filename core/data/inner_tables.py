"""What a person says of a file's inside: which of its tables is meant, and what the columns of a table are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.data.roles import plain
from core.did_you_mean import nearest
from core.errors import DataError, ProjectError


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


def column_names(path: Path, columns: Sequence[str], names: Sequence[str], key: str) -> tuple[str, ...]:
    """The names that a person gave the columns of a table whose first row is a row like the others.

    Args:
        path: The file.
        columns: Its first row.
        names: Of all columns, in their order.
        key: The setting that gives them.

    Raises:
        ProjectError: another number of names than of columns, or the first row is a header already.
    """
    first = ", ".join(columns)[:200]
    if len(names) != len(columns):
        raise ProjectError(
            f"{key}: {len(names)} names, but {path} has {len(columns)} columns; its first row: {first}",
            "Name every column, in their order.",
        )
    if {plain(name) for name in names} & {plain(name) for name in columns}:
        raise ProjectError(f"{key}: {path} has a header already: {first}", f"Leave out {key}.")
    return tuple(names)
