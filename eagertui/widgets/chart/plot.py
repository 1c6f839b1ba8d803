"""Curves in a frame: axes, marks, several lines, a readout. Pure functions from series to styled text."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eagertui.widgets.chart.canvas import SYMBOLS, Canvas
from eagertui.widgets.chart.curves import (
    DotColumn,
    Points,
    columns,
    extent,
    logarithms,
    newest_stretch,
    power,
    runs,
    scale_of,
    smoothed,
)
from eagertui.widgets.chart.ticks import labels, log_labels, log_ticks, ticks
from eagertui.widgets.draw import Part

MOST_CURVES = 4
"""More lines in one picture tell nothing."""
AXIS = "$border-blurred"
WRITING = "$foreground 70%"


class Curve:
    """A named series, ready to be drawn; what was computed of it is kept.

    Args:
        name: for the legend; already safe to print.
        points: (step, value); steps may begin anew, then only the newest stretch counts.
        style: the line's colour.
        best: the step whose value is marked.
    """

    def __init__(self, name: str, points: Points, style: str = "$accent", best: int | None = None) -> None:
        self.name, self.style, self.best = name, style, best
        self.steps, self.values = newest_stretch(points)
        self.finite = any(math.isfinite(value) for value in self.values)
        self._lines: dict[tuple[bool, float], Sequence[float]] = {}
        self.left_out = 0
        """Values that a logarithmic scale cannot show."""

    @property
    def newest(self) -> float:
        """The newest value that is one."""
        return next((value for value in reversed(self.values) if math.isfinite(value)), math.nan)

    def line(self, log: bool, weight: float) -> Sequence[float]:
        """The values, smoothed and as logarithms where that is wished."""
        key = (log, weight)
        if key not in self._lines:
            values = smoothed(self.values, weight)
            if log:
                values, self.left_out = logarithms(values)
            self._lines[key] = values
        return self._lines[key]

    def nearest(self, step: float) -> int | None:
        """The place of the point nearest to a step."""
        if not self.steps:
            return None
        place = bisect_left(self.steps, step)
        near = [at for at in (place - 1, place) if 0 <= at < len(self.steps)]
        return min(near, key=lambda at: abs(self.steps[at] - step))


@dataclass(frozen=True)
class ChartLook:
    """How curves are drawn.

    Attributes:
        width: cells.
        height: lines.
        symbols: braille, block or ascii.
        log: a logarithmic height.
        weight: of the smoothing, 0 for none.
        view: first and last step in sight; None for all.
        pointer: the step of the readout.
        share: whether values are metrics between 0 and 1.
        faint: what makes a style faint; the terminal's own colours cannot be blended, so `dim` there.
    """

    width: int
    height: int
    symbols: str = "braille"
    log: bool = False
    weight: float = 0.0
    view: tuple[float, float] | None = None
    pointer: float | None = None
    share: bool = False
    faint: str = "40%"


def span(curves: Sequence[Curve]) -> tuple[int, int] | None:
    """First and last step of all curves."""
    steps = [curve.steps for curve in curves if curve.steps]
    return (min(s[0] for s in steps), max(s[-1] for s in steps)) if steps else None


@dataclass(frozen=True)
class Frame:
    """Where the lines lie inside a picture.

    Attributes:
        left: cells before them.
        width: cells.
        height: lines.
        start: the first step.
        end: the last step.
        across: dots side by side in a cell.
    """

    left: int
    width: int
    height: int
    start: float
    end: float
    across: int

    def cell(self, step: float) -> int:
        """The cell of a step, counted from the frame's edge; outside of it where the step is not in sight."""
        share = (step - self.start) / (self.end - self.start) if self.end > self.start else 0.0
        return math.floor(share * (self.width * self.across - 1) + 0.5) // self.across

    def step(self, cell: int) -> float:
        """The step in the middle of a cell."""
        return self.start + (self.end - self.start) * cell / max(1, self.width - 1)


