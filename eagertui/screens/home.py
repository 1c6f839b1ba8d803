"""Home: the runs of the project, and the next step when there are none."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from core.run.folder import RunFolder, RunInfo
from eagertui.actions import own_bindings
from eagertui.screens.place import Place
from eagertui.widgets.draw import line, safe
from eagertui.widgets.lines import Lines
from eagertui.widgets.rows import Row, RowList
from eagertui.widgets.run_lines import FAINT, hint, run_detail, run_row


class HomeScreen(Place):
    """The list of runs above a few lines about the one under the cursor."""

    PLACE = "home"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("home")]
    CSS_PATH = "home.tcss"

    def body(self) -> ComposeResult:
        """The list and the lines."""
        runs = RowList(id="runs", classes="panel")
        yield runs
        with VerticalScroll(id="detail", classes="panel", can_focus=False):
            yield Lines(id="detail-text")

    @property
    def highlighted(self) -> RunInfo | None:
        """The run under the cursor."""
        current = self.query_one(RowList).current
        return next((run for run in self.eager.runs if run.id == current), None)

    @property
    def run_folder(self) -> RunFolder | None:
        """The run under the cursor."""
        run = self.highlighted
        return run.folder if run else None

    def news(self) -> None:
        """Draw the runs."""
        super().news()
        rows = self.query_one(RowList)
        rows.border_title = Content(f"Runs of {safe(self.eager.project_name)}" if self.eager.project_name else "Runs")
        rows.border_subtitle = Content(f"{len(self.eager.runs)} in all" if self.eager.runs else "")
        rows.set_class(not self.eager.runs, "-empty")
        self.query_one("#detail").set_class(not self.eager.runs, "-empty")
        rows.show([Row(run.id, lambda width, run=run: run_row(run, width)) for run in self.eager.runs])  # type: ignore[misc]
        if self.eager.runs and self.focused is None:
            rows.focus()
        self.draw_detail()

    def draw_detail(self) -> None:
        """Draw the lines below the list."""
        run = self.highlighted
        self.query_one("#detail").border_title = "This run" if run else "What now"
        self.query_one("#detail-text", Lines).show(lambda width: self._detail(run, width))
        self.refresh_keys()

    def _detail(self, run: RunInfo | None, width: int) -> list[Content]:
        error, lines = self.eager.project_error, []
        if error is not None:
            file = self.eager.bridge.project_file
            message = error.message.replace(f"{file.parent}/", "") if file else error.message
            lines += [line([("✗ ", "bold $error"), safe(message)]), line([(safe(error.remedy), FAINT)]), Content("")]
        return [*lines, *(run_detail(run, width) if run is not None else self._first_steps())]

    def _first_steps(self) -> list[Content]:
        if not self.eager.runs_read:
            return [line([("reading the runs", FAINT)])]
        if self.eager.bridge.project_file is None:
            return [
                line([("No project here.", "bold")]),
                Content(""),
                line([("s", "bold $accent"), " copies the sample, a bookshop, into ./bookshop and opens it"]),
                Content(""),
                line(["Your own logs, a table of interactions and one of items:"]),
                line([("  eagertui init DIR --interactions FILE --items FILE", "bold")]),
                line([("  eagertui train DIR", "bold")]),
            ]
        if self.eager.project_error is not None:
            return [line(["Mend the file; this screen reads it again by itself."])]
        return [
            line([("No runs yet.", "bold")]),
            Content(""),
            hint("t", "trains: data, vectors, index, model, metrics"),
            line([("the same without a screen:", FAINT)]),
            line([("  " + safe(self.eager.bridge.headless("train")), "bold")]),
        ]

    def on_screen_resume(self) -> None:
        """The cursor stands on the run that was looked at last."""
        super().on_screen_resume()
        if self.eager.current is not None:
            self.query_one(RowList).go_to(self.eager.current.id)

    @on(RowList.OptionHighlighted)
    def _moved(self) -> None:
        self.draw_detail()

    @on(RowList.OptionSelected)
    def _chosen(self) -> None:
        if self.run_folder is not None:
            self.eager.look_at(self.run_folder)
            self.eager.action_go("train")
