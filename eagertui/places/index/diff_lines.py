"""Lines of two indices side by side: how far they agree, and the figures of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from core.index.tokens import letter
from eagertui.widgets.draw import FAINT, Part, bar, clip, fill, line, safe

FIGURE = 8
"""Cells of a figure, right-aligned, before its bar."""
STYLES = ("$primary", "$success")

Side = tuple[str, float | None]
"""A figure as text, and the share that its bar shows."""
NOTHING: Side = ("–", None)


def diff_rows(names: tuple[str, str], found: Mapping[str, Any], width: int) -> list[Content]:
    """The comparison as a table: what, this index, the other one.

    Args:
        names: ids of the two runs.
        found: of `core.index.measure.diff.diff`.
        width: in cells.
    """
    reports = (found["reports"]["a"], found["reports"]["b"])
    items, groups = found["items"], found["groups"]
    draw = _Drawing(width)
    rows = [draw.heads(names), draw.texts("items", [f"{int(items[side]):,}" for side in "ab"])]
    rows += [draw.texts(key, [str(r.get(key, "")) for r in reports]) for key in ("method", "strategy")]
    rows += [draw.texts("base", [str(r.get("base_id", "")) for r in reports])]
    rows += draw.head(f"agreement over {int(items['both']):,} items in both")
    if found["equal_codes"] is not None:
        rows.append(draw.one("the same code", _share(found["equal_codes"])))
    if groups is not None:
        rows.append(draw.one("the same first groups", (f"{float(groups):.3f}", float(groups)), "adjusted Rand index"))
    for depth in found["depths"]:
        if depth["kept"] is not None:
            note = f"by chance {_share(depth['chance'])[0]}"
            rows.append(draw.one(f"still together to {letter(int(depth['depth']) - 1)}", _share(depth["kept"]), note))
    rows += _levels(draw, [report["levels"] for report in reports])
    for title, key, field in (
        ("nearest items under one prefix", "preserved", "preserved"),
        ("pairs under one prefix of the same", "agreement", "agree"),
    ):
        rows += _depths(draw, title, field, [report.get(key) or {} for report in reports])
    return [*rows, *_conflicts(draw, [report.get("conflicts") or {} for report in reports])]


class _Drawing:
    """Where the columns of the table stand."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.label = max(12, min(30, width * 2 // 5))
        self.column = max(10, (width - self.label) // 2)
        self.cells = min(24, self.column - FIGURE - 3)

    def heads(self, names: Sequence[str]) -> Content:
        shown = [f"run {name.rpartition('_')[2]}" for name in names]
        named = [
            (fill(clip(one, self.column - 2), self.column), f"bold {style}")
            for one, style in zip(shown, STYLES, strict=True)
        ]
        return line([(" " * self.label, ""), *named], self.width)

    def head(self, text: str) -> list[Content]:
        return [Content(""), line([(safe(text), "bold")], self.width)]

    def texts(self, label: str, both: Sequence[str]) -> Content:
        parts: list[Part] = [(fill(label, self.label), FAINT)]
        return line([*parts, *((fill(clip(text, self.column - 2), self.column), "") for text in both)], self.width)

    def pair(self, label: str, both: Sequence[Side]) -> Content:
        parts: list[Part] = [(fill(f"  {label}", self.label), FAINT)]
        for (text, value), style in zip(both, STYLES, strict=True):
            drawn = bar(value, self.cells) if value is not None and self.cells >= 3 else ""
            parts += [(f"{clip(text, FIGURE):>{FIGURE}} ", "bold"), (fill(drawn, self.column - FIGURE - 1), style)]
        return line(parts, self.width)

    def one(self, label: str, side: Side, note: str = "") -> Content:
        text, value = side
        parts: list[Part] = [(fill(f"  {label}", self.label), FAINT), (f"{clip(text, FIGURE):>{FIGURE}} ", "bold")]
        parts += [(bar(value or 0.0, max(3, self.cells)) + " ", "$accent"), (note, FAINT)]
        return line(parts, self.width)


def _share(value: object) -> Side:
    if not isinstance(value, int | float):
        return NOTHING
    return f"{value:.1%}", float(value)


def _levels(draw: _Drawing, sides: Sequence[Sequence[Mapping[str, Any]]]) -> list[Content]:
    rows = draw.head("codes used and perplexity")
    for number in range(max(map(len, sides))):
        found = [side[number] if number < len(side) else None for side in sides]
        used: list[Side] = [
            (f"{int(one['used'])}/{int(one['width'])}", int(one["used"]) / max(1, int(one["width"])))
            if one
            else NOTHING
            for one in found
        ]
        even: list[Side] = [
            (f"{float(one['perplexity']):,.0f}", float(one["perplexity"]) / max(1, int(one["width"])))
            if one
            else NOTHING
            for one in found
        ]
        rows += [draw.pair(f"{letter(number)} used", used), draw.pair("  perplexity", even)]
    return rows


def _depths(draw: _Drawing, title: str, field: str, sides: Sequence[Mapping[str, Any]]) -> list[Content]:
    """Shares depth by depth, for every source or column that one of the reports has."""
    rows: list[Content] = []
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        found = [side.get(name) or [] for side in sides]
        rows += draw.head(f"{title}: {name}" if field == "preserved" else f"{title} {name}")
        for number in range(max(map(len, found))):
            both = [_share(one[number].get(field)) if number < len(one) else NOTHING for one in found]
            rows.append(draw.pair(f"to {letter(number)}", both))
    return rows


def _conflicts(draw: _Drawing, sides: Sequence[Mapping[str, Any]]) -> list[Content]:
    steps = [{str(step["step"]): step for step in side.get("steps") or []} for side in sides]
    if not any(steps):
        return []
    rows = draw.head("items that share their code")
    for name in dict.fromkeys([*steps[0], *steps[1]]):
        both: list[Side] = [
            (f"{int(one[name]['items']):,}", float(one[name]["rate"])) if name in one else NOTHING for one in steps
        ]
        rows.append(draw.pair(f"after {name}", both))
    prices = [_share((side.get("price") or {}).get("relative")) for side in sides]
    return [*rows, draw.pair("price in distance", [(text, None) for text, _ in prices])]
