"""What stands around curves in words: their names and newest values, the scale, the readout. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eagertui.widgets.chart.plot import MOST_CURVES, WRITING, Curve
from eagertui.widgets.draw import Part, line

Write = Callable[[float], str]
ANY_WIDTH = 10_000


def legend(curves: Sequence[Curve], marks: str, write: Write, width: int = ANY_WIDTH) -> list[Part]:
    """Every curve with its mark and its newest value, as many as fit; the others are named, or counted."""
    drawn = [curve for curve in curves if curve.finite]
    parts: list[Part] = []
    used = 0
    for place, curve in enumerate(drawn[:MOST_CURVES]):
        entry = [(f"{marks[place]} ", f"bold {curve.style}"), (f"{curve.name} ", "")]
        entry.append((write(curve.newest), "bold"))
        size = line(entry).cell_length + (2 if parts else 0)
        more = f" +{len(drawn) - place}"
        if used + size + (len(more) if place < len(drawn) - 1 else 0) > width and parts:
            return [*parts, (more, WRITING)]
        parts += [("  ", ""), *entry] if parts else entry
        used += size
    if others := [curve.name for curve in drawn[MOST_CURVES:]]:
        named: Part = (f"  also {', '.join(others)}", WRITING)
        parts.append(named if used + line([named]).cell_length <= width else (f" +{len(others)}", WRITING))
    return parts


def flags(curves: Sequence[Curve], log: bool, weight: float) -> list[Part]:
    """How the curves were changed before they were drawn."""
    words = []
    if log:
        left_out = sum(curve.left_out for curve in curves if curve.line(True, 0.0))
        words.append("log" + (f", {left_out:,} values ≤ 0 left out" if left_out else ""))
    if weight:
        words.append(f"smooth {weight:g}".replace("0.", "."))
    return [(" · " + " · ".join(words), WRITING)] if words else []


def one_title(label: str, curve: Curve, write: Write) -> list[Part]:
    """The title above a single curve."""
    name = "" if curve.name == label else f"{curve.name} "
    return [(label, ""), (f" {name}{write(curve.newest)}", "bold")]


def readout(curves: Sequence[Curve], unit: str, step: float, weight: float, marks: str, write: Write) -> list[Part]:
    """The values at a step: of one curve the smooth one beside it, of several each with its mark."""
    drawn = [curve for curve in curves if curve.finite][:MOST_CURVES]
    parts: list[Part] = [(f"{unit} {step:,.0f}", "")]
    for curve, mark in zip(drawn, marks, strict=False):
        place = curve.nearest(step)
        if place is None:
            continue
        parts.append((f"  {mark} ", f"bold {curve.style}") if len(drawn) > 1 else ("  ", ""))
        parts.append((write(curve.values[place]), "bold"))
        if weight and len(drawn) == 1:
            parts.append((f" ~{write(curve.line(False, weight)[place])}", WRITING))
    return parts
