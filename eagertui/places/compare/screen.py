"""Compare: finished runs, marked and held against each other, from the whole table down to a single user."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from core.assets import is_demo
from core.errors import EagerError
from core.run.folder import RunFolder
from core.run.listing import RunInfo
from eagertui.actions import own_bindings
from eagertui.places.compare.compare_wish import VIEWS, CompareWish
from eagertui.places.compare.lines import HEAD, run_row
from eagertui.places.place import READING, Place
from eagertui.plain import near
from eagertui.widgets.chart.chart import Chart
from eagertui.widgets.chart.plot import MOST_CURVES, Curve
from eagertui.widgets.draw import error_lines, line, safe
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import Row, RowList
from eagertui.widgets.run_lines import hint
from eagertui.widgets.waiting import Waiting

if TYPE_CHECKING:
    from eagertui.places.compare.reading import ComparedView, Reader

METRICS = ("recall@10", "ndcg@10")
STEADY = 0.08
"""Seconds in which a cursor that moves on asks nothing."""
PATIENCE = 0.4
"""Seconds after which a wait is told."""
COLOURS = ("$accent", "$success", "$warning", "$foreground")
PAGE = "compare.html"


class CompareScreen(Place):
    """The finished runs above one view of those that are marked, or of the one under the cursor."""

    PLACE = "compare"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("compare")]
    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#table"

    def __init__(self) -> None:
        super().__init__()
        self._marked: list[str] = []
        self._trail: list[tuple[CompareWish, str]] = []
        """Views that lead to the one of now, and the row that was entered in each."""
        self._return_to = ""
        self._reader: Reader | None = None
        self._wish: CompareWish | None = None
        self._answer: ComparedView | None = None
        self._waiting = Waiting(self, self._tick)

    def body(self) -> ComposeResult:
        """The runs, the view below them, and messages instead of either."""
        yield FilterBar("/ a word of the recipe or id", id="filter")
        yield RowList(id="table", classes="panel")
        yield RowList(id="view", classes="panel")
        yield Chart(id="curves", classes="panel")
        with VerticalScroll(id="message", classes="panel"):
            yield Lines(id="message-text")
        yield Lines(id="empty", classes="panel")

    def on_mount(self) -> None:
        """Draw curves in the signs that the person wants."""
        self.query_one(Chart).symbols = self.eager.config.symbols
        super().on_mount()

    # --- what is shown ----------------------------------------------------------------------------------------------

    @property
    def finished(self) -> list[RunInfo]:
        """Runs with metrics, the best first."""
        word = self.query_one(FilterBar).text.lower()
        runs = [run for run in self.eager.runs if run.status.state == "finished" and run.metrics]
        runs = [run for run in runs if run.id in self._marked or word in f"{run.id} {run.recipe} {run.name}".lower()]
        return sorted(runs, key=lambda run: -run.metrics.get("ndcg@10", -math.inf))

    @property
    def run_folder(self) -> RunFolder | None:
        """The run under the cursor."""
        current = self.query_one("#table", RowList).current
        return next((run.folder for run in self.eager.runs if run.id == current), None)

    @property
    def compared(self) -> tuple[RunFolder, ...]:
        """The marked runs in the order of their marks, or the one under the cursor."""
        known = {run.id: run.folder for run in self.finished}
        marked = tuple(known[name] for name in self._marked if name in known)
        here = self.run_folder
        return marked or ((here,) if here is not None else ())

    def copy_text(self) -> str:
        """The runs, or the view below them, as text with tabs between the columns."""
        if self.focused is not None and self.focused.id != "table" and self._answer is not None:
            return self._answer.text
        rows = ["\t".join(("run", "recipe", *METRICS))]
        rows += ["\t".join((r.id, r.recipe, *(_figure(r, m) for m in METRICS))) for r in self.finished]
        return "\n".join(rows)

    def news(self) -> None:
        """Draw the runs, and look at those that are compared."""
        super().news()
        here = {run.id for run in self.eager.runs}
        self._marked = [name for name in self._marked if name in here]  # a run that was deleted is marked no more
        runs, table = self.finished, self.query_one("#table", RowList)
        self.set_class(not (runs or self.query_one(FilterBar).text), "-empty")
        best = max((run.metrics.get("ndcg@10", 0.0) for run in runs), default=0.0)
        sign = "*" if self.eager.config.symbols == "ascii" else "●"
        marked = f"{len(self._marked)} marked" if self._marked else "space marks"
        table.border_title = Content("Finished runs, the best first")
        table.border_subtitle = Content(f"test, seen items kept · {marked}")
        rows = [Row(run.id, partial(run_row, run, run.id in self._marked, best, sign)) for run in runs]
        table.show(rows)
        empty = self.query_one("#empty", Lines)
        empty.border_title = "Compare"
        none, read = self.eager.bridge.project_file is None, self.eager.runs_read
        empty.show(lambda width: _empty_lines(none) if none or read else [READING])
        if runs:
            self._look()
        else:
            self._wish = None
        self.refresh_keys()

    def wish(self) -> CompareWish:
        """What is wanted now."""
        return replace(self._wish or CompareWish(), runs=self.compared)

    def _look(self, **changes: object) -> None:
        """Show something else, or the same anew where its runs have changed."""
        self._wish = replace(self.wish(), **changes)  # type: ignore[arg-type]
        self._compare(self._wish)

    @work(group="compare", exclusive=True, exit_on_error=False)
    async def _compare(self, wish: CompareWish) -> None:
        if not wish.runs:
            return
        await asyncio.sleep(STEADY)
        self._waiting.start("comparing")
        try:
            reader = await asyncio.to_thread(_new_reader) if self._reader is None else self._reader
            self._reader = reader
            answer = await asyncio.to_thread(reader.answer, wish)
        except EagerError as error:
            self._waiting.stop()
            self._answer = None
            self._say(*error_lines(error.message, error.remedy))
            return
        self._waiting.stop()
        self._show(answer)

    def _tick(self) -> None:
        if self._waiting and self._waiting.seconds > PATIENCE and self._answer is None:
            self._say(line([("◐ ", "bold $accent"), f"{self._waiting.text} …"]))

    def _say(self, *lines: Content) -> None:
        self.add_class("-message")
        self.query_one("#message").border_title = "Compare"
        self.query_one("#message-text", Lines).show(lambda width: lines)

    def _show(self, answer: ComparedView) -> None:
        before, self._answer = self._answer, answer
        self.remove_class("-message")
        self.set_class(answer.wish.view == "curves", "-curves")
        if answer.wish.view == "curves":
            self._draw_curves(answer)
        else:
            view = self.query_one("#view", RowList)
            view.border_title = Content(safe(answer.title))
            view.border_subtitle = Content(safe(answer.below))
            view.show(answer.rows)
            if before is None or before.wish.view != answer.wish.view:
                first = (n for n, row in enumerate(answer.rows) if not row.id.startswith(HEAD))
                view.highlighted = next(first, 0) if answer.rows else None
                view.go_to(self._return_to)
                self._return_to = ""
        if self.focused is None or not self.focused.display:
            self._to_view()

    def _draw_curves(self, answer: ComparedView) -> None:
        chart, found = self.query_one(Chart), answer.curves
        colours = zip(found, COLOURS, strict=False)
        drawn = [Curve(safe(name), points, colour) for (name, points), colour in colours]
        more = f"the first {MOST_CURVES} of {len(found)} runs; the page shows all" if len(found) > MOST_CURVES else ""
        chart.show(answer.title, drawn, share=True, smooths=False, note=more, empty="no validation in the events")

    def _to_view(self) -> None:
        """The keys belong to what is shown."""
        if self.is_current:
            wanted = "#message" if self.has_class("-message") else "#curves" if self.has_class("-curves") else "#view"
            self.set_focus(self.query_one(wanted))

    # --- keys -------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a finished run there is nothing to turn to."""
        if action in ("mark", "next_view", "next_metric", "seen", "against", "page"):
            return not self.has_class("-empty")
        return True

    def action_mark(self) -> None:
        """Mark the run under the cursor, with those that differ in their seed alone, or take the marks away."""
        current = self.query_one("#table", RowList).current
        run = next((run for run in self.finished if run.id == current), None)
        if current is None or run is None:
            return
        group = [one.id for one in self.finished if one.id == current or (run.group and one.group == run.group)]
        if current in self._marked:
            self._marked = [name for name in self._marked if name not in group]
        else:
            self._marked += [name for name in group if name not in self._marked]
        self.news()

    def action_next_view(self) -> None:
        """Methods, parts of the users, settings, users, curves."""
        views = list(VIEWS)
        self._trail = []
        view = views[(views.index(self.wish().view) + 1) % len(views)]
        self._look(view=view, within=None)

    def action_next_metric(self) -> None:
        """Judge by the next metric."""
        from core.evaluate.comparison.comparison_of_runs import METRICS as EVERY

        self._look(metric=EVERY[(EVERY.index(self.wish().metric) + 1) % len(EVERY)])

    def action_seen(self) -> None:
        """The other protocol: seen items kept in the lists, or hidden from them."""
        self._look(masked=not self.wish().masked)

    def action_against(self) -> None:
        """Hold all others against the method, or the run, under the cursor."""
        view, wish = self.query_one("#view", RowList), self.wish()
        if view.has_focus and wish.view == "methods" and view.current and not view.current.startswith(HEAD):
            self._look(against=view.current)
        elif (folder := self.run_folder) is not None:
            if self._marked and folder.id not in self._marked:
                self._marked.append(folder.id)
            self._look(against=folder.id)
            self.news()

    def action_filter(self) -> None:
        """Filter the runs."""
        self.query_one(FilterBar).open()

    def action_step_back(self) -> None:
        """To the view that led here, or to the place before."""
        if self._trail:
            before, self._return_to = self._trail.pop()
            self._look(view=before.view, within=before.within)
            self._to_view()
        else:
            self.eager.action_go_back()

    @work(group="page", exclusive=True, exit_on_error=False)
    async def action_page(self) -> None:
        """Write the comparison as one page beside the project."""
        file, wish = self.eager.bridge.project_file, self.wish()
        if file is None or not wish.runs:
            return
        self.eager.tell("writing the page")
        try:
            path = await asyncio.to_thread(_write_page, file, self.eager.project_name, wish)
        except (EagerError, OSError) as error:
            self.eager.complain(error if isinstance(error, EagerError) else EagerError(str(error)))
            return
        self.eager.tell(f"written: {near(path)}")

    @on(FilterBar.Filtered)
    def _filtered(self) -> None:
        self.news()

    @on(FilterBar.Left)
    def _left(self) -> None:
        self.query_one("#table", RowList).focus()

    @on(RowList.OptionHighlighted, "#table")
    def _moved(self) -> None:
        if not self._marked:
            self._look()

    @on(RowList.OptionSelected, "#table")
    def _chosen(self) -> None:
        if self.run_folder is not None:
            self.eager.look_at(self.run_folder)
            self.eager.action_go("train")

    @on(RowList.OptionSelected, "#view")
    def _deeper(self, event: RowList.OptionSelected) -> None:
        """From a method to its parts of the users, from a part to its users, from a user to Explore."""
        answer, row = self._answer, self.query_one("#view", RowList).row_at(event.option_index)
        if answer is None:
            return
        view = answer.wish.view
        if row.startswith(HEAD):
            if view == "slices":  # above all parts: all users
                self._trail.append((self.wish(), row))
                self._look(view="users", within=None)
            return
        if view == "users" and answer.folder is not None:
            self.eager.chosen, self.eager.user = answer.folder, answer.users[row].user
            self.eager.action_go("explore")
        elif view == "methods":
            self._trail.append((self.wish(), row))
            self._look(view="slices", subject=row)
        elif view == "slices":
            self._trail.append((self.wish(), row))
            family, _, name = row.partition("\0")
            self._look(view="users", within=(family, name))


