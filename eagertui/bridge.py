"""The only place where the screens meet the engine: run folders, training processes, the serving process.

Nothing here knows Textual; whatever may take longer than a moment is a coroutine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from core.errors import EagerError, EnvironmentFault, ProjectError
from core.run import launch
from core.run.folder import RunFolder, RunInfo
from core.run.follow import Follower
from core.run.listing import RunList
from core.run.status import Status
from eagertui.cli.verbs.index import ONLY_INDEX
from eagertui.plain import near

CHUNK = 4 << 20
"""Bytes of events read at a time, so that a long story does not hold the screen."""
LIVE_INTERVAL = 0.2
IDLE_INTERVAL = 1.0
LINE_LIMIT = 1 << 26
"""Longest reply of the serving process in bytes."""


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

    def check_project(self) -> str:
        """Read the project file; return its name.

        Raises:
            EagerError: what is wrong in it, and where.
        """
        return str(self._load().name)

    def _load(self, overrides: Sequence[str] | None = None) -> Any:
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
                message = _message(row)
                if on_progress is not None and "progress" in message:
                    on_progress(str(message["progress"]))
                if isinstance(told := message.get("error"), dict):
                    fault = EagerError(str(told.get("message")), str(told.get("remedy") or ""))
                    fault.exit_code = int(told.get("exit_code") or 1)
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

    def serving(self, folder: RunFolder, on_progress: Callable[[str], None]) -> Serving:
        """A serving process for a run, not yet started."""
        return Serving(folder, [*(self.engine or launch.engine_command()), "serve"], on_progress)


class Serving:
    """A child process that answers questions about a run's model, in JSON lines over its stdin and stdout.

    Args:
        folder: the run.
        command: what stands in front of the run's path.
        on_progress: called with a sentence while the model loads.
    """

    def __init__(self, folder: RunFolder, command: Sequence[str], on_progress: Callable[[str], None]) -> None:
        self.folder = folder
        self.command = list(command)
        self.users = 0
        self.items = 0
        self.ready = False
        self._on_progress = on_progress
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._lock = asyncio.Lock()

    @property
    def log_path(self) -> Path:
        """What the process says beside its answers."""
        return self.folder.path / "serve.log"

    @property
    def alive(self) -> bool:
        """Whether the process is there and has not closed its stdout."""
        return self._reader is not None and not self._reader.done()

    async def start(self) -> None:
        """Start the process and wait until it can answer.

        Raises:
            EagerError: why it cannot.
        """
        hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[0] = hello
        try:
            with self.log_path.open("wb") as log:
                self._child = await asyncio.create_subprocess_exec(
                    *self.command,
                    str(self.folder.path.resolve()),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                    limit=LINE_LIMIT,
                    env=launch.engine_environment(),
                    start_new_session=True,  # the terminal's Ctrl-C is for us
                )
        except OSError as error:
            raise EnvironmentFault(f"cannot start the serving process: {error}") from error
        self._reader = asyncio.create_task(self._read(), name="serving")
        try:
            said = await hello
        except BaseException:
            await self.close()
            raise
        self.users, self.items = int(said.get("users") or 0), int(said.get("items") or 0)
        self.ready = True

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask one question and wait for its answer; a caller that is cancelled leaves no trace.

        Raises:
            EagerError: the process's own error, or that it is gone.
        """
        if not self.alive or self._child is None or self._child.stdin is None:
            raise EnvironmentFault("the serving process is gone", "ctrl+r starts it again")
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        line = json.dumps({"id": number, "method": method, "params": params}) + "\n"
        try:
            async with self._lock:
                with contextlib.suppress(ConnectionError):  # the reader tells that it ended
                    self._child.stdin.write(line.encode())
                    await self._child.stdin.drain()
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def close(self, wait: float = 1.0) -> None:
        """End the process: ask, then a signal, then at once."""
        child, reader = self._child, self._reader
        if child is None:
            return
        with contextlib.suppress(ConnectionError, RuntimeError):
            if child.stdin is not None:
                child.stdin.write(b'{"id": 0, "method": "quit"}\n')
                child.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.wait(), wait)
            if child.returncode is not None and number == signal.SIGTERM:
                break
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)  # with whatever it started
        await child.wait()
        if reader is not None:
            await asyncio.wait([reader], timeout=wait)
            reader.cancel()

    async def _read(self) -> None:
        """Hand each line to whoever waits for it, until the process ends."""
        assert self._child is not None
        assert self._child.stdout is not None
        try:
            while line := await self._child.stdout.readline():
                self._hear(_message(line))
        except ValueError:
            pass  # a line beyond every limit: no answer of ours
        finally:
            self._fail()

    def _hear(self, said: dict[str, Any]) -> None:
        progress = said.get("progress")
        if isinstance(progress, dict):
            self._on_progress(str(progress.get("text", "")))
            return
        waiting = self._waiting.get(said.get("id") or 0)
        if waiting is None or waiting.done():
            return
        if "error" in said:
            error = said["error"] if isinstance(said["error"], dict) else {"message": said["error"]}
            waiting.set_exception(EagerError(str(error.get("message", "")), str(error.get("remedy") or "")))
        elif "ready" in said:
            waiting.set_result(said)
        elif isinstance(said.get("result"), dict):
            waiting.set_result(said["result"])

    def _fail(self) -> None:
        last = ""
        with contextlib.suppress(OSError):
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = f": {lines[-1]}" if lines else ""
        for waiting in self._waiting.values():
            if not waiting.done():
                error = EnvironmentFault(f"the serving process ended{last}", f"ctrl+r starts it again; {self.log_path}")
                waiting.set_exception(error)
                waiting.exception()  # nobody may be listening any more


def _message(line: bytes) -> dict[str, Any]:
    """A message of a child process; empty for anything else that a library prints."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
