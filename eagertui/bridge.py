"""The only place where the screens meet the engine: run folders, training processes, the serving process.

Nothing here knows Textual; whatever may take longer than a moment is a coroutine.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.assets import is_demo
from core.errors import EagerError, EnvironmentFault, ProjectError
from core.run import launch
from core.run.folder import RunFolder
from core.run.follow import Follower
from core.run.listing import RunInfo, RunList
from core.run.status import Status
from core.serve import protocol
from core.serve.client import LINE_LIMIT, ServingClient
from eagertui.cli.verbs.index import ONLY_INDEX
from eagertui.config import state_path
from eagertui.plain import near

if TYPE_CHECKING:
    from core.jobs.housekeeping import Deletion
    from core.project import Project

CHUNK = 4 << 20
"""Bytes of events read at a time, so that a long story does not hold the screen."""
LIVE_INTERVAL = 0.2
IDLE_INTERVAL = 1.0


class Bridge:
    """A project's runs and engines, as the screens see them.

    Args:
        project: the project file or its folder; None where there is none yet.
        overrides: `--set` texts for the runs that are started here.
        engine: the engine's command line instead of our own (tests).
    """

    def __init__(
        self, project: Path | None, overrides: Sequence[str] = (), engine: Sequence[str] | None = None
    ) -> None:
        self.engine = engine
        self.overrides = tuple(overrides)
        self.project_file: Path | None = None
        self.open(project)

    def open(self, project: Path | None) -> None:
        """Turn to another project."""
        if project is not None and project.is_dir():
            project = project / "project.toml"
        self.project_file = project.absolute() if project else None
        self.demo = project is not None and is_demo(project)
        """Whether it is the demo, which stays as it is."""
        self._list = RunList(self.runs_dir) if self.runs_dir else None

    @property
    def runs_dir(self) -> Path | None:
        """Where the project's runs lie."""
        return self.project_file.parent / "runs" if self.project_file else None

    def headless(self, verb: str, *extra: str) -> str:
        """The command that does the same without a screen."""
        import shlex

        path = [near(self.project_file)] if self.project_file else []
        return shlex.join(["eagertui", "--headless", verb, *path, *self.sets(), *extra])

    def sets(self) -> list[str]:
        """The `--set` arguments of the runs that are started here."""
        return [part for text in self.overrides for part in ("--set", text)]

    def check_project(self) -> tuple[str, tuple[str, ...]]:
        """Read the project file; return its name, and what a person should know of the file.

        Raises:
            EagerError: what is wrong in it, and where.
        """
        project = self._load()
        return project.name, project.notes

    def _load(self, overrides: Sequence[str] | None = None) -> Project:
        from core.project import Project

        if self.project_file is None:
            raise ProjectError("no project is open", "eagertui init DIR --interactions FILE --items FILE makes one")
        return Project.load(self.project_file, self.overrides if overrides is None else overrides)

    def runs(self) -> list[RunInfo]:
        """The project's runs, the newest first."""
        launch.reap()
        return self._list.look() if self._list else []

    def train(self, new: bool = False, overrides: Sequence[str] | None = None) -> tuple[RunFolder, str]:
        """Go on with the project's unfinished run, attach to it where it is at work, or start a new one.

        Args:
            new: start a new run in any case.
            overrides: `--set` texts instead of those of the command line.

        Returns:
            The run, and in one word what was done: "attached", "continued" or "started".

        Raises:
            EagerError: a wrong project file, or a machine that cannot start it.
        """
        from core.jobs.start import start_training

        if overrides is not None:
            self.overrides = tuple(text for text in overrides if text != ONLY_INDEX)
        start = start_training(self._load(overrides), new=new, command=self.engine)
        return start.folder, "started" if start.how == "new" else start.how

    async def errand(self, work: str, *argv: str, on_progress: Callable[[str], None] | None = None) -> dict[str, Any]:
        """Have a short job done in a process of its own; whoever stops waiting for it ends it.

        Args:
            work: see `core.jobs.errands`.
            argv: its arguments.
            on_progress: called with a sentence now and then.

        Raises:
            EagerError: what went wrong, in the words of the job.
        """
        command = [*launch.engine_command(), "errand", work, *argv]
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=launch.engine_environment(),
                limit=LINE_LIMIT,
                start_new_session=True,
            )
        except OSError as error:
            raise EnvironmentFault(f"cannot start a process: {error}") from error
        assert child.stdout is not None
        assert child.stderr is not None
        said = asyncio.ensure_future(child.stderr.read())  # or the child would wait for room in the pipe
        try:
            async for row in child.stdout:
                message = protocol.parse(row)
                if on_progress is not None and "progress" in message:
                    on_progress(str(message["progress"]))
                if fault := protocol.error_of(message):
                    raise fault
                if isinstance(result := message.get("result"), dict):
                    return result
            last = (await said).decode(errors="replace").strip().rpartition("\n")[2]
            raise EagerError(f"the {work} process ended without an answer: {last or 'it said nothing'}")
        finally:
            said.cancel()
            if child.returncode is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                await asyncio.shield(child.wait())

    def resume(self, folder: RunFolder) -> None:
        """Let a run's engine go on where it was."""
        launch.launch(folder, command=self.engine)

    def removal(self, folder: RunFolder) -> Deletion:
        """What deleting a run takes away.

        Raises:
            ProjectError: it is at work or pinned.
        """
        from core.jobs.housekeeping import removal

        return removal(folder.path.parent, [folder])

    def pruning(self) -> Deletion:
        """What the store holds that no run uses.

        Raises:
            ProjectError: no project is open, or it is not known what a run at work still needs.
        """
        from core.jobs.housekeeping import pruning

        return pruning(self._load().runs_dir)

    def delete(self, deletion: Deletion) -> None:
        """Delete what was planned.

        Raises:
            EagerError: a run has come to need it, or the disk refuses.
        """
        from core.jobs.housekeeping import delete

        delete(deletion)

    def send(self, folder: RunFolder, command: str) -> None:
        """Ask a run's engine: pause, resume, checkpoint, stop."""
        launch.send(folder, command)

    def signal(self, folder: RunFolder) -> None:
        """Ask a run's engine once more to save and end, by SIGTERM."""
        launch.stop(folder, escalate=True)

    def kill(self, folder: RunFolder) -> Status:
        """End a run's engine at once; what it has not saved is lost."""
        return launch.kill(folder)

    async def watch(self, folder: RunFolder) -> AsyncIterator[Follower]:
        """A run's follower each time something changed in it, at once and for as long as somebody listens."""
        follower = await asyncio.to_thread(Follower, folder)
        first = True
        while True:
            changed = await asyncio.to_thread(follower.poll, CHUNK)
            if changed or first:
                first = False
                yield follower
            if not follower.behind:
                await asyncio.sleep(LIVE_INTERVAL if follower.status.live else IDLE_INTERVAL)

    def serving(self, folder: RunFolder, on_progress: Callable[[str], None], lookup: bool = False) -> ServingClient:
        """A serving process for a run, not yet started.

        Args:
            folder: the run.
            on_progress: called with a sentence while it loads something.
            lookup: it answers about the index alone, at once.
        """
        log = _log_path(folder, "lookup.log" if lookup else "serve.log")
        return ServingClient(
            folder, on_progress, lookup=lookup, command=self.engine, log=log, again="ctrl+r starts it again"
        )


def _log_path(folder: RunFolder, name: str) -> Path:
    """Where a serving process writes what it says: with its run, of the demo beside what the app remembers."""
    if not is_demo(folder.path):
        return folder.path / name
    place = state_path().parent
    with contextlib.suppress(OSError):
        place.mkdir(parents=True, exist_ok=True)
    return place / f"demo-{name}"
