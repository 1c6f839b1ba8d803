"""Two item indices side by side as rows of text; the command line prints them, and the Index place copies them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def diff_lines(comparison: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The comparison as rows of text: what, in the first index, in the second one.

    Args:
        comparison: of `core.index.measure.diff.diff`. What compares the two stands in the first of the two columns.
    """
    a, b = comparison["reports"]["a"], comparison["reports"]["b"]
    items = comparison["items"]
    rows = [("items", f"{items['a']:,}", f"{items['b']:,}")]
    if not items["same"]:
        rows.append(("items in both", f"{items['both']:,}", ""))
    rows += [(name, str(a.get(name, "")), str(b.get(name, ""))) for name in ("method", "strategy", "base_id")]
    if comparison["equal_codes"] is not None:
        rows.append(("items with the same code in both", _percent(comparison["equal_codes"]), ""))
    if comparison["groups"] is not None:
        rows.append(("agreement of the first level's groups", f"{comparison['groups']:.3f}", ""))
    for one in comparison["depths"]:
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
        used = [
            f"{side['used']}/{side['width']}, perplexity {side['perplexity']:.0f}" if side else "" for side in sides
        ]
        rows.append((f"codes used at {letter}", used[0], used[1]))
        branches = [f"{side['prefixes']:,}, largest {side.get('largest', '?')}" if side else "" for side in sides]
        rows.append((f"branches to {letter}", branches[0], branches[1]))
    return rows


def _by_depth(label: str, field: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """One row a source or column: its shares, depth by depth."""
    rows = []
    for name in dict.fromkeys([*a, *b]):
        shares = [" ".join(_percent(one.get(field)) for one in side.get(name) or []) for side in (a, b)]
        rows.append((f"{label}, {name}" if field == "preserved" else f"{label} {name}", shares[0], shares[1]))
    return rows


def _conflicts(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    steps = [{step["step"]: step for step in side.get("steps") or []} for side in (a, b)]
    rows = []
    for name in dict.fromkeys([*steps[0], *steps[1]]):
        counts = [f"{one[name]['items']:,} in {one[name]['groups']:,} groups" if name in one else "" for one in steps]
        rows.append((f"items that share a code after {name}", counts[0], counts[1]))
    costs = [(side.get("price") or {}).get("relative") for side in (a, b)]
    if any(cost is not None for cost in costs):
        rows.append(("price of settling them", _percent(costs[0]), _percent(costs[1])))
    return rows
