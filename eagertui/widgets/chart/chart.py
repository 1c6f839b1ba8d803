"""Curves that one can look into: several series by step, log scale, smoothing, zoom and a readout."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from eagertui.widgets.chart.canvas import SYMBOLS
from eagertui.widgets.chart.legend import flags, legend, one_title, readout
from eagertui.widgets.chart.plot import WRITING, ChartLook, Curve, Frame, picture, span
from eagertui.widgets.chart.ticks import figure
from eagertui.widgets.draw import Part, line, metric

SMOOTHINGS = (0.0, 0.6, 0.9, 0.98)
"""Weights that `s` goes through."""


class Chart(Widget, can_focus=True):
    """Up to four curves with their axes; the title names them and their newest values.

    Args:
        id: of the widget.
        classes: of the widget.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Chart { height: 1fr; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "point(-1)", "Value before", show=False),
        Binding("right", "point(1)", "Value after", show=False),
        Binding("shift+left", "point(-10)", "Ten before", show=False),
        Binding("shift+right", "point(10)", "Ten after", show=False),
        Binding("escape", "unpoint", "No readout", show=False),
    ]

    symbols: reactive[str] = reactive("braille")
    """What it is drawn with: braille, block, ascii."""
    log_scale: reactive[bool] = reactive(False)
    """Whether its height is logarithmic."""
    weight: reactive[float] = reactive(0.0)
    """Of the smoothing; 0 for none."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._label, self._note, self._empty = "", "", "no value yet"
        self._curves: tuple[Curve, ...] = ()
        self._share, self._smooths, self._unit = False, True, "step"
        self._view: tuple[float, float] | None = None
        self._follows = True
        """Whether a zoomed view moves on with the newest step."""
        self._pointer: float | None = None
        self._drawn: tuple[object, list[list[Part]]] | None = None
        self._frame: Frame | None = None
        self._styles: dict[str, Style] = {}

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show(
        self,
        label: str,
        curves: Sequence[Curve],
        *,
        share: bool = False,
        smooths: bool = True,
        unit: str = "step",
        note: str = "",
        empty: str = "no value yet",
    ) -> None:
        """Draw other curves.

        Args:
            label: what they are, together.
            curves: in the order of their importance.
            share: whether they are metrics between 0 and 1.
            smooths: whether smoothing makes sense of them.
            unit: what their steps count.
            note: what stands below them while there is no readout.
            empty: what is said where there is no value.
        """
        if label != self._label:
            self._view, self._pointer, self._follows = None, None, True
        self._label, self._curves, self._note, self._empty = label, tuple(curves), note, empty
        self._share, self._smooths, self._unit = share, smooths, unit
        self._redraw()

    @property
    def view(self) -> tuple[float, float] | None:
        """First and last step in sight; None for the whole curves."""
        whole = span(self._curves)
        if self._view is None or whole is None:
            return None
        start, end = self._view
        return (whole[1] - (end - start), float(whole[1])) if self._follows else self._view

    @property
    def pointer(self) -> float | None:
        """The step of the readout."""
        return self._pointer

    def copy_text(self) -> str:
        """Every point of every curve, as lines of tab-separated values."""
        values: dict[int, list[str]] = {}
        for place, curve in enumerate(self._curves):
            for step, value in zip(curve.steps, curve.values, strict=True):
                row = values.setdefault(step, [""] * len(self._curves))
                row[place] = "" if math.isnan(value) else repr(value)
        head = "\t".join(["step", *(curve.name for curve in self._curves)])
        return "\n".join([head, *("\t".join([str(step), *values[step]]) for step in sorted(values))])

    # --- zoom and readout -------------------------------------------------------------------------------------------

    def zoom(self, closer: bool) -> None:
        """See half as many steps, or twice as many, about the readout or else the newest end."""
        whole = span(self._curves)
        if whole is None:
            return
        first, last = whole
        start, end = self.view or (first, last)
        if closer and end - start < 4:
            return
        factor, about = 0.5 if closer else 2.0, end if self._pointer is None else self._pointer
        start, end = about - (about - start) * factor, about + (end - about) * factor
        self._look_at(start, end)

    def _look_at(self, start: float, end: float) -> None:
        first, last = span(self._curves) or (0, 0)
        shift = max(0.0, first - start) - max(0.0, end - last)
        start, end = max(first, start + shift), min(last, end + shift)
        self._view = None if start <= first and end >= last else (start, end)
        self._follows = end >= last
        self._redraw()

    def whole(self) -> None:
        """See the whole curves."""
        self._view, self._follows = None, True
        self._redraw()

    def point_at(self, step: float | None) -> None:
        """Read the curves out at a step, or no longer."""
        self._pointer = step
        view = self.view
        if step is not None and view is not None and not view[0] <= step <= view[1]:
            half = (view[1] - view[0]) / 2
            self._look_at(step - half, step + half)
        self._redraw()

    def action_point(self, by: int) -> None:
        """Move the readout to another point that lies in another cell."""
        curve = next((c for c in self._curves if c.finite), None)
        if curve is None or self._frame is None:
            return
        steps = curve.steps
        if self._pointer is None:
            start, end = self.view or (steps[0], steps[-1])
            self.point_at(steps[max(0, bisect_right(steps, end) - 1)] if end >= start else steps[-1])
            return
        frame, place = self._frame, curve.nearest(self._pointer) or 0
        for _ in range(abs(by)):
            cell = frame.cell(steps[place])
            while 0 <= place + (1 if by > 0 else -1) < len(steps):
                place += 1 if by > 0 else -1
                if frame.cell(steps[place]) != cell:
                    break
        self.point_at(steps[place])

    def action_unpoint(self) -> None:
        """Take the readout away."""
        self.point_at(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape means something else where there is no readout."""
        return self._pointer is not None if action == "unpoint" else True

    def on_click(self, event: Click) -> None:
        """Read out where somebody clicked."""
        offset, frame = event.get_content_offset(self), self._frame
        if offset is not None and frame is not None and frame.left <= offset.x < frame.left + frame.width:
            step = frame.step(offset.x - frame.left)
            near = [(abs(c.steps[at] - step), c.steps[at]) for c in self._curves if (at := c.nearest(step)) is not None]
            self.point_at(min(near)[1] if near else None)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Look closer."""
        event.stop()
        self.zoom(closer=True)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Look at more."""
        event.stop()
        self.zoom(closer=False)

    def watch_has_focus(self, has_focus: bool) -> None:
        """The readout belongs to whoever has the focus, and stays while another screen lies above."""
        super().watch_has_focus(has_focus)
        if not has_focus and self.screen.is_current:
            self._pointer = None
        self._redraw()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def watch_symbols(self) -> None:
        """Draw with others."""
        self._redraw()

    def watch_log_scale(self) -> None:
        """Draw in another scale."""
        self._redraw()

    def watch_weight(self) -> None:
        """Draw smoother or rougher."""
        self._redraw()

    def on_resize(self, event: Resize) -> None:
        """What fits into the title depends on the width."""
        self._redraw()

    def notify_style_update(self) -> None:
        """Another theme has other colours."""
        super().notify_style_update()
        self._styles.clear()
        self._drawn = None

    def _redraw(self) -> None:
        self._drawn = None
        if self.is_mounted and self.size:
            self._entitle()
            self.refresh()

    def _look(self, height: int) -> ChartLook:
        return ChartLook(
            self.content_size.width,
            height,
            self.symbols,
            self.log_scale,
            self._weight,
            self.view,
            self._pointer,
            self._share,
            "dim" if self.app.native_ansi_color else "40%",
        )

    def _lines(self) -> list[list[Part]]:
        """The picture, with the legend above it where the title has no room for it."""
        key = self.content_size
        if self._drawn is None or self._drawn[0] != key:
            above = [legend(self._curves, self._marks, self.write, key.width)] if self._legend_inside else []
            lines, self._frame = picture(self._curves, self._look(max(1, key.height - len(above))))
            self._drawn = key, [*above, *lines]
        return self._drawn[1]

    def render_line(self, y: int) -> Strip:
        """One line of the picture."""
        width = self.content_size.width
        if not any(curve.finite for curve in self._curves):
            parts: list[Part] = [(self._empty, WRITING)] if y == 0 else []
        else:
            lines = self._lines()
            parts = lines[y] if y < len(lines) else []
        blank = self.rich_style
        strip = Strip([Segment(text, self._style(style)) for text, style in parts])
        return strip.adjust_cell_length(width, blank)

    def _style(self, style: str) -> Style:
        if style not in self._styles:
            self._styles[style] = (self.visual_style + self.app.stylesheet.parse_style(style)).rich_style
        return self._styles[style]

    # --- words ------------------------------------------------------------------------------------------------------

    def write(self, value: float) -> str:
        """A value of this chart."""
        return metric(value) if self._share else figure(value)

    @property
    def _weight(self) -> float:
        return self.weight if self._smooths else 0.0

    @property
    def _legend_inside(self) -> bool:
        return self._several and self.content_size.height >= 6 and not self._legend_fits

    @property
    def _several(self) -> bool:
        return sum(curve.finite for curve in self._curves) > 1

    @property
    def _marks(self) -> str:
        return SYMBOLS[self.symbols].marks

    def _flags(self) -> list[Part]:
        return flags(self._curves, self.log_scale, self._weight)

    @property
    def _legend_fits(self) -> bool:
        parts = [(self._label + "  ", ""), *legend(self._curves, self._marks, self.write), *self._flags()]
        return line(parts).cell_length <= self.size.width - 6

    def _entitle(self) -> None:
        drawn, room = [curve for curve in self._curves if curve.finite], self.size.width - 6
        title: list[Part] = [(self._label, "")]
        if len(drawn) == 1:
            title = one_title(self._label, drawn[0], self.write)
        elif len(drawn) > 1 and self._legend_fits:
            title += [("  ", ""), *legend(drawn, self._marks, self.write)]
        elif len(drawn) > 1 and not self._legend_inside:
            title = legend(drawn, self._marks, self.write, room)
        self.border_title = line([*title, *self._flags()])
        self.border_subtitle = line(self._below())

    def _below(self) -> list[Part]:
        if self._pointer is not None:
            return readout(self._curves, self._unit, self._pointer, self._weight, self._marks, self.write)
        if (view := self.view) is not None:
            return [(f"{view[0]:,.0f} – {view[1]:,.0f}", ""), ("  0 whole", "")]
        note: list[Part] = [(self._note, "")] if self._note else []
        if self.has_focus and span(self._curves):
            note += [("  " if note else "", ""), ("← →", "bold $accent"), (" values", "")]
        return note
