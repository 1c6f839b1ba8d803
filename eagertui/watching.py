"""The app's knowledge of a project: its runs, the run that is watched, the process that serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from textual import work
from textual.signal import Signal
from textual.worker import Worker, WorkerState

from core.errors import EagerError
from core.run.folder import RunFolder
from core.run.follow import Follower
from core.run.listing import RunInfo
from core.run.status import Status
from core.serve.client import ServingClient
from eagertui.bridge import Bridge
from eagertui.config import Memory, keep_traceback
from eagertui.pace import Pace, PacedApp
from eagertui.places.home.projects import ProjectInfo, ProjectList
from eagertui.widgets.draw import safe
from eagertui.widgets.run_lines import summary

Severity = Literal["information", "warning", "error"]
RUNS_INTERVAL = 1.0
"""Seconds between two looks at the list of runs."""
PROJECTS_INTERVAL = 3.0
"""Seconds between two looks at the other projects."""
NOTES = 3
"""Notes on a project file that are shown, at most."""


class WatchingApp(PacedApp):
    """Looks at the project through the bridge and tells the places when something changed.

    Args:
        bridge: the way to the engine.
        memory: what is remembered from one day to the next.
    """

    def __init__(self, bridge: Bridge, memory: Memory) -> None:
        super().__init__()
        self.bridge, self.memory, self.pace = bridge, memory, Pace(self)
        self.projects: list[ProjectInfo] = []
        """Known projects, the one that was opened last at the front."""
        self.wanted: tuple[str, ...] | None = None
        """`--set` texts that the form before a training was left with; None before it was opened."""
        self.runs: list[RunInfo] = []
        self.runs_read = False
        self.project_name = ""
        self.project_error: EagerError | None = None
        self._notes: tuple[str, ...] = ()
        self.current: RunFolder | None = None
        """The run of the Train place."""
        self._ended_group = ""
        """The group of that run, once it has ended well: the next one of the group takes its place."""
        self.chosen: RunFolder | None = None
        """The run that the Explore place was asked to show."""
        self.follower: Follower | None = None
        self.manifest: dict[str, Any] = {}
        self.metrics: dict[str, Any] = {}
        self.printed: list[str] = []
        """The last lines that a dead engine printed."""
        self.asked: dict[str, float] = {}
        """Runs that were asked to stop here, and when (monotonic seconds)."""
        self.serving: ServingClient | None = None
        self.beside: ServingClient | None = None
        """Of another run whose list stands beside."""
        self.runs_changed: Signal[None] = Signal(self, "runs-changed")
        self.run_changed: Signal[None] = Signal(self, "run-changed")

    def tell(self, text: str, severity: Severity = "information", title: str = "") -> None:
        """A message at the corner of the screen; foreign text in it is never markup."""
        self.notify(safe(text), title=title, severity=severity, markup=False)

    def tell_list(self, title: str, rows: Sequence[str]) -> None:
        """A message of several lines, for as long as it takes to read them."""
        text = "\n".join(safe(row) for row in rows)
        self.notify(text, title=title, severity="warning", markup=False, timeout=10 + 2 * len(rows))

    def complain(self, error: EagerError) -> None:
        """Say what went wrong and what can be done."""
        text = safe(error.message) + (f"\n{safe(error.remedy)}" if error.remedy else "")
        self.notify(text, title="That did not work", severity="error", markup=False, timeout=10)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that fell over by a mistake of ours: say so, keep the traceback, and look again in a while."""
        error = event.worker.error
        if event.state is not WorkerState.ERROR or error is None:
            return
        if isinstance(error, EagerError):
            self.complain(error)
        else:
            remedy = f"a mistake of the app; it is noted in {keep_traceback(error)}"
            self.complain(EagerError(f"{type(error).__name__}: {error}", remedy))
        again = {"project": self.poll_project, "projects": self.poll_projects}.get(event.worker.group)
        if again is not None:
            self.set_timer(PROJECTS_INTERVAL, again)
        elif event.worker.group == "watch" and (folder := self.current) is not None:
            self.set_timer(PROJECTS_INTERVAL, lambda: self._watch(folder))

    @work(group="project", exclusive=True, exit_on_error=False)
    async def poll_project(self) -> None:
        """Keep the list of runs and the project file's state up to date."""
        seen: object = None
        while True:
            stamp = await asyncio.to_thread(self._project_stamp)
            news = stamp != seen
            if news:
                seen = stamp
                await self._check_project()
            runs = await asyncio.to_thread(self.bridge.runs)
            if news or not self.runs_read or runs != self.runs:
                self._tell_ended(self.runs, runs)
                self._go_on_with_group(runs)
                self.runs, self.runs_read = runs, True
                if self.current is None and runs:
                    self.look_at(next((r.folder for r in runs if r.status.live), runs[0].folder))
                self.runs_changed.publish(None)
            await asyncio.sleep(RUNS_INTERVAL)

    @work(group="projects", exclusive=True, exit_on_error=False)
    async def poll_projects(self) -> None:
        """Keep the list of known projects up to date while somebody looks at it."""
        known = ProjectList()
        while True:
            if self.current_mode == "home":
                await asyncio.to_thread(self.memory.read_again)
                files = [file for file, _ in self.memory.projects]
                if self.bridge.project_file is not None and self.bridge.project_file not in files:
                    files.insert(0, self.bridge.project_file)
                projects = await asyncio.to_thread(known.look, files, dict(self.memory.projects))
                if projects != self.projects:
                    self.projects = projects
                    self.runs_changed.publish(None)
            await asyncio.sleep(PROJECTS_INTERVAL)

    def close_project(self) -> None:
        """Have no project open."""
        self.open_project(None)

    def open_project(self, path: Path | None) -> None:
        """Turn to another project."""
        self.bridge.open(path)
        self.runs, self.runs_read = [], False
        self.wanted = None
        self.current = self.chosen = self.follower = None
        self.poll_project()
        self.poll_projects()

    def _project_stamp(self) -> object:
        file = self.bridge.project_file
        with contextlib.suppress(OSError):
            return (file, file.stat().st_mtime_ns) if file else None
        return (file, 0)

    async def _check_project(self) -> None:
        self.project_error, file = None, self.bridge.project_file
        self.project_name = file.parent.name if file else ""
        if file is not None:
            try:
                self.project_name, notes = await asyncio.to_thread(self.bridge.check_project)
                if not self.bridge.demo:  # it is no project of theirs, and one key away
                    self.memory.opened(file, self.project_name)
                    self.poll_projects()  # the list has it by its folder's name until now
                self._tell_notes(notes)
            except EagerError as error:
                self.project_error = error

    def _tell_notes(self, notes: tuple[str, ...]) -> None:
        """Say what a person should know of the project file, once for as long as it stays so."""
        before, self._notes = self._notes, notes
        if notes and notes != before:
            more = (f"and {len(notes) - NOTES} more",) if len(notes) > NOTES else ()
            here = f"{self.bridge.project_file.parent}/" if self.bridge.project_file else ""
            self.tell_list("The project file", [*(note.removeprefix(here) for note in notes[:NOTES]), *more])

    def _tell_ended(self, before: list[RunInfo], now: list[RunInfo]) -> None:
        live = {run.id for run in before if run.status.live}
        for run in now:
            if run.id in live and not run.status.live:
                self.asked.pop(run.id, None)
                if self.current == run.folder and run.status.state == "finished":
                    self._ended_group = run.group
                bad = run.status.state in ("failed", "lost")
                self.bell()  # tmux and terminals mark the window: somebody may be elsewhere
                self.tell(summary(run), severity="error" if bad else "information", title="A run ended")

    def _go_on_with_group(self, now: list[RunInfo]) -> None:
        """Where the watched run has ended well, watch the run of its group that is at work after it."""
        follower = next((run for run in now if self._ended_group == run.group != "" and run.status.live), None)
        if follower is not None:
            self.look_at(follower.folder)

    def look_at(self, folder: RunFolder) -> None:
        """Make a run the one that the Train place shows."""
        if self.current is not None and self.current.path == folder.path and self.follower is not None:
            return
        self.current, self.follower, self._ended_group = folder, None, ""
        self._watch(folder)

    @work(group="watch", exclusive=True, exit_on_error=False)
    async def _watch(self, folder: RunFolder) -> None:
        """Follow a run for as long as it is the current one."""
        self.manifest, self.metrics, self.printed = await asyncio.to_thread(folder.manifest), {}, []
        async for follower in self.bridge.watch(folder):
            over = not follower.status.live
            if over:
                self.asked.pop(folder.id, None)
            self.metrics = await asyncio.to_thread(folder.metrics) if over else {}
            self.printed = await asyncio.to_thread(folder.log_tail, 12) if over else []
            self.follower = follower
            self.run_changed.publish(None)
            await self.pace.rest()

    def status_of(self, folder: RunFolder) -> Status | None:
        """How a run stood at the last look at it; None where it is unknown."""
        if self.follower is not None and self.follower.folder.path == folder.path:
            return self.follower.status
        return next((run.status for run in self.runs if run.folder.path == folder.path), None)

    def explore_folder(self) -> RunFolder | None:
        """The run whose model the Explore place asks.

        It is the one that was chosen there, else the one at work there already, else the current or the newest that
        is finished, else the newest in training that has a checkpoint: a run that ends meanwhile does not take the
        place of another under a person's eyes.
        """
        ready = [run for run in self.runs if run.explorable]
        ready.sort(key=lambda run: run.status.state != "finished")
        known = {run.folder.path: run.folder for run in ready}
        wanted = (self.chosen, self.serving.folder if self.serving else None, self.current)
        for folder in wanted:
            if folder is not None and folder.path in known:
                return known[folder.path]
        return next(iter(known.values()), None)

    async def serve(self, folder: RunFolder, on_progress: Callable[[str], None]) -> ServingClient:
        """A new serving process instead of the one before."""
        old, self.serving = self.serving, self.bridge.serving(folder, on_progress)
        if old is not None:
            await asyncio.shield(old.close())  # it must end even where nobody waits any more
        return self.serving

    async def serve_beside(self, folder: RunFolder | None) -> None:
        """Another run's process beside the one that is asked, instead of the one before; None = none any more.

        Raises:
            EagerError: why it cannot start.
        """
        old, self.beside = self.beside, None
        if old is not None:
            await asyncio.shield(old.close())
        if folder is not None:
            self.beside = self.bridge.serving(folder, lambda text: None)
            await self.beside.start()
