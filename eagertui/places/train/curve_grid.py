"""As many pictures of a run's curves as there is room for, and the keys that lead through them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from textual.app import ComposeResult
from textual.containers import Grid
from textual.timer import Timer

from core.run.state import RunState, Series
from eagertui.places.train.curve_sets import CurveSet, curve_sets, curves_of
from eagertui.widgets.chart.canvas import SYMBOLS
from eagertui.widgets.chart.chart import SMOOTHINGS, Chart
from eagertui.widgets.draw import metric

MOST_CHARTS = 4
INTERVAL = 0.25
"""Seconds between two drawings of the curves."""


class CurveGrid(Grid):
    """The loss first, and then the other sets of curves from a chosen one on.

    Args:
        remembered: gives what was remembered under a name, or a default.
        remember: keeps something under a name.
        symbols: what curves are drawn with.
        id: of the widget.
    """

    DEFAULT_CSS = """
    CurveGrid { height: 1fr; grid-size: 2; grid-rows: 1fr; grid-columns: 1fr; }
    CurveGrid.-charts-1 { grid-size: 1; }
    CurveGrid.-charts-3 { grid-size: 3; }
    """

    def __init__(
        self,
        remembered: Callable[[str, Any], Any],
        remember: Callable[[str, Any], None],
        symbols: str = "braille",
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._remembered, self._remember, self._symbols = remembered, remember, symbols
        self._state: RunState | None = None
        self._empty = ""
        self._chosen = ""
        """The set that `m` came to."""
        self._shown: dict[Chart, tuple[CurveSet, list[Series]]] = {}
        self._drawn_at = 0.0
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The charts; only those that there is room for are shown."""
        for place in range(MOST_CHARTS):
            yield Chart(id=f"chart-{place}", classes="panel")

    def on_mount(self) -> None:
        """Draw as it was last time."""
        for chart in self.charts:
            chart.symbols = self._symbols
            chart.weight = float(self._remembered("chart.smoothing", SMOOTHINGS[2]))

    @property
    def charts(self) -> list[Chart]:
        """Every chart, shown or not."""
        return list(self.query(Chart))

    @property
    def meant(self) -> list[Chart]:
        """The chart with the focus, or else every one that is shown."""
        return [chart for chart in self.charts if chart.has_focus] or [c for c in self.charts if c.display]

    def show(self, state: RunState, empty: str) -> None:
        """Draw a state's curves now, or as soon as they may be drawn again.

        Args:
            state: of the run.
            empty: what is said where it has no curves.
        """
        self._state, self._empty = state, empty
        wait = self._drawn_at + INTERVAL - time.monotonic()
        if wait <= 0:
            self.draw()
        elif self._timer is None:
            self._timer = self.set_timer(wait, self.draw)

    def draw(self) -> None:
        """Draw now; whatever did not change stays as it is."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._state is None or not self.screen.is_current:
            return
        self._drawn_at = time.monotonic()
        every = curve_sets(self._state.series)
        chosen = self._sets(every)
        count = max(1, len(chosen))
        self.update_classes({f"-charts-{place}": place == count for place in range(1, MOST_CHARTS + 1)})
        for place, chart in enumerate(self.charts):
            chart.display = place < count
            if place < len(chosen):
                more = place == count - 1 and len(every) > count
                self._draw(chart, chosen[place], self._state, more)
            else:
                self._shown.pop(chart, None)
                chart.show("curves", [], empty=self._empty)

    def _draw(self, chart: Chart, one: CurveSet, state: RunState, more: bool) -> None:
        drawn = [state.series[name] for name in one.names]
        known = self._shown.get(chart)
        if known is not None and known[0] == one and all(a is b for a, b in zip(known[1], drawn, strict=True)):
            return  # a state lends the next one every curve that stays as it is
        self._shown[chart] = (one, drawn)
        note = "m others" if more else ""
        if one.key == "valid" and state.best is not None:
            mark = SYMBOLS[chart.symbols].best
            note = f"{mark} best {metric(state.best.values.get('ndcg@10'))} at {state.best.step:,}"
        chart.log_scale = one.key in self._remembered("chart.log", [])
        chart.show(one.title, curves_of(one, state), share=one.share, smooths=one.smooths, unit=one.unit, note=note)

    def _sets(self, every: list[CurveSet]) -> list[CurveSet]:
        fixed = self._fixed(every)
        others = every[fixed:]
        place = next((k for k, one in enumerate(others) if one.key == self._chosen), 0)
        return [*every[:fixed], *others[place:], *others[:place]][: self.room]

    def _fixed(self, every: list[CurveSet]) -> int:
        """How many of the first sets `m` leaves where they are: the loss, if something can stand beside it."""
        return 1 if self.room > 1 and len(every) > 1 and every[0].key.startswith("loss") else 0

    @property
    def room(self) -> int:
        """For how many charts there is room."""
        width, height = self.screen.size
        if width < 78:
            return 1
        if width < 120:
            return 2
        return 4 if height >= 36 else 3 if width >= 150 else 2

    # --- what the keys do -------------------------------------------------------------------------------------------

    def next_set(self) -> None:
        """Show the next curves."""
        every = curve_sets(self._state.series) if self._state is not None else []
        fixed = self._fixed(every)
        keys = [one.key for one in every[fixed:]]
        if keys:
            current = self._sets(every)[fixed].key
            self._chosen = keys[(keys.index(current) + 1) % len(keys)]
            self.draw()

    def toggle_log(self) -> None:
        """Logarithmic or plain height, of the chart with the focus or else of the first."""
        chart = self.meant[0]
        if chart in self._shown:
            key = self._shown[chart][0].key
            wanted = set(self._remembered("chart.log", [])) ^ {key}
            self._remember("chart.log", sorted(wanted))
            chart.log_scale = key in wanted

    def smooth(self) -> None:
        """Smooth the curves more, or no longer."""
        weight = self.charts[0].weight
        at = SMOOTHINGS.index(weight) if weight in SMOOTHINGS else 0
        weight = SMOOTHINGS[(at + 1) % len(SMOOTHINGS)]
        self._remember("chart.smoothing", weight)
        for chart in self.charts:
            chart.weight = weight

    def zoom(self, closer: bool) -> None:
        """Look closer, or at more."""
        _each(self.meant, lambda chart: chart.zoom(closer))

    def whole(self) -> None:
        """Look at the whole curves."""
        _each(self.meant, Chart.whole)


def _each(charts: Iterable[Chart], do: Callable[[Chart], None]) -> None:
    for chart in charts:
        do(chart)