def _new_reader() -> Reader:
    """Loads tables and arrays, which takes a moment the first time."""
    from eagertui.places.compare.reading import Reader

    return Reader()


def _write_page(file: Path, name: str, wish: CompareWish) -> Path:
    """Everything that was compared, whatever view it is; blocks."""
    from core.evaluate.comparison.as_object import comparison_object
    from core.evaluate.comparison.comparison_of_runs import HEAD_METRIC, RANKING_METRICS
    from core.evaluate.comparison.measured_run import load_run
    from core.evaluate.comparison.validation_curves import validation_curves
    from core.files import write_atomic
    from eagertui.places.compare.reading import compared
    from eagertui.report.page import comparison_page

    comparison = compared([load_run(folder) for folder in wish.runs], wish.against)
    metric = wish.metric if wish.metric in RANKING_METRICS else HEAD_METRIC
    found = comparison_object(comparison, metric)
    path = (Path.cwd() if is_demo(file) else file.parent) / PAGE
    write_atomic(path, comparison_page(name, found, validation_curves(list(comparison.runs))))
    return path


def _figure(run: RunInfo, name: str) -> str:
    """A metric for a spreadsheet; empty where it was not measured."""
    return f"{run.metrics[name]:.4f}" if name in run.metrics else ""


def _empty_lines(no_project: bool) -> list[Content]:
    """What stands where there is nothing to compare, and the next key."""
    if no_project:
        return [line([("No project is open.", "bold")]), hint("1", "home: the sample, or a project of your own logs")]
    return [
        line([("No finished run to compare.", "bold")]),
        hint("4", "train: a run that ends is measured beside popularity, transitions, kNN and SASRec"),
    ]
