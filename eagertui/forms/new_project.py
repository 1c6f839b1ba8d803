"""A new project: pick two files, look at what was guessed from them, mend it, write it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Button, Static

from core.errors import EagerError
from eagertui.actions import own_bindings
from eagertui.cli.create_project import ROLES, Peek, folder_for, peek, write_guessed
from eagertui.forms.draft import FOLDER, Draft
from eagertui.forms.form_model import Fault, near
from eagertui.forms.form_parts import copy_hint, folded_command, form_button, heading
from eagertui.forms.peek_lines import peek_lines
from eagertui.forms.pick_file import PickFileScreen
from eagertui.forms.settings_form import SettingsForm
from eagertui.widgets.draw import clip, error_lines, line, safe
from eagertui.widgets.key_bar import KeyBar
from eagertui.widgets.lines import Fitted, Lines

if TYPE_CHECKING:
    from eagertui.app import EagerApp

LOG_HINT = "one row an interaction: who, what, and when or in which order; Parquet, CSV, TSV, JSON lines, also .gz"
ITEMS_HINT = "one row an item: its id, and words about it such as title and description; n goes on without"
PATIENCE = 0.3
"""Seconds after the last change before the files are looked at again."""


def here_or_root() -> Path:
    """The working folder; the root where somebody deleted it."""
    try:
        return Path.cwd()
    except OSError:
        return Path("/")


class NewProjectScreen(Screen[Path | None]):
    """From two files to a project file, which is the answer; None where nothing was written.

    Args:
        here: the folder to look for files in first, and to put the new folder in; the working directory by default.
    """

    PLACE = "new"
    CSS_PATH = "new_project.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("new")]
    AUTO_FOCUS = "SettingList"

    def __init__(self, here: Path | None = None) -> None:
        super().__init__()
        self._here = here or here_or_root()
        self._draft: Draft | None = None
        self._peeks: dict[str, Peek] = {}
        self._looking = False

    @property
    def eager(self) -> EagerApp:
        """The app, by its own type."""
        return cast("EagerApp", self.app)

    def compose(self) -> ComposeResult:
        """The settings, the beginnings of the files, the command, and the buttons."""
        yield Lines(id="where")
        with Horizontal(id="columns"):
            yield SettingsForm(id="settings", classes="panel")
            with Vertical(id="files"):
                yield Fitted(id="log", classes="panel")
                yield Fitted(id="items", classes="panel")
        with Vertical(id="below"):
            yield Lines(id="verdict")
            yield Lines(id="command")
            with Horizontal(id="buttons"):
                yield form_button("w", "Write", "write", "success")
                yield form_button("esc", "Other files", "back")
                yield Static(copy_hint(), id="copy", markup=False)
        yield KeyBar()

    def on_mount(self) -> None:
        """Begin with the files."""
        self.query_one("#where", Lines).show(lambda width: [heading("New project", "", "3 of 3 · check, write", width)])
        self.query_one("#settings").border_title = "What was guessed"
        self._pick(1)

    def copy_text(self) -> str:
        """The command."""
        return self._draft.command if self._draft else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is typed, the keys are letters."""
        editing = any(form.editing for form in self.query(SettingsForm))
        return not (editing and action in ("write", "default", "filter"))

    # --- the files --------------------------------------------------------------------------------------------------

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def _pick(self, step: int, *, only: bool = False) -> None:
        """Pick the log (1) and the item table (2), or only one of them."""
        draft = self._draft
        log = draft.interactions if draft else None
        items: Path | None = draft.items if draft else None
        while step < 3:
            picked = await self.app.push_screen_wait(self._picker(step, log, items))
            if picked is None and (only or step == 1):
                if not only:
                    self.dismiss(None)
                return
            if picked is None:
                step = 1
            elif step == 1:
                log, step = Path(picked), 3 if only else 2
            else:
                items, step = Path(picked) if picked else None, 3
        assert log is not None
        self._begin(log, items)

    def _picker(self, step: int, log: Path | None, items: Path | None) -> PickFileScreen:
        found = log if step == 1 else items or log
        question = "Which file holds the interactions?" if step == 1 else "Which file describes the items?"
        hint = LOG_HINT if step == 1 else ITEMS_HINT
        start = next((folder for folder in (found or self._here / "x").parents if folder.is_dir()), self._here)

        def look(path: Path) -> None:
            self._peeks["log" if step == 1 else "items"] = peek(path)

        at = found.name if found else ""
        return PickFileScreen(f"{step} of 3", question, hint, start, at=at, optional=step == 2, check=look)

    def _begin(self, log: Path, items: Path | None) -> None:
        """Draft a project from the picked files; what was told of columns that are still there stays."""
        columns = self._peeks["log"].columns
        item_columns = self._peeks["items"].columns if items else ()
        told = dict(self._draft.told) if self._draft else {}
        for role in ROLES:
            there = item_columns if role == "item_key" else columns
            if told.get(f"data.{role}", "") not in ("", *there):
                del told[f"data.{role}"]
        if self._draft and set(meant_columns(self._draft, "data.text")[1]) - set(item_columns):
            told.pop("data.text", None)
        directory = self._draft.directory if self._draft else folder_for(log, self._here)
        self._draft = Draft(log, items, directory, told=told, log_columns=columns, item_columns=item_columns)
        self._show_files()
        self._look(0.0)

    @work(group="guess", exclusive=True, exit_on_error=False)
    async def _look(self, patience: float) -> None:
        """Guess the columns, with what was told."""
        if self._draft is None:
            return
        self._looking = True
        self._show()
        await asyncio.sleep(patience)
        try:
            result = await self.eager.bridge.errand("guess", *self._draft.guess_arguments, on_progress=None)
            self._draft = self._draft.with_guess(result)
        except EagerError as error:
            self._draft = replace(self._draft, failed=Fault("", error.message, error.remedy))
        self._looking = False
        self._check()
        if not self._draft.guessed and self._draft.trouble is not None:
            self.query_one("#settings", SettingsForm).go_to(self._draft.trouble.key)

    @work(group="check", exclusive=True, exit_on_error=False)
    async def _check(self) -> None:
        """See whether the values go together."""
        self._show()
        draft = self._draft
        if draft is not None:
            checked = await asyncio.to_thread(draft.checked)
            if self._draft is draft:
                self._draft = checked
                self._show()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        draft = self._draft
        if draft is None:
            return
        self.query_one("#settings", SettingsForm).show(draft.groups)
        self.query_one("#command", Lines).show(
            lambda width: folded_command(draft.command, width, 1 if self.has_class("-short") else 3)
        )
        self.query_one("#verdict", Lines).show(lambda width: self._verdict(draft))
        self._show_files()

    def _verdict(self, draft: Draft) -> list[Content]:
        if self._looking:
            return [line([("◐ ", "bold $accent"), "looking at the files …"])]
        if (fault := draft.trouble) is not None:
            name = f"{fault.key.removeprefix('data.')}: " if fault.key else ""
            return error_lines(f"{name}{fault.message}", fault.remedy)
        path = safe(near(draft.directory / "project.toml"))
        return [line([("✓ ", "bold $success"), "ready; ", ("w", "bold $accent"), f" writes {path}"])]

    def _show_files(self) -> None:
        """The beginnings of the two files; on a small screen that of the one that the cursor speaks of."""
        draft = self._draft
        if draft is None:
            return
        current = self.query_one("#settings", SettingsForm).current
        log, items = meant_columns(draft, current.key if current else "")
        self.set_class(current is not None and current.key in ("data.items", "data.item_key", "data.text"), "-items")
        self.set_class(draft.items is None, "-alone")
        for name, path, meant in (("log", draft.interactions, log), ("items", draft.items, items)):
            if path is not None and (found := self._peeks.get(name)) is not None:
                panel = self.query_one(f"#{name}", Fitted)
                panel.border_title = Content(clip(path.name, 40))
                panel.border_subtitle = Content(f"{len(found.columns)} columns" + _more_files(found.files))
                panel.show(lambda width, height, found=found, meant=meant: peek_lines(found, meant, width, height))  # type: ignore[misc]

    # --- keys -------------------------------------------------------------------------------------------------------

    @work(group="write", exclusive=True, exit_on_error=False)
    async def action_write(self) -> None:
        """Write the project and answer with its file."""
        while self._looking:
            await asyncio.sleep(0.05)
        draft = self._draft = await asyncio.to_thread(self._draft.checked) if self._draft else None
        if draft is None:
            return
        if (fault := draft.trouble) is not None:
            self._show()
            self.query_one("#settings", SettingsForm).go_to(fault.key)
            self.eager.tell(fault.message, severity="error")
            return
        try:
            path = await asyncio.to_thread(write_guessed, draft.directory, draft.guessed, draft.values)
        except EagerError as error:
            self.eager.complain(error)
            return
        self.dismiss(path)

    def action_default(self) -> None:
        """Give the setting under the cursor the guessed value again."""
        self.query_one("#settings", SettingsForm).default()

    def action_filter(self) -> None:
        """Let somebody filter the settings."""
        self.query_one("#settings", SettingsForm).filter()

    def action_back(self) -> None:
        """Back to the choice of the files."""
        self._pick(2)

    @on(SettingsForm.Edited)
    def _edited(self, event: SettingsForm.Edited) -> None:
        if self._draft is None:
            return
        self._draft = self._draft.with_text(event.key, event.text)
        if event.key == FOLDER or event.key.startswith("data."):
            self._look(PATIENCE)  # the rest of the guess builds on these
        else:
            self._check()

    @on(SettingsForm.Moved)
    def _moved(self) -> None:
        self._show_files()

    @on(SettingsForm.FileWanted)
    def _file_wanted(self, event: SettingsForm.FileWanted) -> None:
        self._pick(1 if event.key == "data.interactions" else 2, only=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "write":
            self.action_write()
        else:
            self.action_back()


def meant_columns(draft: Draft, key: str) -> tuple[set[str], set[str]]:
    """The columns of the log and of the item table that a field names."""
    values = {one.key: one.value for one in draft.fields if one.key.startswith("data.")}
    role = key.removeprefix("data.")
    if key == "data.text":
        return set(), set(values[key] or ())
    if key == "data.item_key":
        return {values["data.item"]}, {values[key] or values["data.item"]}
    return ({values[key]} if role in ROLES else set()), set()


def _more_files(files: int) -> str:
    return f" · {files:,} files" if files > 1 else ""
