"""Compare: what the finished runs of the project measured, side by side."""

from __future__ import annotations

import math
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from core.run.folder import RunFolder, RunInfo
from eagertui.actions import own_bindings
from eagertui.places.place import Place
from eagertui.widgets.draw import FAINT, Part, fill, line, metric, safe, short_id, spread, when
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import Row, RowList
from eagertui.widgets.run_lines import hint, metric_lines

METRICS = ("recall@10", "ndcg@10")


class CompareScreen(Place):
    """The finished runs above the methods of the one under the cursor."""

    PLACE = "compare"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("compare")]
    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#table"

    def body(self) -> ComposeResult:
        """The table, and a message while there is nothing to compare."""
        yield FilterBar("/ a word of the recipe or id", id="filter")
        yield RowList(id="table", classes="panel")
        yield Lines(id="methods", classes="panel")
        yield Lines(id="empty", classes="panel")

    @property
    def finished(self) -> list[RunInfo]:
        """Runs with metrics, the best first."""
        word = self.query_one(FilterBar).text.lower()
        runs = [run for run in self.eager.runs if run.status.state == "finished" and run.metrics]
        runs = [run for run in runs if word in f"{run.id} {run.recipe} {run.name}".lower()]
        return sorted(runs, key=lambda run: -run.metrics.get("ndcg@10", -math.inf))

    @property
    def run_folder(self) -> RunFolder | None:
        """The run under the cursor."""
        current = self.query_one(RowList).current
        return next((run.folder for run in self.eager.runs if run.id == current), None)

    def copy_text(self) -> str:
        """The table as text, with tabs between the columns."""
        rows = ["\t".join(("run", "recipe", *METRICS))]
        rows += ["\t".join((r.id, r.recipe, *(_written(r, m) for m in METRICS))) for r in self.finished]
        return "\n".join(rows)

    def news(self) -> None:
        """Draw the runs."""
        super().news()
        runs, table = self.finished, self.query_one(RowList)
        some = bool(runs) or bool(self.query_one(FilterBar).text)
        self.set_class(not some, "-empty")
        best = max((run.metrics.get("ndcg@10", 0.0) for run in runs), default=0.0)
        table.border_title = Content("Finished runs, the best first")
        table.border_subtitle = Content("test, seen items kept")
        table.show([Row(run.id, lambda width, run=run: _row(run, best, width)) for run in runs])  # type: ignore[misc]
        empty = self.query_one("#empty", Lines)
        empty.border_title = "Compare"
        empty.show(
            lambda width: [
                line([("No finished run to compare.", "bold")]),
                hint("4", "train: a run that ends is measured beside popularity, transitions, kNN and SASRec"),
            ]
        )
        self._methods()
        self.refresh_keys()

    def _methods(self) -> None:
        folder, panel = self.run_folder, self.query_one("#methods", Lines)
        metrics = folder.metrics() if folder is not None else {}
        panel.border_title = Content(f"Methods of {safe(folder.id.rsplit('_', 1)[-1])}" if folder else "Methods")
        panel.show(lambda width: metric_lines(metrics, width))

    def action_filter(self) -> None:
        """Filter the runs."""
        self.query_one(FilterBar).open()

    @on(FilterBar.Filtered)
    def _filtered(self) -> None:
        self.news()

    @on(FilterBar.Left)
    def _left(self) -> None:
        self.query_one(RowList).focus()

    @on(RowList.OptionHighlighted)
    def _moved(self) -> None:
        self._methods()

    @on(RowList.OptionSelected)
    def _chosen(self) -> None:
        if self.run_folder is not None:
            self.eager.look_at(self.run_folder)
            self.eager.action_go("train")


def _written(run: RunInfo, name: str) -> str:
    """A metric for a spreadsheet; empty where it was not measured."""
    return f"{run.metrics[name]:.4f}" if name in run.metrics else ""


def _row(run: RunInfo, best: float, width: int) -> Content:
    left: list[Part] = [(fill(when(run.created), 12), FAINT), (fill(run.recipe, 14), "bold"), (short_id(run), FAINT)]
    right: list[Part] = []
    for name, label in (("recall@10", "R@10"), ("ndcg@10", "N@10")):
        right += [(f"  {label} ", FAINT), (metric(run.metrics.get(name)), "bold")]
    away = run.metrics.get("ndcg@10", math.nan) - best
    if width >= 70 and not math.isnan(away):
        right.append(("      best" if away >= 0 else f"  {away:+.4f}".replace("0.", ".", 1).rjust(10), FAINT))
    return spread(left, right, width)
