"""The one client of the serving process: the screens await its answers, the command line asks one question.

Light: the model and torch are the process's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.errors import EnvironmentFault
from core.run.folder import RunFolder
from core.run.launch import engine_command, engine_environment
from core.serve import protocol

LINE_LIMIT = 1 << 26
"""Longest message of a process in bytes."""
PATIENCE = 10.0
"""Seconds for a process that has answered to end on its own: a signal would make it complain on our stderr."""
HELLO = 0
"""What `start` waits for stands under this number; questions are numbered from 1."""


class ServingClient:
    """A process that answers questions about a run, started by us; see `core.serve.protocol`.

    Args:
        folder: the run.
        on_progress: called with a sentence while the process loads something.
        lookup: no model is loaded; it answers about the index alone.
        command: the engine's command line instead of our own.
        log: what the process says beside its answers; None leaves it on our stderr.
        again: how a person starts it anew, for its errors.
    """

    def __init__(
        self,
        folder: RunFolder,
        on_progress: Callable[[str], None],
        *,
        lookup: bool = False,
        command: Sequence[str] | None = None,
        log: Path | None = None,
        again: str = "",
    ) -> None:
        self.folder, self.log_path = folder, log
        self.users = self.items = 0
        self.so_far = ""
        self.ready = False
        self._argv = [*(command or engine_command()), "serve", *(["--lookup"] if lookup else [])]
        self._on_progress, self._again = on_progress, again
        self._child: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = HELLO
        self._lock = asyncio.Lock()

    @property
    def alive(self) -> bool:
        """Whether the process is there and has not closed its stdout."""
        return self._reader is not None and not self._reader.done()

    @property
    def pid(self) -> int:
        """The process's number; 0 before it is started."""
        return self._child.pid if self._child is not None else 0

    async def start(self) -> None:
        """Start the process and wait until it can answer; whoever stops waiting leaves no process behind.

        Raises:
            EagerError: why it cannot.
        """
        hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[HELLO] = hello
        try:
            with contextlib.ExitStack() as stack:
                self._child = await asyncio.create_subprocess_exec(
                    *self._argv,
                    str(self.folder.path.resolve()),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=stack.enter_context(self.log_path.open("wb")) if self.log_path else None,
                    limit=LINE_LIMIT,
                    env=engine_environment(),
                    start_new_session=True,  # the terminal's Ctrl-C is for us
                )
        except OSError as error:
            raise EnvironmentFault(f"cannot start the serving process: {error}") from error
        self._reader = asyncio.create_task(self._read(), name="serving")
        try:
            ready = await hello
        except BaseException:
            await self.close()
            raise
        self.users, self.items = int(ready.get("users") or 0), int(ready.get("items") or 0)
        self.so_far = str(ready.get("so_far") or "")
        self.ready = True

    async def ask(self, method: str, *, channel: str = "", **params: Any) -> dict[str, Any]:
        """Ask one question and wait for its answer; where the caller is cancelled, so is the question.

        Args:
            method: see `core.serve.methods`.
            channel: of the questions of one channel only the newest is answered.
            **params: of the method.

        Raises:
            EagerError: the process's own error, or that it is gone.
        """
        if not self.alive or self._child is None or self._child.stdin is None:
            raise EnvironmentFault("the serving process is gone", self._again)
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with self._lock:
                with contextlib.suppress(ConnectionError):  # the reader tells that it ended
                    question = protocol.request(number, method, params, channel)
                    self._child.stdin.write(protocol.line(question).encode())
                    await self._child.stdin.drain()
            return await answer
        except asyncio.CancelledError:
            with contextlib.suppress(ConnectionError, RuntimeError):  # nobody waits for what comes of it
                cancel = protocol.request(HELLO, protocol.CANCEL, {"id": number})
                self._child.stdin.write(protocol.line(cancel).encode())
            raise
        finally:
            self._waiting.pop(number, None)

    async def close(self, wait: float = 1.0) -> None:
        """End the process: ask, then a signal, then at once; `wait` seconds for each step."""
        child, reader = self._child, self._reader
        if child is None:
            return
        with contextlib.suppress(ConnectionError, RuntimeError):
            if child.stdin is not None:
                child.stdin.write(protocol.line(protocol.request(HELLO, protocol.QUIT)).encode())
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
        """Hand each message to whoever waits for it, until the process ends."""
        assert self._child is not None
        assert self._child.stdout is not None
        try:
            while line := await self._child.stdout.readline():
                self._receive(protocol.parse(line))
        except ValueError:
            pass  # a line beyond every limit: no answer of ours
        finally:
            self._fail_all()

    def _receive(self, message: protocol.Message) -> None:
        progress = message.get("progress")
        if isinstance(progress, dict):
            self._on_progress(str(progress.get("text", "")))
            return
        waiting = self._waiting.get(message.get("id") or HELLO)
        if waiting is None or waiting.done():
            return
        if error := protocol.error_of(message):
            waiting.set_exception(error)
        elif "ready" in message:
            waiting.set_result(message)
        elif isinstance(message.get("result"), dict):
            waiting.set_result(message["result"])

    def _fail_all(self) -> None:
        """Tell everybody who waits that the process ended, and the last that it said."""
        for waiting in self._waiting.values():
            if not waiting.done():
                where = f"{self.log_path}" if self.log_path else "its messages stand above"
                remedy = "; ".join(filter(None, (self._again, where)))
                error = EnvironmentFault(f"the serving process ended and gave no answer{self._last_words()}", remedy)
                error.exit_code = 1  # what it died of is not known
                waiting.set_exception(error)
                waiting.exception()  # nobody may be listening any more

    def _last_words(self) -> str:
        """The last line of the log, behind a colon; empty where there is none."""
        lines: list[str] = []
        if self.log_path is not None:
            with contextlib.suppress(OSError):
                lines = self.log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f": {lines[-1]}" if lines else ""


def ask_once(
    folder: RunFolder,
    method: str,
    params: dict[str, Any],
    on_progress: Callable[[str], None],
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """One question to a process of its own, for a caller without an event loop; the process is gone afterwards.

    Raises:
        EagerError: why there is no answer.
    """

    async def conversation() -> dict[str, Any]:
        client = ServingClient(folder, on_progress, command=command)
        await client.start()
        try:
            answer = await client.ask(method, **params)
        except BaseException:
            await client.close()
            raise
        await client.close(PATIENCE)
        return answer

    return asyncio.run(conversation())
