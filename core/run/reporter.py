"""How a stage tells its progress and hears what people want: through a Reporter, never by printing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Literal, Protocol, Self

import psutil

from core.run.control import INTERVAL, ControlReader
from core.run.events import EventReader, EventWriter
from core.run.folder import RunFolder
from core.run.process import identity
from core.run.state import RunState, apply
from core.run.status import HEARTBEAT, Status, beaten

Wish = Literal["go", "checkpoint", "stop"]
PROGRESS_INTERVAL = 0.2
SYSTEM_INTERVAL = 5.0


class Reporter(Protocol):
    """What every stage of the engine gets to speak through."""

    def stage_started(self, name: str, fingerprint: str = "") -> None:
        """A stage begins."""
        return None

    def stage_finished(self, name: str, seconds: float, summary: Mapping[str, Any]) -> None:
        """A stage is done; `summary` holds a few figures worth showing."""
        return None

    def stage_reused(self, name: str, fingerprint: str) -> None:
        """A stage's artefact was there already."""
        return None

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        """How far a task is; call it as often as you like. `total` 0 is unknown."""
        return None

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Figures of a training step."""
        return None

    def evaluation(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """Metrics of the model on a split, such as `ndcg@10`."""
        return None

    def checkpoint(self, path: Path | str, step: int, best: bool = False) -> None:
        """A checkpoint was written."""
        return None

    def artefact(self, name: str, path: Path | str) -> None:
        """A file that later stages or people use was written."""
        return None

    def sample(self, text: str) -> None:
        """An example of what the model does, for a person to read."""
        return None

    def log(self, text: str) -> None:
        """One line of narration."""
        return None

    def alert(self, level: str, title: str, text: str = "") -> None:
        """Something a person should know; `level` is info, warning or error."""
        return None

    def system(self, values: Mapping[str, float]) -> None:
        """Load of the machine."""
        return None

    def wants(self) -> Wish:
        """What people ask for; blocks while the run is paused. Each checkpoint wish is told once, stop for ever."""


class NullReporter(Reporter):
    """Hears everything and says nothing: for use as a library and in tests."""

    def wants(self) -> Wish:
        """Always to go on."""
        return "go"


class RunReporter(Reporter):
    """The reporter of a run: owns its lock, events, status and signals for as long as the engine works.

    Use it as a context manager in the main thread; call `finish` before leaving. SIGTERM and the first SIGINT ask to
    stop; a second signal raises KeyboardInterrupt.

    Args:
        folder: the run.

    Raises:
        EnvironmentFault: on entering, where another engine is at work on the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.state = RunState()
        """What the run's events said so far, those of earlier processes included."""
        self.stopping = False
        """Whether somebody asked to stop."""
        self._stack = contextlib.ExitStack()
        self._closed = threading.Event()
        self._pending: dict[str, Any] | None = None
        self._progressed = 0.0
        self._paused = False
        self._checkpoint_wish = False

    def __enter__(self) -> Self:
        """Take the run."""
        self._stack.enter_context(self.folder.lock())
        try:
            self._install_signals()  # before anybody can see that we are at work
            launch, old = self.folder.launched(), self.folder.status()
            offset = launch.get("control") if launch.get("pid") in (None, os.getpid()) else None
            self._control = ControlReader(self.folder.control_path, offset if isinstance(offset, int) else None)
            self._replay()
            self._writer = EventWriter(self.folder.events_path, lambda event: apply(self.state, event))
            self._mutex = self._writer.lock  # one lock for both: the writer calls back while it holds it
            self._stack.callback(self._writer.close)
            now = time.time()
            self._status = Status(
                state="running",
                pid=os.getpid(),
                process=identity(os.getpid()),
                host=socket.gethostname(),
                heartbeat=now,
                started=now,
                checkpoint=old.checkpoint,
                best=old.best,
            )
            resumed = self._writer.seq > 0
            self.folder.write_status(self._status)
            self._emit("run.started", run=self.folder.id, resumed=resumed, pid=os.getpid())
            self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._heart.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let the run go; one that was not finished failed."""
        if not self._closed.is_set():
            self.finish("failed", 1, str(error) if error else "the engine ended without a word")

    def finish(self, state: str, exit_code: int, error: str = "", remedy: str = "", **data: Any) -> None:
        """Write the run's last words and let it go.

        Args:
            state: finished, failed or stopped.
            exit_code: that of the process.
            error: what went wrong.
            remedy: what a person can do about it.
            **data: more for the `run.finished` event.
        """
        if self._closed.is_set():
            return
        self._closed.set()
        self._hush_signals()
        self._heart.join()
        try:
            with contextlib.suppress(OSError):  # on a full disk the exit code still tells
                self._flush_progress()
                self._emit(
                    "run.finished",
                    run=str(self.folder.path.resolve()),
                    state=state,
                    exit_code=exit_code,
                    error=error,
                    remedy=remedy,
                    checkpoint=self._status.checkpoint,
                    seconds=round(time.time() - self._status.started, 3),
                    **data,
                )
            last = replace(self._snapshot(), state=state, exit_code=exit_code, error=error, remedy=remedy)
            last = replace(last, ended=time.time(), process="", stopping=False, paused=False, eta=None)
            with contextlib.suppress(OSError):
                self.folder.write_status(last)
        finally:
            self._stack.close()

    # --- what stages call -------------------------------------------------------------------------------------------

    def stage_started(self, name: str, fingerprint: str = "") -> None:
        """See `Reporter`."""
        self._flush_progress()
        self._emit("stage.started", stage=name, fingerprint=fingerprint)

    def stage_finished(self, name: str, seconds: float, summary: Mapping[str, Any]) -> None:
        """See `Reporter`."""
        self._flush_progress()
        self._emit("stage.finished", stage=name, seconds=seconds, summary=summary)

    def stage_reused(self, name: str, fingerprint: str) -> None:
        """See `Reporter`."""
        self._emit("stage.reused", stage=name, fingerprint=fingerprint)

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        """See `Reporter`; at most five a second are written, and always the last one."""
        with self._mutex:
            if self._pending and self._pending["task"] != task:
                self._flush_progress()
            self._pending = {"task": task, "done": done, "total": total, "unit": unit}
            ended = 0 < total <= done
            if ended or time.monotonic() - self._progressed >= PROGRESS_INTERVAL:
                self._flush_progress()

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """See `Reporter`."""
        self._emit("metric", step=step, values=values)

    def evaluation(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """See `Reporter`."""
        self._flush_progress()
        self._emit("eval", step=step, split=split, values=values)

    def checkpoint(self, path: Path | str, step: int, best: bool = False) -> None:
        """See `Reporter`; paths beside or inside the run are told relative to it."""
        told = self._relative(path)
        with self._mutex:
            self._status = replace(self._status, checkpoint=told)
        self._emit("checkpoint", path=told, step=step, best=best)

    def artefact(self, name: str, path: Path | str) -> None:
        """See `Reporter`; paths beside or inside the run are told relative to it."""
        self._emit("artefact", name=name, path=self._relative(path))

    def sample(self, text: str) -> None:
        """See `Reporter`."""
        self._emit("sample", text=text)

    def log(self, text: str) -> None:
        """See `Reporter`."""
        self._emit("log", text=text)

    def alert(self, level: str, title: str, text: str = "") -> None:
        """See `Reporter`."""
        self._emit("alert", level=level, title=title, text=text)

    def system(self, values: Mapping[str, float]) -> None:
        """See `Reporter`."""
        self._emit("system", values=values)

    def wants(self) -> Wish:
        """See `Reporter`."""
        self._listen()
        while self._paused and not self.stopping:
            time.sleep(INTERVAL)
            self._listen(now=True)
        if self.stopping:
            return "stop"
        if self._checkpoint_wish:
            self._checkpoint_wish = False
            return "checkpoint"
        return "go"

    # --- inside -----------------------------------------------------------------------------------------------------

    def _listen(self, now: bool = False) -> None:
        for command in self._control.poll(now):
            if command == "stop":
                self.stopping = True
            elif command == "checkpoint":
                self._checkpoint_wish = True
            elif command in ("pause", "resume"):
                self._pause(command == "pause")

    def _pause(self, paused: bool) -> None:
        if paused == self._paused:
            return
        self._flush_progress()
        self._paused = paused
        self._emit("log", text="paused" if paused else "resumed", paused=paused)
        self._save_status()

    def _relative(self, path: Path | str) -> str:
        """A path below the runs' folder as seen from the run, such as `../.store/...`; another one as it is."""
        inside = Path(path).is_relative_to(self.folder.path.parent)
        return os.path.relpath(path, self.folder.path) if inside else str(path)

    def _emit(self, kind: str, **data: Any) -> None:
        self._writer.write(kind, **data)

    def _replay(self) -> None:
        reader = EventReader(self.folder.events_path)
        while events := reader.poll():
            for event in events:
                apply(self.state, event)

    def _flush_progress(self) -> None:
        with self._mutex:
            pending, self._pending = self._pending, None
            if pending:
                self._progressed = time.monotonic()
                self._emit("progress", **pending)

    def _snapshot(self) -> Status:
        with self._mutex:
            state, progress, stage = self.state, self.state.progress, self.state.stage
            return replace(
                beaten(self._status),
                paused=self._paused,
                stopping=self.stopping,
                stage=stage.name if stage else "",
                task=progress.task if progress else "",
                done=progress.done if progress else 0.0,
                total=progress.total if progress else 0.0,
                unit=progress.unit if progress else "",
                eta=state.eta,
                best=dict(state.best.values) if state.best else self._status.best,
            )

    def _save_status(self) -> None:
        with contextlib.suppress(OSError):  # a full disk shows where the events are written; the heart beats on
            self.folder.write_status(self._snapshot())

    def _beat(self) -> None:
        me = psutil.Process()
        me.cpu_percent()
        measured = time.monotonic()
        while not self._closed.wait(HEARTBEAT):
            with contextlib.suppress(OSError, ValueError):
                self._flush_progress()
                if time.monotonic() - measured >= SYSTEM_INTERVAL:
                    measured = time.monotonic()
                    memory = me.memory_info().rss / 2**20
                    self.system({"cpu_percent": me.cpu_percent(), "memory_mb": round(memory, 1)})
            if not self._closed.is_set():
                self._save_status()

    def _install_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._stack.callback(signal.signal, number, signal.signal(number, self._on_signal))

    def _hush_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True
