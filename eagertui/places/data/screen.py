"""Data: what is in the logs. Another process reads them; the tables are looked at piece by piece."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize

from core.errors import EagerError
from eagertui.actions import own_bindings
from eagertui.cli.output.data_profile import lines as profile_text
from eagertui.places.data.charts import chart_lines
from eagertui.places.data.lines import fault_lines, figure_lines, problem_lines, waiting_lines
from eagertui.places.data.tables import NAMES, DataTables
from eagertui.places.place import Place
from eagertui.widgets.draw import FAINT, clip, line, safe
from eagertui.widgets.lines import Fitted, Lines
from eagertui.widgets.waiting import Waiting

if TYPE_CHECKING:
    from eagertui.places.data.frames import Tables

PAGES = ("all", "figures", "charts", "table")
"""What is shown; a small screen has no room for all."""
ROOMY = (76, 22)
"""Columns and lines from which everything stands on one page."""
LOOK = 2.0
"""Seconds between two looks at the files."""


def _load(folder: Path) -> Tables:
    from eagertui.places.data.frames import Tables

    return Tables.load(folder)


def _stamp(file: Path, overrides: tuple[str, ...]) -> object:
    from core.jobs.file_changes import stamp

    return stamp(file, overrides)


class DataScreen(Place):
    """Figures and problems beside charts, above a table of everything."""

    PLACE = "data"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("data")]
    CSS_PATH = "style.tcss"
    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self._asked: tuple[Path | None, tuple[str, ...]] | None = None  # what was read, or is being read
        self._profile: dict[str, Any] = {}
        self._tables: Tables | None = None
        self._max_history = 0
        self._error: EagerError | None = None
        self._stamp: object = None
        self._page = "all"
        self._waiting = Waiting(self, self._tick)

    def body(self) -> ComposeResult:
        """The panels."""
        with VerticalScroll(id="message", classes="panel"):
            yield Lines(id="message-text")
        with Horizontal(id="above"):
            with Vertical(id="numbers"):
                yield Fitted(id="figures", classes="panel")
                with VerticalScroll(id="problems", classes="panel"):
                    yield Lines(id="problem-text")
            yield Fitted(id="charts", classes="panel")
        yield DataTables(id="below")

    def on_mount(self) -> None:
        """Name the panels, and begin to look at the files."""
        self.query_one("#message").border_title = "Data"
        self.query_one("#problems").border_title = "Problems"
        self.query_one("#charts").border_title = "Distribution"
        kind = self.eager.memory.get("data table", "interactions")
        self.tables.turn_to(kind if kind in NAMES else "interactions")
        self._lay_out()
        super().on_mount()
        self._watch_files()

    @property
    def tables(self) -> DataTables:
        """The tables below."""
        return self.query_one(DataTables)

    @property
    def ready(self) -> bool:
        """Whether there is something to show."""
        return self._tables is not None and self._error is None

    def copy_text(self) -> str:
        """The profile as `eagertui --headless check` prints it, or what went wrong."""
        if self._error is not None:
            return str(self._error)
        return "\n".join(profile_text(self._profile)) if self._profile else ""

    # --- reading ----------------------------------------------------------------------------------------------------

    def news(self) -> None:
        """Read the data, if it is another project's than before."""
        super().news()
        self.refresh_keys()
        bridge = self.eager.bridge
        asked = (bridge.project_file, bridge.overrides)
        if self._asked != asked:
            if self._asked is None or self._asked[0] != bridge.project_file:
                self._profile, self._tables, self._error = {}, None, None
                self.refresh_bindings()
            self._asked = asked
            self.action_read_again()
        elif self.ready:
            self._name_panels()

    def on_screen_resume(self) -> None:
        """What was read while another place was shown has no focus yet."""
        super().on_screen_resume()
        if self.focused is None:
            self._take_focus()

    def action_read_again(self) -> None:
        """Read the files, in a process of its own."""
        file = self.eager.bridge.project_file
        if file is not None:
            self._read(file)
            return
        self._waiting.stop()

    @work(group="read", exclusive=True, exit_on_error=False)
    async def _read(self, file: Path) -> None:
        bridge = self.eager.bridge
        self._waiting.stop()
        self._waiting.start("starting to read")
        try:
            self._stamp = await asyncio.to_thread(_stamp, file, bridge.overrides)
            told = await bridge.errand("data", str(file), *bridge.sets(), on_progress=self._waiting.start)
            self._waiting.start("opening the tables")
            tables = await asyncio.to_thread(_load, Path(told["artefact"]))
        except Exception as error:  # whatever it is, somebody waits for an answer
            self._waiting.stop()
            told_error = error if isinstance(error, EagerError) else EagerError(f"{type(error).__name__}: {error}")
            self._error = told_error
            self._say_error(told_error)
            self.refresh_bindings()
            return
        self._waiting.stop()
        self._error, self._profile, self._tables = None, told["profile"], tables
        self._max_history = int(told["max_history"])
        self._draw()
        self.tables.show(tables)

    @work(group="files", exclusive=True, exit_on_error=False)
    async def _watch_files(self) -> None:
        """Read again when a file has changed, and then stayed as it is for a moment."""
        before: object = None
        while True:
            await asyncio.sleep(LOOK)
            file = self.eager.bridge.project_file
            if file is not None and self.is_current and not self._waiting:
                now = await asyncio.to_thread(_stamp, file, self.eager.bridge.overrides)
                if now != self._stamp and now == before and not self._waiting:
                    self.action_read_again()
                before = now

    def _tick(self) -> None:
        if not self._waiting:
            return
        waiting = waiting_lines(self._waiting.text, self._waiting.seconds)
        if self.ready:
            self.query_one("#figures").border_subtitle = waiting[0]
        else:
            command = self.eager.bridge.headless("check")
            self._say(*waiting, Content(""), line([("the same without a screen", FAINT)]), line([f"  {safe(command)}"]))

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _say(self, *lines: Content) -> None:
        self.add_class("-message")
        self.query_one("#message-text", Lines).show(lambda width: lines)

    def _say_error(self, error: EagerError) -> None:
        file = self.eager.bridge.project_file
        self.add_class("-message")
        self.query_one("#message-text", Lines).show(lambda width: fault_lines(error, file, width))
        if self.is_current:
            self.query_one("#message").focus()

    def _draw(self) -> None:
        """Draw what was read."""
        profile, history, ascii_only = self._profile, self._max_history, self.eager.config.symbols == "ascii"
        self.remove_class("-message")
        self.refresh_bindings()
        figures, charts = self.query_one("#figures", Fitted), self.query_one("#charts", Fitted)
        figures.show(lambda width, height: figure_lines(profile, history, width, height))
        charts.show(lambda width, height: chart_lines(profile, width, height, ascii_only))
        self.query_one("#problem-text", Lines).show(lambda width: problem_lines(profile, width))
        self.call_after_refresh(self._name_panels)
        self._take_focus()

    def _name_panels(self) -> None:
        """Write on the borders what depends on the room there is."""
        figures = self.query_one("#figures")
        room = max(10, figures.size.width - 6)
        title = f"{self.eager.project_name} · {self._profile.get('interactions', 0):,} interactions"
        figures.border_title = Content(clip(title, room))
        if not self._waiting:
            figures.border_subtitle = Content(clip(self.eager.bridge.headless("check"), room))

    # --- pages ------------------------------------------------------------------------------------------------------

    @property
    def roomy(self) -> bool:
        """Whether everything fits on one page."""
        return self.size.width >= ROOMY[0] and self.size.height >= ROOMY[1]

    @property
    def page(self) -> str:
        """What is shown now."""
        return "figures" if self._page == "all" and not self.roomy else self._page

    def on_resize(self, event: Resize) -> None:
        """A small screen shows one panel at a time."""
        super().on_resize(event)
        self._lay_out()
        if self.ready:
            self.call_after_refresh(self._name_panels)

    def _lay_out(self) -> None:
        for one in PAGES:
            self.set_class(one == self.page, f"-{one}")

    def _take_focus(self) -> None:
        """The keys belong to what is shown."""
        if self.is_current and self.ready:
            target = {"figures": self.query_one("#problems"), "charts": None}
            self.set_focus(target.get(self.page, self.tables.table))

    def _turn_to(self, page: str) -> None:
        self._page = page
        self._lay_out()
        self.call_after_refresh(self._take_focus)

    def action_page(self, step: int) -> None:
        """Show one panel large, then the next."""
        pages = PAGES if self.roomy else ("all", "charts", "table")
        at = pages.index(self._page) if self._page in pages else 0
        self._turn_to(pages[(at + step) % len(pages)])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without data there is nothing to turn to, and without a project nothing to read."""
        if action in ("next_table", "user", "sort", "filter", "page"):
            return self.ready
        return self.eager.bridge.project_file is not None if action == "read_again" else True

    # --- tables -----------------------------------------------------------------------------------------------------

    def _with_table(self) -> bool:
        """Whether the table is in sight; where it is not, it comes."""
        if self.page in ("all", "table"):
            return self.ready
        self._turn_to("table")
        return False

    def action_next_table(self) -> None:
        """Show the next table."""
        if self._with_table():
            kinds = list(NAMES)
            self.action_table(kinds[(kinds.index(self.tables.kind) + 1) % len(kinds)])

    def action_table(self, kind: str) -> None:
        """Show one of the tables."""
        if self.ready and kind in NAMES:
            self.tables.turn_to(kind)
            self.eager.memory.set("data table", kind)

    def action_sort(self) -> None:
        """Sort by the column under the cursor."""
        if self._with_table():
            self.tables.table.sort()

    def action_filter(self) -> None:
        """Filter the table."""
        if self._with_table() or self.ready:
            self.call_after_refresh(self.tables.open_filter)

    @work(group="user", exclusive=True, exit_on_error=False)
    async def action_user(self) -> None:
        """Find a user, and open the split of the history."""
        from eagertui.places.data.detail import UserScreen

        if self._tables is not None and self.ready:
            user = await self.app.push_screen_wait(UserScreen(self._tables))
            if user is not None:
                self._open_user(user)

    def _open_user(self, user: int) -> None:
        from eagertui.places.data.detail import SplitScreen

        if self._tables is not None:
            self.app.push_screen(SplitScreen(self._tables, user, self._max_history))

    @on(DataTables.Opened)
    def _opened(self, event: DataTables.Opened) -> None:
        from eagertui.places.data.detail import RecordScreen

        if event.user is not None:
            self._open_user(event.user)
        elif event.record is not None:
            self.app.push_screen(RecordScreen(event.title, event.record))
