"""Charts of the page as inline SVG, each with a title and a description for who cannot see it. Pure functions.

Sizes are in units of the drawing, which is 360 wide: on a phone one unit is about one pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from eagertui.plain import visible

WIDTH, LINE, EDGE = 360, 22, 8
LABEL = 150
"""Room for the names at the left."""
COLOURS = 8
"""Classes `line0` to `line7` of the style sheet."""
DASHES = ("", "6 3", "2 3", "8 3 2 3")
"""So that curves differ without colour."""


class Mark(NamedTuple):
    """A figure with its interval; `low` and `high` are the figure itself where there is none."""

    label: str
    value: float
    low: float
    high: float
    reference: bool = False


def whiskers(name: str, title: str, text: str, marks: Sequence[Mark], zero: bool = False) -> str:
    """Figures side by side on one scale, each a dot with its interval.

    Args:
        name: of the drawing, once in a page.
        title: what is shown.
        text: the same as a sentence, for who cannot see it.
        marks: one a line.
        zero: whether 0 is marked, as for differences.
    """
    ends = [end for mark in marks for end in (mark.low, mark.high)] + ([0.0] if zero else [])
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    room = WIDTH - LABEL - 2 * EDGE

    def across(value: float) -> float:
        return round(LABEL + EDGE + (value - low) / ((high - low) or 1.0) * room, 1)

    height = LINE * len(marks) + 26
    parts = [_head(name, title, text, height)]
    if zero:
        parts.append(f'<line class="zero" x1="{across(0)}" x2="{across(0)}" y1="4" y2="{height - 20}"/>')
    for place, mark in enumerate(marks):
        y = LINE * place + 14
        look = "strong" if mark.reference else "name"
        parts.append(f'<text class="{look}" x="0" y="{y + 4}">{_clipped(mark.label)}</text>')
        parts.append(f'<line class="whisker" x1="{across(mark.low)}" x2="{across(mark.high)}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="dot" cx="{across(mark.value)}" cy="{y}" r="4"/>')
    for value, anchor in ((low, "start"), (high, "end")):
        x = LABEL if anchor == "start" else WIDTH
        parts.append(f'<text class="faint" x="{x}" y="{height - 4}" text-anchor="{anchor}">{_figure(value)}</text>')
    return "".join([*parts, "</svg>"])


def curves(name: str, title: str, text: str, lines: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Several curves by step, each with its name at the left below.

    Args:
        name: of the drawing, once in a page.
        title: what is shown.
        text: the same as a sentence.
        lines: points of each, by the name of its run.
    """
    steps = [step for points in lines.values() for step, _ in points]
    values = [value for points in lines.values() for _, value in points]
    first, last, low, high = min(steps), max(steps), min(values), max(values)
    down, left = 170, 40
    height = down + 30 + LINE * len(lines)

    def place(step: int, value: float) -> str:
        x = left + (step - first) / ((last - first) or 1) * (WIDTH - left - EDGE)
        y = 10 + (1 - (value - low) / ((high - low) or 1.0)) * (down - 20)
        return f"{x:.1f},{y:.1f}"

    parts = [_head(name, title, text, height)]
    parts.append(f'<line class="axis" x1="{left}" x2="{left}" y1="6" y2="{down - 6}"/>')
    parts.append(f'<line class="axis" x1="{left}" x2="{WIDTH}" y1="{down - 6}" y2="{down - 6}"/>')
    for value, y in ((high, 14), (low, down - 10)):
        parts.append(f'<text class="faint" x="{left - 4}" y="{y}" text-anchor="end">{_figure(value)}</text>')
    parts.append(f'<text class="faint" x="{left}" y="{down + 8}">step {first:,}</text>')
    parts.append(f'<text class="faint" x="{WIDTH}" y="{down + 8}" text-anchor="end">{last:,}</text>')
    for number, (label, points) in enumerate(lines.items()):
        look = f'class="line line{number % COLOURS}" stroke-dasharray="{DASHES[number // 2 % len(DASHES)]}"'
        parts.append(f'<polyline {look} points="{" ".join(place(*point) for point in _thinned(points))}"/>')
        y = down + 28 + LINE * number
        parts.append(f'<line {look} x1="0" x2="30" y1="{y - 4}" y2="{y - 4}"/>')
        parts.append(f'<text x="38" y="{y}">{escape(visible(label)[:40])}</text>')
    return "".join([*parts, "</svg>"])


def _head(name: str, title: str, text: str, height: float) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(text)}</desc>'
    )


def _thinned(points: Sequence[tuple[int, float]], most: int = 300) -> Sequence[tuple[int, float]]:
    """At most so many points, the last one among them."""
    if len(points) <= most:
        return points
    return [*points[:: math.ceil(len(points) / most)], points[-1]]


def _clipped(label: str, signs: int = 23) -> str:
    shown = visible(label)
    return escape(shown if len(shown) <= signs else f"{shown[: signs - 1]}…")


def _figure(value: float) -> str:
    return f"{value + 0.0:.3f}".replace("0.", ".", 1)
