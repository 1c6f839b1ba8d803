"""Two item indices side by side: how far they agree, and the figures of both reports.

Needs numpy and polars alone: the screens use it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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
    found: dict[str, Any] = {
        "items": {"a": len(one.codes), "b": len(other.codes), "both": 0, "same": False},
        "base_id": {"a": reports[0].get("base_id"), "b": reports[1].get("base_id")},
        "equal_codes": None,
        "groups": None,
        "depths": [],
        "reports": {"a": reports[0], "b": reports[1]},
    }
    rows_a, rows_b = _shared(one, other)
    both = len(rows_a)
    found["items"] |= {"both": both, "same": both == len(one.codes) == len(other.codes)}
    if not both:
        return found
    codes_a, codes_b = one.codes[rows_a], other.codes[rows_b]
    if one.levels == other.levels:
        found["equal_codes"] = round(float((codes_a == codes_b).all(axis=1).mean()), 4)
    levels = min(one.levels, other.levels)
    pairs = list(zip(*(prefix_numbers(codes[:, :levels])[1:] for codes in (codes_a, codes_b)), strict=True))
    found["groups"] = round(_rand(*pairs[0]), 4)
    found["depths"] = [_kept(depth, *pair) for depth, pair in enumerate(pairs, 1)]
    return found


def _report(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        levels = [dict(level) for level in told["levels"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{folder}: the report of the index cannot be read ({error})", "build it again") from None
    return {**told, "levels": levels}


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


def _rand(a: Int64, b: Int64) -> float:
    both, in_a, in_b, every = _together(a, b)
    chance = in_a * in_b / every if every else 0.0
    most = (in_a + in_b) / 2
    return (both - chance) / (most - chance) if most > chance else 1.0


def _kept(depth: int, a: Int64, b: Int64) -> dict[str, Any]:
    both, in_a, in_b, every = _together(a, b)
    if not in_a:
        return {"depth": depth, "kept": None, "chance": None}
    return {"depth": depth, "kept": round(both / in_a, 4), "chance": round(in_b / every, 4)}


def diff_lines(found: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The comparison as rows of text: what, in the first index, in the second one.

    Args:
        found: of `diff`. What compares the two stands in the first of the two columns.
    """
    a, b = found["reports"]["a"], found["reports"]["b"]
    items = found["items"]
    rows = [("items", f"{items['a']:,}", f"{items['b']:,}")]
    if not items["same"]:
        rows.append(("items in both", f"{items['both']:,}", ""))
    rows += [(name, str(a.get(name, "")), str(b.get(name, ""))) for name in ("method", "strategy", "base_id")]
    if found["equal_codes"] is not None:
        rows.append(("items with the same code in both", _percent(found["equal_codes"]), ""))
    if found["groups"] is not None:
        rows.append(("agreement of the first level's groups", f"{found['groups']:.3f}", ""))
    for one in found["depths"]:
        if one["kept"] is not None:
            label = f"mates to depth {one['depth']} that stay mates"
            rows.append((label, f"{_percent(one['kept'])} (by chance {_percent(one['chance'])})", ""))
    rows += _levels(a["levels"], b["levels"])
    for label, key, field in (("neighbours kept", "preserved", "preserved"), ("same", "agreement", "agree")):
        rows += _by_depth(label, field, a.get(key) or {}, b.get(key) or {})
    rows += _conflicts(a.get("conflicts") or {}, b.get("conflicts") or {})
    lost = [report.get("reconstruction") or {} for report in (a, b)]
    for source in dict.fromkeys([*lost[0], *lost[1]]):
        left, right = (_percent(one.get(source)) for one in lost)
        rows.append((f"not told by the codes, {source}", left, right))
    return rows


def _percent(value: Any) -> str:
    return f"{value:.1%}" if isinstance(value, int | float) else ""


def _levels(a: Sequence[Mapping[str, Any]], b: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    rows = []
    for level in range(max(len(a), len(b))):
        sides = [side[level] if level < len(side) else None for side in (a, b)]
        letter = next(side["letter"] for side in sides if side is not None)
        told = [
            f"{side['used']}/{side['width']}, perplexity {side['perplexity']:.0f}" if side else "" for side in sides
        ]
        rows.append((f"codes used at {letter}", told[0], told[1]))
        told = [f"{side['prefixes']:,}, largest {side.get('largest', '?')}" if side else "" for side in sides]
        rows.append((f"branches to {letter}", told[0], told[1]))
    return rows


def _by_depth(label: str, field: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """One row a source or column: its shares, depth by depth."""
    rows = []
    for name in dict.fromkeys([*a, *b]):
        told = [" ".join(_percent(one.get(field)) for one in side.get(name) or []) for side in (a, b)]
        rows.append((f"{label}, {name}" if field == "preserved" else f"{label} {name}", told[0], told[1]))
    return rows


def _conflicts(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    steps = [{step["step"]: step for step in side.get("steps") or []} for side in (a, b)]
    rows = []
    for name in dict.fromkeys([*steps[0], *steps[1]]):
        told = [f"{one[name]['items']:,} in {one[name]['groups']:,} groups" if name in one else "" for one in steps]
        rows.append((f"items that share a code after {name}", told[0], told[1]))
    prices = [(side.get("price") or {}).get("relative") for side in (a, b)]
    if any(price is not None for price in prices):
        rows.append(("price of settling them", _percent(prices[0]), _percent(prices[1])))
    return rows
