"""Pick the file of a table: a path that is typed, above the folder that it names.

`textual-autocomplete` 4.0.6 (MIT, September 2025) does not serve: its `PathAutoComplete` reads the folder on the event
loop at each key (3 s at 10,000 files, 20 s at 50,000) and knows no `~`, no root and no patterns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input
from textual.worker import get_current_worker

from core.errors import EagerError
from core.files import address_of
from eagertui.actions import own_bindings
from eagertui.forms.folders import SHOWN, SIGNS, Entry, Listing, completed, folder_text, list_folder, split_path
from eagertui.forms.form_parts import heading
from eagertui.plain import size
from eagertui.widgets.draw import FAINT, Part, clip, error_lines, line, safe, spread, when
from eagertui.widgets.key_bar import KeyBar
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import Row, RowList
from eagertui.widgets.typed_line import TypedLine

UP = ".."


class PathInput(TypedLine):
    """Where a path is typed; the list below follows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "screen.complete", "Complete", key_display="tab"),
        Binding("down", "screen.to_list", "To the list", show=False),
        Binding("escape", "screen.leave", "To the list", key_display="esc"),
    ]


class PickFileScreen(Screen[str | None]):
    """A file, a folder of files or a pattern; None is the way back, "" that there is none.

    Args:
        title: where in the whole one is.
        question: which file is wanted.
        hint: what such a file looks like.
        start: the folder to begin in.
        at: what the cursor is on at first, if it is there.
        form: what the file is for.
        optional: whether there may be none.
        check: looks at what was picked, in a thread; an EagerError is shown, and another file can be picked.
    """

    CSS_PATH = "pick_file.tcss"
    PLACE = "pick"
    AUTO_FOCUS = "RowList"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("pick")]

    @dataclass
    class Listed(Message):
        """A folder has been read."""

        folder: Path
        wanted: str
        listing: Listing
        error: EagerError | None

    def __init__(
        self, title: str, question: str, hint: str, start: Path, *, at: str = "",
        form: str = "New project", optional: bool = False, check: Callable[[Path], object] = lambda path: None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._title, self._question, self._hint = title, question, hint
        self._form, self._optional, self._check = form, optional, check
        self._start = self._folder = start
        self._at = at
        self._every = False
        self._listing: Listing | None = None
        self._error: EagerError | None = None
        self._busy = ""

    def compose(self) -> ComposeResult:
        """The path above the list."""
        yield Lines(id="where")
        with Vertical(id="pick", classes="panel"):
            yield PathInput(folder_text(self._start), compact=True, select_on_focus=False)
            yield RowList(id="entries")
            yield Lines(id="note")
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the folder."""
        self.query_one("#where", Lines).show(lambda width: [heading(self._form, "", self._title, width)])
        self.query_one("#pick").border_title = Content(self._question)
        self._read()
        self._note()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None is an answer only where it may be; while a path is typed, the keys are letters."""
        if action in ("type", "every", "up", "folder", "none") and isinstance(self.focused, PathInput):
            return False
        return self._optional if action == "none" else True

    # --- the folder -------------------------------------------------------------------------------------------------

    @property
    def _typed(self) -> str:
        return self.query_one(PathInput).value

    @work(group="list", thread=True, exclusive=True, exit_on_error=False)
    def _read(self) -> None:
        worker = get_current_worker()
        folder, wanted = split_path(self._typed, self._start)
        try:
            listing = list_folder(folder, wanted, every=self._every, stopped=lambda: worker.is_cancelled)
            error = None
        except EagerError as fault:
            listing, error = Listing((), 0, 0, True), None if address_of(self._typed) else fault
        if listing is not None and not worker.is_cancelled:
            self.post_message(self.Listed(folder, wanted, listing, error))

    def on_pick_file_screen_listed(self, event: Listed) -> None:
        """Show what the folder holds, unless somebody has typed on."""
        folder, wanted, listing = event.folder, event.wanted, event.listing
        if (folder, wanted) != split_path(self._typed, self._start):
            return
        self._listing, self._error, self._folder = listing, event.error, folder
        rows = [Row(UP, lambda width: line([("▴ ", FAINT), ("..", "bold"), ("  the folder above", FAINT)], width))]
        rows = [] if wanted or folder == folder.parent or address_of(self._typed) else rows
        rows += [Row(one.name, lambda width, one=one: entry_line(one, width)) for one in listing.entries]  # type: ignore[misc]
        entries = self.query_one(RowList)
        entries.show(rows)
        if entries.current == UP and len(rows) > 1:
            entries.highlighted = 1
        entries.go_to(self._at)
        self._at = ""
        told = f"{listing.matching:,}{'' if listing.whole else ' or more'} shown"
        if listing.matching > SHOWN:
            told = f"{SHOWN} of {listing.matching:,}: type a part of the name"
        elif listing.hidden:
            told += f" · {listing.hidden:,} hidden"
        self.query_one("#pick").border_subtitle = told
        self._note()

    def _note(self) -> None:
        if self._error is not None:
            lines = error_lines(self._error.message, self._error.remedy)
        elif self._busy:
            lines = [line([("◐ ", "bold $accent"), (f"looking at {safe(self._busy)} …", "")])]
        elif address_of(self._typed):
            lines = [line([("an address: ", FAINT), ("enter", "bold $accent"), (" copies it to this machine", FAINT)])]
        elif self._listing is not None and not self._listing.entries:
            there = (
                "nothing here is named so" if split_path(self._typed, self._start)[1] else "no table here by its name"
            )
            more: list[Part] = [("; ", ""), (".", "bold $accent"), (" in the list shows every file", "")]
            lines = [line([there, *(more if self._listing.hidden else ())])]
        else:
            lines = [line([(self._hint, FAINT)])]
        self.query_one("#note", Lines).show(lambda width: lines)

    def _go(self, folder: Path) -> None:
        entry = self.query_one(PathInput)
        entry.value = folder_text(folder)
        entry.cursor_position = len(entry.value)

    # --- picking ----------------------------------------------------------------------------------------------------

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def _take(self, path: Path) -> None:
        self._error, self._busy = None, path.name or str(path)
        self._note()
        try:
            str(path).encode()
            await asyncio.to_thread(self._check, path)
        except EagerError as error:  # the path stands above
            self._error = EagerError(error.message.replace(f"{path.parent}/", ""), error.remedy)
        except UnicodeEncodeError:
            self._error = EagerError("the name of this file is not UTF-8 text", "rename it; a project file is UTF-8")
        self._busy = ""
        if self._error is None:
            self.dismiss(str(path))
        else:
            self._note()

    @on(RowList.OptionSelected)
    def _chosen(self, event: RowList.OptionSelected) -> None:
        name = self.query_one(RowList).row_at(event.option_index)
        entry = next((one for one in self._listing.entries if one.name == name), None) if self._listing else None
        if name == UP:
            self.action_up()
        elif entry is not None and entry.folder:
            self._go(self._folder / name)
        else:
            self._take(self._folder / name)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._error = None
        self._read()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        folder, last = split_path(event.value, self._start)
        entries = self._listing.entries if self._listing else ()
        named = next((one for one in entries if one.name == last), entries[0] if last and len(entries) == 1 else None)
        if address_of(event.value) or any(sign in event.value for sign in SIGNS) or (last and not entries):
            self._take(folder / last)  # a pattern; or what is not there, which is said then
        elif named is None:
            self.action_to_list()
        elif named.folder:
            self._go(folder / named.name)
        else:
            self._take(folder / named.name)

    # --- keys -------------------------------------------------------------------------------------------------------

    def action_type(self) -> None:
        """Type a path."""
        self.set_focus(self.query_one(PathInput))

    def action_to_list(self) -> None:
        """Go to the list."""
        self.query_one(RowList).focus()

    def action_leave(self) -> None:
        """Go to the list; a name that is only begun filters no longer."""
        self._go(self._start if address_of(self._typed) else split_path(self._typed, self._start)[0])
        self.action_to_list()

    def action_complete(self) -> None:
        """Complete the name that is typed, as far as it is clear."""
        folder, last = split_path(self._typed, self._start)
        entries = self._listing.entries if self._listing else ()
        known = {one.name: one.folder for one in entries}
        name = next(iter(known)) if len(known) == 1 else completed(list(known), last)
        entry = self.query_one(PathInput)
        entry.value = folder_text(folder) + name + ("/" if known.get(name) else "")
        entry.cursor_position = len(entry.value)

    def action_every(self) -> None:
        """Show every file, or only folders and tables again."""
        self._every = not self._every
        self._read()

    def action_up(self) -> None:
        """Go to the folder above."""
        self._go(split_path(self._typed, self._start)[0].parent)

    def action_folder(self) -> None:
        """Take all files of the folder that is shown."""
        self._take(self._folder)

    def action_none(self) -> None:
        """There is no such file."""
        self.dismiss("")

    def action_back(self) -> None:
        """Back without a file."""
        self.dismiss(None)


def entry_line(entry: Entry, width: int) -> Content:
    """A file or folder: name, size, day."""
    day = f"{when(entry.changed) if entry.changed else '':>11}"
    right: list[Part] = (
        [(f"{size(entry.size) if entry.size >= 0 else '':>9}  ", ""), (day, FAINT)] if width >= 44 else []
    )
    name = clip(entry.name, max(8, width - (24 if right else 3)))
    left: list[Part] = [("▸ ", FAINT), (f"{name}/", "bold")] if entry.folder else [("  ", ""), (name, "")]
    return spread(left, right, width) if right else line(left, width)
