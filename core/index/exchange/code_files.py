"""Files of codes, read as they stand: keys, codes and what they tell of the levels' widths."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.errors import DataError

TOKEN = re.compile(r"<\|?([A-Za-z]+)_(\d{1,9})\|?>")
DEEPEST = 255
"""Levels at most: what the table of branches can count."""
WIDTHS = "eagertui.widths"
"""Where a Parquet file's metadata tells the widths of the levels."""


def read_json(path: Path) -> tuple[list[str], list[list[int]], tuple[int, ...]]:
    """Read LC-Rec's format.

    Returns:
        Keys, codes, and no widths: it tells none.

    Raises:
        DataError: it is something else; says what is wrong with how many items.
    """
    twice: list[str] = []

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) < len(pairs):
            seen: set[str] = set()
            twice.extend(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        return entries

    try:
        entries = json.loads(path.read_bytes(), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: neither JSON nor Parquet ({error})", "LC-Rec's .index.json, or Parquet") from error
    if not isinstance(entries, dict) or not entries:
        raise DataError(f"{path}: not an index: no JSON object with an entry an item")
    if twice:
        raise DataError(f"{path}: {many(twice, 'item')} twice")
    rows, bad = {}, []
    letters: list[str] = []
    for key, value in entries.items():
        parts = _parts(value)
        letters = letters or [letter for letter, _ in parts]
        if not parts or any(one != letter for (one, _), letter in zip(parts, letters, strict=False)):
            bad.append(key)
        else:
            rows[key] = [code for _, code in parts]
    if bad:
        raise DataError(
            f"{path}: {many(bad, 'item')} without a code, e.g. {json.dumps(entries[bad[0]])[:80]}",
            'a code is a list of tokens, one a level: ["<a_12>", "<b_3>"]',
        )
    return list(rows), _even(path, rows), ()


def _parts(value: Any) -> list[tuple[str, int]]:
    """The letters and codes of a list of tokens, or of tokens in a row; empty where it is neither."""
    if isinstance(value, str):
        value = re.findall(r"<[^<>]*>", value) if re.fullmatch(r"(\s*<[^<>]*>)+\s*", value) else []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        return []
    tokens = [TOKEN.fullmatch(one.strip()) for one in value]
    parts = [(one[1], int(one[2])) for one in tokens if one]
    whole = len(parts) == len(tokens) and len({letter for letter, _ in parts}) == len(parts)
    return parts if whole else []


def read_parquet(path: Path) -> tuple[list[str], list[list[int]], tuple[int, ...]]:
    """Read a Parquet file: `item_id`, and `codes` or one column of numbers a level.

    Returns:
        Keys, codes, and the levels' widths where the file tells them.

    Raises:
        DataError: it is something else; says what is wrong with how many items.
    """
    try:
        table = pl.read_parquet(path, glob=False)
        stated = pl.read_parquet_metadata(path).get(WIDTHS, "")
        widths = tuple(int(width) for width in stated.split(",") if width)
        if "item_id" not in table.columns:
            raise DataError(f"{path}: has no column item_id", f"it has {', '.join(table.columns[:8])}")
        if "codes" in table.columns:
            rows = table["codes"].cast(pl.List(pl.Int64))
        else:
            names = [name for name, kind in table.schema.items() if name != "item_id" and kind.is_integer()]
            if not names:
                raise DataError(f"{path}: has no column codes, and no columns of numbers")
            if all(re.fullmatch(r"[a-z]+:[^:]*:\d+", name) for name in names):  # an index of ours
                widths = tuple(int(name.rpartition(":")[2]) for name in names)
            rows = table.select(pl.concat_list(pl.col(names).cast(pl.Int64))).to_series()
        keys = table["item_id"].cast(pl.String).to_list()
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: not an index ({error})") from error
    lists = rows.to_list()
    bad = [key for key, row in zip(keys, lists, strict=True) if not row or None in row]
    if bad or None in keys:
        raise DataError(f"{path}: {many(bad or ['(no id)'], 'item')} without a code")
    codes = dict(zip(keys, lists, strict=True))
    if len(codes) < len(keys):
        values = pl.Series(keys)
        raise DataError(
            f"{path}: {many(values.filter(values.is_duplicated()).unique().sort().to_list(), 'item')} twice"
        )
    return keys, _even(path, codes), widths


def _even(path: Path, rows: Mapping[str, list[int]]) -> list[list[int]]:
    """The rows, all of one length.

    Raises:
        DataError: an item has fewer or more codes than most.
    """
    lengths = np.array([len(row) for row in rows.values()])
    levels = int(np.bincount(lengths).argmax())
    odd = [key for key, row in rows.items() if len(row) != levels]
    if odd:
        raise DataError(
            f"{path}: {many(odd, 'item')} with another number of codes than the {levels} of most, e.g. "
            f"{len(rows[odd[0]])}",
            "every item needs a code at every level",
        )
    if levels > DEEPEST:
        raise DataError(f"{path}: {levels} levels; an index has {DEEPEST} at most", "is every row really one code?")
    return list(rows.values())


def many(names: Sequence[str], noun: str) -> str:
    """How many, and the first few: `3 items (B01, B02, B03)`."""
    some = ", ".join(str(name)[:40] for name in names[:3])
    return f"{len(names):,} {noun}{'s' if len(names) != 1 else ''} ({some}{', ...' if len(names) > 3 else ''})"
