"""The arithmetic of curves: what a series of (step, value) becomes before it is drawn. Pure functions."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

Points = Sequence[tuple[int, float]]
MOST = sys.float_info.max


class DotColumn(NamedTuple):
    """What falls into one column of dots."""

    at: int
    first: float
    last: float
    least: float
    most: float
    joined: bool
    """Whether a line leads here from the column before; False at the start and behind a gap."""


class Run(NamedTuple):
    """A vertical run of dots in one column, rows counted from the top."""

    at: int
    top: int
    bottom: int


def newest_stretch(points: Points) -> tuple[Sequence[int], Sequence[float]]:
    """Steps and values since the steps last began anew, as they do when the next training of a run starts."""
    if not points:
        return (), ()
    steps, values = zip(*points, strict=True)
    if list(steps) != sorted(steps):
        begin = next(i for i in range(len(steps) - 1, 0, -1) if steps[i] < steps[i - 1])
        return steps[begin:], values[begin:]
    return steps, values


def smoothed(values: Sequence[float], weight: float) -> Sequence[float]:
    """The exponential moving average, without the pull of its start towards zero; a gap stays a gap."""
    if weight <= 0:
        return values
    kept, total, share, smooth = 1.0 - weight, 0.0, 0.0, []
    for value in values:
        if value - value != 0.0:  # not finite; cheaper than a call
            smooth.append(math.nan)
            continue
        total = total * weight + value * kept
        share = share * weight + kept
        smooth.append(total / share)
    return smooth


def logarithms(values: Sequence[float]) -> tuple[list[float], int]:
    """Decimal logarithms, a gap where there is none, and how many finite values had none."""
    log = math.log10
    logs = [log(value) if 0.0 < value < math.inf else math.nan for value in values]
    return logs, sum(1 for value in values if -math.inf < value <= 0.0)


def power(logarithm: float) -> float:
    """What has this decimal logarithm, as far as a float goes."""
    try:
        return float(10.0**logarithm)
    except OverflowError:
        return MOST


def columns(steps: Sequence[int], values: Sequence[float], start: float, end: float, count: int) -> list[DotColumn]:
    """The series in columns by step, with least and most of each, so that no spike is lost.

    Args:
        steps: never falling.
        values: as many; what is not finite is a gap.
        start: the step of the first column's middle.
        end: the step of the last column's middle.
        count: how many columns.

    Returns:
        Columns that hold a value, in order. The nearest points outside the window come along, at places below 0 or
        from `count` on, so that lines lead to the edges.
    """
    gaps: set[int] = set()
    if not math.isfinite(sum(values)):
        steps, values, gaps = _without_gaps(steps, values)
    begin, stop = max(0, bisect_left(steps, start) - 1), min(len(steps), bisect_right(steps, end) + 1)
    scale = (count - 1) / (end - start) if end > start else 0.0
    found: list[DotColumn] = []
    while begin < stop:
        place = math.floor((steps[begin] - start) * scale + 0.5)
        behind = bisect_left(steps, start + (place + 0.5) / scale, begin + 1, stop) if scale else stop
        while behind < stop and math.floor((steps[behind] - start) * scale + 0.5) <= place:
            behind += 1  # the boundary was rounded down
        part = values[begin:behind]
        found.append(DotColumn(place, part[0], part[-1], min(part), max(part), bool(found) and begin not in gaps))
        begin = behind
    return found


def _without_gaps(steps: Sequence[int], values: Sequence[float]) -> tuple[Sequence[int], Sequence[float], set[int]]:
    """The finite points, and the places among them before which something was left out."""
    finite_steps: list[int] = []
    finite: list[float] = []
    gaps, gap = set(), False
    for step, value in zip(steps, values, strict=True):
        if not math.isfinite(value):
            gap = True
            continue
        if gap:
            gaps.add(len(finite))
            gap = False
        finite_steps.append(step)
        finite.append(value)
    return finite_steps, finite, gaps


def extent(steps: Sequence[int], values: Sequence[float], start: float, end: float) -> tuple[float, float] | None:
    """Least and most of a series inside a window, or of the values around it; None where there is no value."""
    begin, stop = bisect_left(steps, start), bisect_right(steps, end)
    for part in (values[begin:stop], values[max(0, begin - 1) : stop + 1], values):
        if not part:
            continue
        if not math.isfinite(sum(part)):
            part = [value for value in part if math.isfinite(value)]
        if part:
            return min(part), max(part)
    return None


def scale_of(low: float, high: float, log: bool = False) -> tuple[float, float]:
    """The values at the bottom and the top of the drawing; a constant series comes to lie at mid-height.

    Args:
        low: the least value (its logarithm on a log scale).
        high: the greatest.
        log: whether these are logarithms.
    """
    if high / 2 - low / 2 > 1e-9 * max(abs(low), abs(high)):
        return low, high
    middle = low / 2 + high / 2
    about = 0.5 if log else (abs(middle) or 1.0)
    return max(-MOST, middle - about), min(MOST, middle + about)


def runs(found: Sequence[DotColumn], count: int, rows: int, low: float, high: float) -> list[Run]:
    """The dots of a line through columns: each column's whole span, and the way from one to the next."""
    spread, top_value, last = high / 2 - low / 2, high / 2, rows - 1  # halves: the whole may be beyond every float
    drawn: list[Run] = []

    def row(value: float) -> int:
        return math.floor((top_value - value / 2) / spread * last + 0.5)

    def draw(at: int, top: int, bottom: int) -> None:
        top, bottom = max(0, top), min(rows - 1, bottom)
        if 0 <= at < count and top <= bottom:
            drawn.append(Run(at, top, bottom))

    place = now = 0
    for column in found:
        top, bottom = row(column.most), row(column.least)
        if column.joined:
            slope, begin = (row(column.first) - now) / (column.at - place), max(place + 1, 0)
            before = now + math.floor((begin - 1 - place) * slope + 0.5)
            for at in range(begin, min(column.at, count)):
                then = now + math.floor((at - place) * slope + 0.5)
                draw(at, *_from(before, then, then))
                before = then
            top, bottom = _from(before, top, bottom)
        draw(column.at, top, bottom)
        place, now = column.at, row(column.last)
    return drawn


def _from(before: int, top: int, bottom: int) -> tuple[int, int]:
    """A span made longer, so that it touches the row where the line comes from."""
    if before < top:
        return before + 1, bottom
    if before > bottom:
        return top, before - 1
    return top, bottom
