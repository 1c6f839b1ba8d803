"""Before a training: its settings, what it would do and cost, and the command that does the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, Static

from core.errors import EagerError
from eagertui.actions import own_bindings
from eagertui.cli.verbs.index import ONLY_INDEX
from eagertui.forms.form_model import RunForm, near, train_command
from eagertui.forms.form_parts import button_label, copy_hint, folded_command, form_button, heading
from eagertui.forms.plan_lines import plan_lines, refusal, short_plan_lines
from eagertui.forms.settings_form import SettingsForm
from eagertui.widgets.draw import error_lines, line
from eagertui.widgets.key_bar import KeyBar
from eagertui.widgets.lines import Draw, Lines
from eagertui.widgets.run_lines import hint

if TYPE_CHECKING:
    from eagertui.app import EagerApp

FILE_INTERVAL = 1.0
"""Seconds between two looks at whether the project file was changed."""
PATIENCE = 0.6
"""Seconds without a change after which the figures are computed again."""


def _stamp(file: Path) -> object:
    """What changes when a file is written; None where it cannot be seen."""
    with contextlib.suppress(OSError):
        stat = file.stat()
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
    return None


@dataclass(frozen=True)
class StartChoice:
    """What to train: the changes to the project file, and whether it is a new run in any case."""

    overrides: tuple[str, ...]
    new: bool


class StartScreen(Screen[StartChoice | None]):
    """The form before a training.

    Args:
        project_file: the project.
        overrides: `--set` texts that the form begins with.
        setting: the key that the cursor stands on at first; of several stages the first one's.
    """

    PLACE = "start"
    CSS_PATH = "start_training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("start")]
    AUTO_FOCUS = "SettingList"

    def __init__(self, project_file: Path, overrides: Sequence[str], setting: str = "") -> None:
        super().__init__()
        self._first = setting.replace("tune.stages.", "tune.stages.0.")
        self.project_file = project_file
        self._given = tuple(overrides)
        self._form: RunForm | None = None
        self._plan: dict[str, Any] | None = None
        self._changing = asyncio.Lock()

    @property
    def eager(self) -> EagerApp:
        """The app, by its own type."""
        return cast("EagerApp", self.app)

    @property
    def overrides(self) -> tuple[str, ...]:
        """What was changed, as `--set` texts; it can be given to the next form."""
        return self._form.overrides if self._form is not None else self._given

    @property
    def continues(self) -> bool:
        """Whether there is a run that would go on."""
        return bool(self._plan and self._plan.get("continues"))

    def compose(self) -> ComposeResult:
        """The settings, the figures, the command, and the buttons."""
        yield Lines(id="where")
        with Horizontal(id="columns"):
            yield SettingsForm(id="settings", classes="panel")
            with VerticalScroll(id="figures", classes="panel", can_focus=False):
                yield Lines(id="plan")
        with Vertical(id="below"):
            yield Lines(id="command")
            with Horizontal(id="buttons"):
                yield form_button("t", "Start", "start", "success")
                yield form_button("n", "New run", "new")
                yield form_button("esc", "Back", "back")
                yield Static(copy_hint(), id="copy", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the project."""
        self.query_one("#settings").border_title = "Settings"
        self.query_one("#figures").border_title = "What it will do"
        self._follow_file()

    def copy_text(self) -> str:
        """The command."""
        return train_command(self.project_file, self.overrides)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A new run is a choice only where one could go on; without settings, or while one is typed, nothing begins."""
        editing = any(form.editing for form in self.query(SettingsForm))
        if (editing or self._form is None) and action in ("start", "start_new", "default", "filter"):
            return False
        return self.continues if action == "start_new" else True

    # --- the settings -----------------------------------------------------------------------------------------------

    @work(group="file", exclusive=True, exit_on_error=False)
    async def _follow_file(self) -> None:
        """Read the project file, and again whenever somebody has changed it; what was changed here is kept."""
        seen: object = None
        while True:
            stamp = await asyncio.to_thread(_stamp, self.project_file)
            if stamp != seen:
                seen = stamp
                await self._read()
            await asyncio.sleep(FILE_INTERVAL)

    async def _read(self) -> None:
        async with self._changing:
            self._given = self.overrides
            try:
                self._form = await asyncio.to_thread(RunForm.load, self.project_file, self._given)
            except EagerError as error:
                self._form = self._plan = None
                self._show_broken(error)
                return
        was_broken = self.has_class("-broken")
        self.remove_class("-broken")
        self.query_one("#figures").border_title = "What it will do"
        self._show(0.0)
        if self._first:
            self.query_one("#settings", SettingsForm).go_to(self._first)
            self._first = ""
        if was_broken:
            self.query_one("#settings", SettingsForm).focus_list()

    @work(group="form", exit_on_error=False)
    async def _change(self, key: str, text: str | None) -> None:
        async with self._changing:  # one after the other, each on what the one before has left
            if self._form is None:
                return
            try:
                self._form = await asyncio.to_thread(self._form.with_text, key, text)
            except EagerError as error:
                self.eager.complain(error)
                return
        self._show(PATIENCE)

    def _show(self, patience: float) -> None:
        if self._form is None:
            return
        form = self._form
        name = next((one.value_text for one in form.fields if one.key == "name"), "")
        what = "Build index" if ONLY_INDEX in self.overrides else "Train"
        self.query_one("#where", Lines).show(lambda width: [heading(what, name, near(self.project_file), width)])
        self.query_one("#settings", SettingsForm).show(form.groups)
        self.query_one("#command", Lines).show(self._command)
        self._compute(patience)

    def _command(self, width: int) -> list[Content]:
        return folded_command(self.copy_text(), width, 3 if self.has_class("-short") else 4)

    def _show_broken(self, error: EagerError) -> None:
        self.add_class("-broken")
        message = error.message.replace(f"{self.project_file.parent}/", "")
        self.query_one("#figures").border_title = "The project file cannot be read"
        keys = hint("E", "opens the file in your editor", "esc", "back")
        again = line(["Mended, it is read again by itself."])
        self._tell([*error_lines(message, error.remedy), Content(""), again, keys])

    @on(SettingsForm.Edited)
    def _edited(self, event: SettingsForm.Edited) -> None:
        self._change(event.key, event.text)

    # --- the figures ------------------------------------------------------------------------------------------------

    @work(group="plan", exclusive=True, exit_on_error=False)
    async def _compute(self, patience: float) -> None:
        if self._form is not None and self._form.trouble is not None:
            self._plan = None
            fault = self._form.trouble
            name = f"{fault.key}: " if fault.key else ""
            self._tell([*error_lines(f"{name}{fault.message}", fault.remedy), Content(""), line(["Mend it to start."])])
            return
        self._draw_plan(computing=True)
        await asyncio.sleep(patience)
        sets = [part for text in self.overrides for part in ("--set", text)]
        try:
            self._plan = await self.eager.bridge.errand("plan", str(self.project_file), *sets, on_progress=None)
        except EagerError as error:
            self._plan = None
            self._tell(error_lines(error.message, error.remedy))
            return
        self._draw_plan(computing=False)

    def _draw_plan(self, *, computing: bool) -> None:
        plan = self._plan or {}
        figures = self.query_one("#figures")
        figures.set_class(computing and bool(plan), "-stale")
        figures.border_subtitle = "computing …" if computing else ""

        def draw(width: int) -> list[Content]:
            if not plan:
                return [line([("◐ ", "bold $accent"), "computing …"])]
            small = self.has_class("-short") and (self.has_class("-narrow") or self.has_class("-tiny"))
            return short_plan_lines(plan, width) if small else plan_lines(plan, width)

        self._tell_by(draw)

    def _tell(self, lines: Sequence[Content]) -> None:
        figures = self.query_one("#figures")
        figures.remove_class("-stale")
        figures.border_subtitle = ""
        self._tell_by(lambda width: lines)

    def _tell_by(self, draw: Draw) -> None:
        self.query_one("#plan", Lines).show(draw)
        self.query_one("#new", Button).display = self.continues
        self.query_one("#start", Button).label = button_label("t", "Go on" if self.continues else "Start")
        self.refresh_bindings()

    # --- keys -------------------------------------------------------------------------------------------------------

    @work(group="start", exclusive=True, exit_on_error=False)
    async def action_start(self, new: bool = False) -> None:
        """Train with these settings."""
        async with self._changing:  # what was typed last counts too
            form = self._form
        if form is None:
            return
        if form.trouble is not None:
            fault = form.trouble
            self.query_one("#settings", SettingsForm).go_to(fault.key)
            self.eager.tell(f"{fault.key}: {fault.message}" if fault.key else fault.message, severity="error")
            return
        message, remedy = refusal(self._plan or {})
        if message:
            self.eager.complain(EagerError(message, remedy))
            return
        self.dismiss(StartChoice(form.overrides, new))

    def action_start_new(self) -> None:
        """Train as a new run."""
        self.action_start(new=True)

    def action_default(self) -> None:
        """Give the setting under the cursor its value of the project file."""
        self.query_one("#settings", SettingsForm).default()

    def action_filter(self) -> None:
        """Let somebody filter the settings."""
        self.query_one("#settings", SettingsForm).filter()

    def action_back(self) -> None:
        """Back without a start."""
        self.dismiss(None)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "copy":
            self.app.copy_to_clipboard(self.copy_text())
            self.eager.tell("the command is copied")
        else:
            getattr(
                self, {"start": "action_start", "new": "action_start_new"}.get(str(event.button.id), "action_back")
            )()