def picture(curves: Sequence[Curve], look: ChartLook) -> tuple[list[list[Part]], Frame]:
    """The picture, as exactly `look.height` lines of exactly `look.width` cells, and where its lines lie."""
    drawn = [curve for curve in curves if curve.finite][:MOST_CURVES]
    start, end = look.view or span(drawn) or (0, 0)
    below = 1 if look.height >= 5 and look.width >= 24 else 0
    ends = 1 if len(drawn) > 1 and look.width >= 16 else 0
    symbols, height = SYMBOLS[look.symbols], max(1, look.height - below)
    known = [found for c in drawn if (found := extent(c.steps, c.line(look.log, 0.0), start, end))]
    low, high = (min(k[0] for k in known), max(k[1] for k in known)) if known else (0.0, 1.0)
    bottom, top = scale_of(low, high, look.log)

    def row(value: float) -> int:
        dots = height * symbols.down
        share = (top / 2 - value / 2) / (top / 2 - bottom / 2)
        return min(height - 1, max(0, math.floor(share * (dots - 1) + 0.5) // symbols.down))

    marks = _marks(low, high, height, look) if known else {}
    texts = {row(value): text for value, text in reversed(marks.items())}
    edge = max(map(len, texts.values()), default=0)
    left = edge + 1 if edge and look.width >= edge + 12 else 0
    frame = Frame(left, max(1, look.width - left - ends), height, start, end, symbols.across)
    canvas = Canvas(frame.width, height, look.symbols)
    newest = _draw(canvas, drawn, look, frame, (bottom, top))
    after = _ends(newest, drawn, symbols.marks, row, height) if ends else {}
    lines = []
    for y, inner in enumerate(canvas.lines()):
        before = [(f"{texts.get(y, ''):>{edge}}", WRITING), (symbols.axis[y in texts], AXIS)] if left else []
        lines.append([*before, *inner, *([after.get(y, (" ", ""))] if ends else [])])
    if below:
        lines.append([(_steps(frame, look.width), WRITING)])
    return lines, frame


def _marks(low: float, high: float, height: int, look: ChartLook) -> dict[float, str]:
    """The values beside the axis, in the units of the scale, and how they are written."""
    if height < 2:
        return {}
    if scale_of(low, high, look.log) != (low, high):  # one value
        return {low / 2 + high / 2: labels([power(low) if look.log else low], look.share)[0]}
    most = max(2, (height + 1) // 2) if height < 9 else height // 3 + 1
    make = log_ticks if look.log else ticks
    values = next((found for more in range(3) if len(found := make(low, high, most + more)) > 1), [])
    if not values:
        values = [power(low), power(high)] if look.log else [low, high]
    texts = log_labels(values, look.share) if look.log else labels(values, look.share)
    return {math.log10(v) if look.log else v: text for v, text in zip(values, texts, strict=True)}


def _draw(
    canvas: Canvas, curves: Sequence[Curve], look: ChartLook, frame: Frame, scale: tuple[float, float]
) -> list[float]:
    """Draw every line; return their newest values in sight, in the units of the scale."""
    lines = [curve.line(look.log, 0.0) for curve in curves]
    firm = [curve.line(look.log, look.weight) for curve in curves] if look.weight else lines
    newest = []

    def draw(curve: Curve, values: Sequence[float], faint: bool) -> list[DotColumn]:
        found = columns(curve.steps, values, frame.start, frame.end, canvas.columns)
        style = f"{curve.style} {look.faint}" if faint else curve.style
        canvas.draw(runs(found, canvas.columns, canvas.rows, *scale), style, faint)
        return found

    if look.weight:
        for curve, values in zip(curves, lines, strict=True):
            draw(curve, values, faint=True)
    for curve, values in reversed(list(zip(curves, firm, strict=True))):  # the first line lies on top
        found = draw(curve, values, faint=False)
        seen = [column.last for column in found if column.at < canvas.columns]
        newest.append(seen[-1] if seen else math.nan)
    for curve, values in zip(curves, lines, strict=True):
        if curve.best is not None and (place := curve.nearest(curve.best)) is not None:
            _mark_best(canvas, curve, values[place], frame, scale)
    if look.pointer is not None:
        canvas.pointer(frame.cell(look.pointer), WRITING, "bold $foreground")
    return newest[::-1]


def _mark_best(canvas: Canvas, curve: Curve, value: float, frame: Frame, scale: tuple[float, float]) -> None:
    step = float(curve.best or 0)
    found = (
        runs([DotColumn(0, value, value, value, value, False)], 1, canvas.rows, *scale) if math.isfinite(value) else []
    )
    for run in found:
        canvas.sign(frame.cell(step), run.top // canvas.symbols.down, canvas.symbols.best, f"bold {curve.style}")


def _ends(
    newest: Sequence[float], curves: Sequence[Curve], marks: str, row: Callable[[float], int], height: int
) -> dict[int, Part]:
    """The marks at the right edge that tell the lines apart: in the order of the lines, as near to them as they can."""
    ended = [(value, curve, mark) for value, curve, mark in zip(newest, curves, marks, strict=False)
             if math.isfinite(value)][:height]  # fmt: skip
    ended.sort(key=lambda end: -end[0])
    rows: list[int] = []
    for value, _, _ in ended:
        rows.append(max(row(value), rows[-1] + 1 if rows else 0))
    last = height
    for place in reversed(range(len(rows))):
        rows[place] = last = min(rows[place], last - 1)
    return {y: (mark, f"bold {curve.style}") for y, (_, curve, mark) in zip(rows, ended, strict=True)}


def _steps(frame: Frame, width: int) -> str:
    """First and last step below the picture, and those between where there is room."""
    parts = 4 if frame.width >= 80 else 2 if frame.width >= 40 else 1
    line = [" "] * width
    cells = [round(k * (frame.width - 1) / parts) for k in range(parts + 1)]
    for k, cell in enumerate(cells if frame.end > frame.start else cells[:1]):
        text = f"{frame.step(cell):,.0f}"
        begin = frame.left + cell - (0 if k == 0 else len(text) - 1 if k == parts else len(text) // 2)
        begin = max(0, min(width - len(text), begin))
        if len(text) <= width and all(c == " " for c in line[max(0, begin - 1) : begin + len(text) + 1]):
            line[begin : begin + len(text)] = text
    return "".join(line)
