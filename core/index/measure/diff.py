"""Two item indices side by side: how far they agree, and the figures of both reports.

Needs numpy and polars alone: the screens use it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from core.index.lookup import load_index
from core.index.prefixes import prefix_numbers
from core.index.table import ItemIndex

Int64 = npt.NDArray[np.int64]


def diff(a: Path, b: Path) -> dict[str, Any]:
    """Compare two index artefacts.

    Returns:
        JSON values. `items`: `a`, `b` (how many) and `both` (ids in both), `same` (the very same items). Over the items
        in both: `equal_codes`: share with the same code, null where the indices have different levels; `groups`: the
        adjusted Rand index of their first-level branches (Hubert & Arabie, 1985: 1 = the same groups, 0 = as by
        chance); `depths`: for each depth that both have the share of an item's prefix-mates in `a` that are its mates
        in `b` too (`kept`), and the share of all items that are (`chance`), null where `a` has no mates. `reports`: of
        `a` and `b`, what their reports say.

    Raises:
        DataError: one of them is damaged.
    """
    one, other = load_index(a / "index.parquet"), load_index(b / "index.parquet")
    reports = [_report(folder) for folder in (a, b)]
    comparison: dict[str, Any] = {
        "items": {"a": len(one.codes), "b": len(other.codes), "both": 0, "same": False},
        "base_id": {"a": reports[0].get("base_id"), "b": reports[1].get("base_id")},
        "equal_codes": None,
        "groups": None,
        "depths": [],
        "reports": {"a": reports[0], "b": reports[1]},
    }
    rows_a, rows_b = _shared(one, other)
    both = len(rows_a)
    comparison["items"] |= {"both": both, "same": both == len(one.codes) == len(other.codes)}
    if not both:
        return comparison
    codes_a, codes_b = one.codes[rows_a], other.codes[rows_b]
    if one.levels == other.levels:
        comparison["equal_codes"] = round(float((codes_a == codes_b).all(axis=1).mean()), 4)
    levels = min(one.levels, other.levels)
    pairs = list(zip(*(prefix_numbers(codes[:, :levels])[1:] for codes in (codes_a, codes_b)), strict=True))
    comparison["groups"] = round(_adjusted_rand(*pairs[0]), 4)
    comparison["depths"] = [_mates_kept(depth, *pair) for depth, pair in enumerate(pairs, 1)]
    return comparison


def _report(folder: Path) -> dict[str, Any]:
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        levels = [dict(level) for level in report["levels"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{folder}: the report of the index cannot be read ({error})", "build it again") from None
    return {**report, "levels": levels}


def _shared(one: ItemIndex, other: ItemIndex) -> tuple[Int64, Int64]:
    """The numbers, in each index, of the items that both have."""
    ids = [index.item_ids.alias("id").to_frame().with_row_index("n") for index in (one, other)]
    joined = ids[0].join(ids[1], on="id", how="inner", maintain_order="left")
    return joined["n"].to_numpy().astype(np.int64), joined["n_right"].to_numpy().astype(np.int64)


def _pairs(numbers: Int64) -> float:
    """Pairs of items with one number."""
    counts = np.unique(numbers, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1) / 2).sum())


def _together(a: Int64, b: Int64) -> tuple[float, float, float, float]:
    """Pairs of items under one prefix in both, in a, in b, and all pairs."""
    both = a * (int(b.max(initial=0)) + 1) + b
    return _pairs(both), _pairs(a), _pairs(b), len(a) * (len(a) - 1) / 2


def _adjusted_rand(a: Int64, b: Int64) -> float:
    both, in_a, in_b, every = _together(a, b)
    chance = in_a * in_b / every if every else 0.0
    most = (in_a + in_b) / 2
    return (both - chance) / (most - chance) if most > chance else 1.0


def _mates_kept(depth: int, a: Int64, b: Int64) -> dict[str, Any]:
    both, in_a, in_b, every = _together(a, b)
    if not in_a:
        return {"depth": depth, "kept": None, "chance": None}
    return {"depth": depth, "kept": round(both / in_a, 4), "chance": round(in_b / every, 4)}
