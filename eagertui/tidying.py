"""What the keys do to what is there already: name, pin and delete runs, free the disk, edit and forget projects."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.app import SuspendNotSupported

from core.errors import EagerError
from core.run.folder import RunFolder
from core.run.listing import RunInfo
from eagertui.cli.verbs.runs import deletion_lines
from eagertui.places.home.projects import ProjectInfo
from eagertui.plain import from_home, size, typed
from eagertui.running import RunningApp
from eagertui.widgets.draw import line

if TYPE_CHECKING:
    from core.jobs.housekeeping import Deletion


TAKES_LINE = frozenset({"vi", "vim", "nvim", "nano", "emacs", "micro", "kak"})
"""Editors that open a file at the line N of `+N`."""


class TidyingApp(RunningApp):
    """An app whose actions keep runs, the store and the list of projects tidy."""

    def _meant_run(self) -> RunInfo | None:
        """The run that the keys of the current place mean, as it was listed last."""
        folder = self.meant()
        return next((run for run in self.runs if run.folder == folder), None)

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_delete_run(self) -> None:
        """Delete the meant run and what no other run uses, after a question."""
        run = self._meant_run()
        if run is not None:
            await self._delete(await asyncio.to_thread(self.bridge.removal, run.folder), "Delete this run?")

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_prune(self) -> None:
        """Delete the artefacts that no run uses, after a question."""
        deletion = await asyncio.to_thread(self.bridge.pruning)
        if deletion.artefacts:
            await self._delete(deletion, "Free the disk?")
        else:
            self.tell("there is nothing that no run uses")

    async def _delete(self, deletion: Deletion, title: str) -> None:
        from eagertui.overlays.ask import Answer, AskScreen

        text = line(["\n".join([*deletion_lines(deletion), "It cannot be undone."])])
        answers = [Answer("no", "esc", "Keep it"), Answer("yes", "d", f"Delete {size(deletion.bytes)}", danger=True)]
        if await self.push_screen_wait(AskScreen(title, text, answers)) != "yes":
            return
        for folder in deletion.runs:
            await self._let_go(folder)
        await asyncio.to_thread(self.bridge.delete, deletion)
        self.tell(f"{size(deletion.bytes)} freed")
        self.poll_project()

    async def _let_go(self, folder: RunFolder) -> None:
        """Show and serve a run no longer."""
        if self.serving is not None and self.serving.folder == folder:
            await self.serving.close()
            self.serving = None
        if self.beside is not None and self.beside.folder == folder:
            await self.serve_beside(None)
        if self.current == folder:
            self.current = self.follower = None
        if self.chosen == folder:
            self.chosen = None
        self.asked.pop(folder.id, None)

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_name_run(self) -> None:
        """Give the meant run a name."""
        from eagertui.overlays.ask import TypeScreen

        run = self._meant_run()
        if run is None:
            return
        name = await self.push_screen_wait(TypeScreen("Name of this run", run.label, "empty: no name"))
        if name is not None:
            await asyncio.to_thread(run.folder.set_label, label=" ".join(name.split()))
            self.poll_project()

    @work(group="act", exclusive=True, exit_on_error=False)
    async def action_pin_run(self) -> None:
        """Pin the meant run, so that it is not deleted, or take the pin away."""
        run = self._meant_run()
        if run is not None:
            await asyncio.to_thread(run.folder.set_label, pinned=not run.pinned)
            self.tell("it can be deleted again" if run.pinned else "pinned: it cannot be deleted")
            self.poll_project()

    def forget_project(self, project: ProjectInfo) -> None:
        """Take a project from the list; its files stay."""
        self.memory.forget(project.file)
        if project.file == self.bridge.project_file:
            self.close_project()
        where = typed(project.file.parent)
        told = f"its files stay; `eagertui {where}` opens it again" if project.there else "its file is gone"
        self.tell(f"{from_home(project.file.parent)} is forgotten: {told}")
        self.poll_projects()

    def action_edit_project(self) -> None:
        """Open the project file in the person's own editor; what it says then counts everywhere."""
        file = self.bridge.project_file
        if file is None:
            return
        if self.bridge.demo:
            self.complain(EagerError("the demo stays as it is", "s on Home copies the bookshop; that one is yours"))
            return
        command = editor_command(file, self.project_error)
        if command is None:
            self.complain(EagerError("no editor is known", f"set EDITOR, such as EDITOR=nano; the file: {file}"))
            return
        try:
            with self.suspend():
                code = subprocess.run(command, check=False).returncode
        except (SuspendNotSupported, OSError) as error:
            self.complain(EagerError(f"{command[0]} cannot be started: {error}", "set EDITOR to another editor"))
            return
        if code != 0:
            self.tell(f"{command[0]} ended with code {code}", severity="warning")
        self.refresh(layout=True)
        self.poll_project()


def editor_command(file: Path, fault: EagerError | None) -> list[str] | None:
    """The command that edits a file, at the line of its fault where the editor is known to take one.

    It is VISUAL, else EDITOR, else nano or vi; None where there is none.
    """
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    command = shlex.split(named) or [name for name in ("nano", "vi") if shutil.which(name)][:1]
    if not command:
        return None
    at = re.match(rf"{re.escape(str(file))}:(\d+):", fault.message) if fault else None
    return [*command, *([f"+{at[1]}"] if at and Path(command[0]).name in TAKES_LINE else []), str(file)]
