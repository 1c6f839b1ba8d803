"""Home: known projects, the runs of the open one, and the next step where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from core.run.folder import RunFolder
from core.run.listing import RunInfo
from eagertui.actions import own_bindings
from eagertui.places.home.lines import folders, project_row
from eagertui.places.home.projects import ProjectInfo
from eagertui.places.place import READING, Place
from eagertui.widgets.draw import FAINT, line, safe
from eagertui.widgets.filter_bar import FilterBar
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import Row, RowList
from eagertui.widgets.run_lines import hint, run_detail, run_row

BEGIN = (
    ("n", "new project", "your own logs and items"),
    ("d", "look at the demo", "a finished run, ready to ask"),
    ("s", "try the sample", "./bookshop, trains in minutes"),
)
NEXT = (
    ("2", "look at the data", "the logs, and what is left out"),
    ("t", "train", "settings and cost, then live"),
)
STEPS = (
    ("2", "Data", "what is in the logs"),
    ("3", "Index", "every item gets a short code"),
    ("4", "Train", "a model learns to speak them"),
    ("5", "Explore", "who takes what next, and why"),
    ("6", "Compare", "beside kNN, SASRec, other runs"),
)
"""Keys, names, and words of at most 30 cells, for which a terminal of 60 columns has room."""


def welcome(keys: Sequence[tuple[str, str, str]], command: str, width: int) -> list[Content]:
    """What can be done first, what comes then, and the same without a screen."""
    rows = [line([("From interaction logs to a model that recommends", "bold $primary")], width), Content("")]
    rows += [
        line([(f"{key:>6}  ", "bold $accent"), (f"{name:<17} ", "bold"), (text, FAINT)], width)
        for key, name, text in keys
    ]
    rows += [Content(""), line([("        and then, place by place", FAINT)], width)]
    named = [key for key, _, _ in keys]
    later = [step for step in STEPS if step[0] not in named]
    rows += [line([(f"{key:>6}  ", "$accent"), f"{name:<17} ", (text, FAINT)], width) for key, name, text in later]
    label, shown = line([("        without a screen ", FAINT)]), line([(command, "bold")])
    together = label.cell_length + shown.cell_length <= width
    return [*rows, Content(""), *([label + shown] if together else [label, shown.truncate(width, ellipsis=True)])]


class HomeScreen(Place):
    """Projects above runs above a few lines about the one under the cursor."""

    PLACE = "home"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("home")]
    CSS_PATH = "style.tcss"

    def __init__(self) -> None:
        super().__init__()
        self._focused_for: Path | None = None

    def body(self) -> ComposeResult:
        """The lists and the lines."""
        yield FilterBar("/ a word of the project, recipe, state or id", id="filter")
        yield RowList(id="projects", classes="panel")
        yield RowList(id="runs", classes="panel")
        with VerticalScroll(id="detail", classes="panel", can_focus=False):
            yield Lines(id="detail-text")

    @property
    def projects(self) -> RowList:
        """The upper list."""
        return self.query_one("#projects", RowList)

    @property
    def runs(self) -> RowList:
        """The lower list."""
        return self.query_one("#runs", RowList)

    @property
    def highlighted(self) -> RunInfo | None:
        """The run under the cursor."""
        current = self.runs.current
        return next((run for run in self.eager.runs if run.id == current), None)

    @property
    def run_folder(self) -> RunFolder | None:
        """The run under the cursor."""
        run = self.highlighted
        return run.folder if run else None

    def copy_text(self) -> str:
        """The run's folder, or the project's file."""
        if self.focused is self.projects and self.projects.current:
            return self.projects.current
        return str(self.run_folder.path) if self.run_folder else str(self.eager.bridge.project_file or "")

    def news(self) -> None:
        """Draw the projects and the runs."""
        super().news()
        self._draw_projects()
        word = self.query_one(FilterBar).text.lower()
        wanted = [run for run in self.eager.runs if word in _words(run)] if word else self.eager.runs
        name = safe(self.eager.project_name)
        self.runs.border_title = Content(f"Runs of {name}" if name else "Runs")
        count = f"{len(self.eager.runs)} in all" if self.eager.runs else ""
        self.runs.border_subtitle = Content(f"{len(wanted)} of {len(self.eager.runs)}" if word else count)
        self.set_class(not self.eager.runs, "-no-runs")
        self.set_class(not self.has_class("-short") and len(wanted) <= self.size.height // 4, "-few-runs")
        self.runs.show([Row(run.id, lambda width, run=run: run_row(run, width)) for run in wanted])  # type: ignore[misc]
        self._take_focus()
        self.draw_detail()

    def _take_focus(self) -> None:
        """The runs of a project that was just opened come first; else whatever can be seen."""
        opened = self.eager.bridge.project_file
        if self.eager.runs and self._focused_for != opened:
            self._focused_for = opened
            self.set_focus(self.runs)
        elif self.focused is None or not self.focused.display:
            self.set_focus(self.runs if self.eager.runs else None if self.has_class("-alone") else self.projects)

    def _draw_projects(self) -> None:
        open_file = self.eager.bridge.project_file
        known = self.eager.projects
        self.set_class((len(known) < 2 and bool(open_file)) or not known, "-alone")
        self.projects.border_title = "Projects"
        self.projects.border_subtitle = Content(f"{len(known)} known" if len(known) > 1 else "")
        self.projects.styles.max_height = min(len(known), 8) + 2
        ends = folders(known)

        def row(one: ProjectInfo) -> Row:
            return Row(str(one.file), lambda width: project_row(one, one.file == open_file, width, ends[one.file]))

        self.projects.show([row(one) for one in known])

    def draw_detail(self) -> None:
        """Draw the lines below the lists."""
        run = self.highlighted
        self.query_one("#detail").border_title = "This run" if run else "What now"
        self.query_one("#detail-text", Lines).show(lambda width: self._detail(run, width))
        self.refresh_keys()

    def _detail(self, run: RunInfo | None, width: int) -> list[Content]:
        error, lines = self.eager.project_error, []
        if error is not None:
            file = self.eager.bridge.project_file
            near = file is not None and file.is_file()  # one that is gone is named in full
            message = error.message.replace(f"{file.parent}/", "") if file and near else error.message
            lines += [line([("✗ ", "bold $error"), safe(message)]), line([(safe(error.remedy), FAINT)]), Content("")]
        return [*lines, *(run_detail(run, width) if run is not None else self._first_steps(width))]

    def _first_steps(self, width: int) -> list[Content]:
        if not self.eager.runs_read:
            return [READING]
        if self.eager.project_error is not None:
            return [line(["Mended, it is read again by itself."]), hint("E", "opens the file in your editor")]
        if self.eager.bridge.project_file is None:
            known = (("enter", "open", "the project under the cursor"),) if self.eager.projects else ()
            return welcome((*known, *BEGIN), "eagertui init DIR --interactions FILE --items FILE", width)
        return welcome(NEXT, safe(self.eager.bridge.headless("train")), width)

    def on_screen_resume(self) -> None:
        """The cursor stands on the run that was looked at last."""
        super().on_screen_resume()
        if self.eager.current is not None:
            self.runs.go_to(self.eager.current.id)

    def action_filter(self) -> None:
        """Filter the runs."""
        self.query_one(FilterBar).open()

    @property
    def highlighted_project(self) -> ProjectInfo | None:
        """The project under the cursor."""
        current = self.projects.current
        return next((one for one in self.eager.projects if str(one.file) == current), None)

    def action_delete(self) -> None:
        """Delete the run under the cursor; in the list of projects forget the one there."""
        project = self.highlighted_project
        if self.focused is self.projects and project is not None:
            self.eager.forget_project(project)
        else:
            self.eager.action_delete_run()

    @on(FilterBar.Filtered)
    def _filtered(self) -> None:
        self.news()

    @on(FilterBar.Left)
    def _left(self) -> None:
        self.runs.focus()

    @on(RowList.OptionHighlighted)
    def _moved(self) -> None:
        self.draw_detail()

    @on(RowList.OptionSelected, "#runs")
    def _chosen(self) -> None:
        if self.run_folder is not None:
            self.eager.look_at(self.run_folder)
            self.eager.action_go("train")

    @on(RowList.OptionSelected, "#projects")
    def _opened(self) -> None:
        project = self.highlighted_project
        if project is None or project.file == self.eager.bridge.project_file:
            self.runs.focus()
        elif not project.there:
            self.eager.forget_project(project)
        else:
            self.eager.open_project(project.file)


def _words(run: RunInfo) -> str:
    return f"{run.id} {run.label} {run.name} {run.recipe} {run.status.state}".lower()
