"""One line of a metric in braille, drawn from the points of a run's series."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from core.run.state import Series
from eagertui.widgets.draw import metric, number

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800


def braille(values: Sequence[float], width: int, height: int, low: float, high: float) -> list[str]:
    """A curve as lines of braille; two points a cell across, four down; NaN leaves a gap.

    Args:
        values: the curve, spread evenly over the width.
        width: cells.
        height: lines.
        low: the value at the bottom.
        high: the value at the top.
    """
    cells = [[0] * width for _ in range(height)]
    columns, rows, spread = width * 2, height * 4, (high - low) or 1.0
    before: int | None = None
    for column, (least, most) in enumerate(_buckets(values, columns)):
        if math.isnan(least):
            before = None
            continue
        top, bottom = (round((high - value) / spread * (rows - 1)) for value in (most, least))
        if before is not None:
            if before < top:
                top = before + 1 if bottom > before else before
            elif before > bottom:
                bottom = before - 1 if before - 1 >= top else before
        for row in range(max(0, min(top, bottom)), min(rows - 1, max(top, bottom)) + 1):
            cells[row // 4][column // 2] |= _DOTS[column % 2][row % 4]
        before = round((high - most) / spread * (rows - 1)) if most != least else top
        before = max(0, min(rows - 1, before))
    return ["".join(chr(_BLANK + dots) for dots in line) for line in cells]


def _buckets(values: Sequence[float], columns: int) -> list[tuple[float, float]]:
    """Least and most of each column, so that no spike is lost; a curve with fewer points is stretched."""
    count = len(values)
    if 1 < count < columns:
        return [_between(values, column * (count - 1) / (columns - 1)) for column in range(columns)]
    buckets = []
    for column in range(min(count, columns)):
        start = column * count // columns
        part = values[start : max(start + 1, (column + 1) * count // columns)]
        finite = [value for value in part if math.isfinite(value)]
        buckets.append((min(finite), max(finite)) if finite else (math.nan, math.nan))
    return buckets


def _between(values: Sequence[float], place: float) -> tuple[float, float]:
    left = int(place)
    one, two = values[left], values[min(left + 1, len(values) - 1)]
    smooth = math.isfinite(one) and math.isfinite(two)
    value = one + (two - one) * (place - left) if smooth else values[round(place)]
    return (value, value) if math.isfinite(value) else (math.nan, math.nan)


class Chart(Widget):
    """A metric's curve with its range at the left edge and its newest value in the title.

    Args:
        label: what is drawn.
        of_metric: whether it is a share such as ndcg, written with four decimals.
        colour: the curve's style.
    """

    DEFAULT_CSS = """
    Chart { height: 1fr; width: 1fr; }
    """

    def __init__(
        self,
        label: str,
        of_metric: bool = False,
        colour: str = "$primary",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._label, self._of_metric, self._colour = label, of_metric, colour
        self._points: list[tuple[int, float]] = []
        self._empty = "no value yet"
        self.border_title = label

    def show(self, series: Series | None, label: str = "", note: str = "") -> None:
        """Draw another curve, or none."""
        points = list(series.points) if series else []
        self._label = label or self._label
        if points == self._points and note == (self.border_subtitle or ""):
            return
        self._points = points
        last = self._write(points[-1][1]) if points else ""
        self.border_title = Content(f"{self._label} {last}".strip())
        self.border_subtitle = Content(note)
        self.refresh()

    def _write(self, value: float) -> str:
        return metric(value) if self._of_metric else number(value)

    def render(self) -> Content:
        """The curve and its range."""
        width, height = self.content_size
        finite = [v for _, v in self._points if math.isfinite(v)]
        if not finite:
            return Content.assemble((self._empty, "$foreground 60%"))
        low, high = min(finite), max(finite)
        marks = [self._write(high), self._write(low)] if high > low else [self._write(high), ""]
        edge = max(map(len, marks)) if width >= 16 else 0
        if high == low:
            low, high = low - 1, high + 1
        lines = braille([v for _, v in self._points], max(1, width - edge - bool(edge)), max(1, height), low, high)
        marks = [marks[0], *[""] * (len(lines) - 2), marks[1]] if len(lines) > 1 else marks[:1]
        parts: list[tuple[str, str]] = []
        for index, (mark, drawn) in enumerate(zip(marks, lines, strict=True)):
            if edge:
                parts.append((f"{mark:>{edge}} ", "$foreground 60%"))
            parts.append((drawn + ("\n" if index < len(lines) - 1 else ""), self._colour))
        return Content.assemble(*parts)
