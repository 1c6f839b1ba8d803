"""Users who stand for nobody and items that are none, by how many rows they have and how they are written."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.data.arrays import Int64

_OF_ALL, _OF_NEXT, _FEW_ROWS, _FEW_ITEMS = 0.02, 8, 100, 10
"""The share of all rows, and how many times as many as the next, from which an id is looked at; too few to tell."""


def user_for_nobody(ids: pl.Series, rows: Int64, name: str) -> list[str]:
    """A user who has far more rows than anybody else, as one has who stands for all whom nobody knows.

    Args:
        ids: The users.
        rows: How many rows each has; (users,).
        name: The column.
    """
    if len(rows) == 1 and rows.sum() >= _FEW_ROWS:
        return [f'all {int(rows.sum()):,} rows have one user, "{str(ids[0])[:60]}": "{name}" tells nobody from anybody']
    if len(rows) < 3 or rows.sum() < _FEW_ROWS:
        return []
    next_one, most = (int(one) for one in np.partition(rows, len(rows) - 2)[-2:])
    if most < _OF_ALL * rows.sum() or most < _OF_NEXT * next_one:
        return []
    who = str(ids[int(rows.argmax())])
    return [
        f'the user "{who[:60]}" has {most:,} of {int(rows.sum()):,} rows, {most / max(1, next_one):.0f} times as many '
        f"as the next: all whom nobody knows, it seems; {_without(name, who)} leaves them out"
    ]


def item_for_nothing(ids: pl.Series, rows: Int64, name: str) -> list[str]:
    """An item of many rows that is none, as the end of a session or a missing number is: written unlike all others.

    Args:
        ids: The items.
        rows: How many rows each has; (items,).
        name: The column.
    """
    often = np.flatnonzero((rows >= _OF_ALL * rows.sum()) & (rows >= 2))
    if len(ids) < _FEW_ITEMS or rows.sum() < _FEW_ROWS or not len(often):
        return []
    numbered = int(ids.str.contains(r"^[1-9]\d*$").sum()) >= len(ids) - 2
    counts = {str(ids[int(one)]): int(rows[one]) for one in often}
    odd = [one for one in counts if one in ("0", "-1") or (numbered and not one.isdigit())]
    return [
        f'the item "{one[:60]}" has {counts[one]:,} of {int(rows.sum()):,} rows and is written unlike the others: no '
        f"item, it seems; {_without(name, one)} leaves them out"
        for one in odd[:1]
    ]


def _without(name: str, value: str) -> str:
    """The condition that leaves out the rows of one id."""
    shown, column = value[:60].replace("'", "''"), name if name.isidentifier() else f'"{name}"'
    return f"data.where = \"{column} <> '{shown}'\""
