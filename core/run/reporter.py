"""The reporter of a run: what a stage says becomes events, and what people ask becomes wishes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from core.errors import EnvironmentFault
from core.files import write_atomic
from core.run.control import INTERVAL, ControlReader
from core.run.disk import Reserve, fault_of, gone
from core.run.events import Event, EventReader, EventWriter
from core.run.folder import RunFolder
from core.run.identity import identity
from core.run.reducer import apply
from core.run.reporting import NullReporter as NullReporter
from core.run.reporting import Reporter as Reporter
from core.run.reporting import Wish as Wish
from core.run.state import RunState
from core.run.status import HEARTBEAT, Status, beaten
from core.run.system import Cautions, Clock, Gpus, LoadSampler
from core.run.trackers import Trackers
from core.run.watched_list import WatchedList
from core.units import duration

PROGRESS_INTERVAL = 0.2
SYSTEM_INTERVAL = 5.0
LOCK_WAIT = 1.0
"""Seconds to wait for the run: whoever starts an engine holds it for a moment himself."""


class RunReporter(Reporter):
    """The reporter of a run: owns its lock, events, status and signals for as long as the engine works.

    Use it as a context manager in the main thread; call `finish` before leaving. SIGTERM and the first SIGINT ask to
    stop; a second signal raises KeyboardInterrupt. Where somebody deletes or moves the run's folder, whatever a stage
    says next raises EnvironmentFault.

    Args:
        folder: the run.

    Raises:
        EnvironmentFault: on entering, where another engine is at work on the run, or the folder is gone.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.state = RunState()
        """What the run's events said so far, those of earlier processes included."""
        self.stopping = False
        """Whether somebody asked to stop."""
        self._stack = contextlib.ExitStack()
        self._closed = threading.Event()
        self._fault: EnvironmentFault | None = None
        """Why the work cannot go on; told at the next word of a stage."""
        self._pending: dict[str, Any] | None = None
        self._progressed = 0.0
        self._began = self._spoke = time.monotonic()
        self._paused = False
        self._checkpoint_wish = False
        self._trackers: Trackers | None = None

    def __enter__(self) -> Self:
        """Take the run."""
        self._stack.enter_context(self.folder.lock(LOCK_WAIT))
        try:
            self._install_signals()  # before anybody can see that we are at work
            launch, old = self.folder.launched(), self.folder.status()
            offset = launch.get("control") if launch.get("pid") in (None, os.getpid()) else None
            self._control = ControlReader(self.folder.control_path, offset if isinstance(offset, int) else None)
            for event in self._story():
                apply(self.state, event)
            self.folder.sweep()
            self._reserve = Reserve(self.folder.path)
            self._reserve.take()
            self._stack.callback(self._reserve.release)
            self._writer = EventWriter(self.folder.events_path, lambda event: apply(self.state, event))
            self._mutex = self._writer.lock  # one lock for both: the writer calls back while it holds it
            self._stack.callback(self._writer.close)
            self._spoke = time.monotonic()
            self._began = self._spoke - max(0.0, old.elapsed)  # of a run that goes on, what it took before counts
            fresh = Status(
                state="running",
                pid=os.getpid(),
                process=identity(os.getpid()),
                host=socket.gethostname(),
                started=time.time(),
                checkpoint=old.checkpoint,
                best=old.best,
            )
            self._status = beaten(fresh, self._began)
            resumed = self._writer.seq > 0
            self.folder.write_status(self._status)
            self._emit("run.started", run=self.folder.id, resumed=resumed, pid=os.getpid())
            self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
            self._heart.start()
        except OSError as error:
            fault = fault_of(error, self.folder.path) or EnvironmentFault(str(error))
            failed = replace(self.folder.status(), state="failed", process="", ended=time.time(), error=fault.message)
            with contextlib.suppress(OSError):
                self.folder.write_status(replace(failed, exit_code=fault.exit_code, remedy=fault.remedy))
            self._stack.close()
            raise fault from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let the run go; one that was not finished failed."""
        if isinstance(error, KeyboardInterrupt):
            self.finish("stopped", 130, "interrupted at once", "train goes on from the last checkpoint")
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
        self._close_trackers()  # while the heart beats: what they did not send yet takes its time
        self._closed.set()
        self._hush_signals()
        self._heart.join()
        self._reserve.release()
        self._fault = None
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
                    seconds=round(time.monotonic() - self._began, 3),
                    **data,
                )
            last = replace(self._snapshot(), state=state, exit_code=exit_code, error=error, remedy=remedy)
            last = replace(last, ended=time.time(), process="", stopping=False, paused=False, eta=None)
            with contextlib.suppress(OSError):
                self.folder.write_status(last)
        finally:
            self._stack.close()

    def report_to(self, names: Sequence[str], project: str) -> None:
        """Pass every figure on to trackers as well, from now on.

        Args:
            names: `run.report_to`.
            project: name of the project.
        """
        if names:
            self._trackers = Trackers(names, project, self.folder, self._story())
            self._warn_of_trackers()

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
            self._heed()
            if self._pending and self._pending["task"] != task:
                self._flush_progress()
            self._pending = {"task": task, "done": done, "total": total, "unit": unit}
            ended = 0 < total <= done
            if ended or time.monotonic() - self._progressed >= PROGRESS_INTERVAL:
                self._flush_progress()

    def meanwhile(self, stage: str, done: float, total: float, unit: str = "") -> None:
        """See `Reporter`; call it about once a second."""
        self._emit("progress", ahead=stage, task=stage, done=done, total=total, unit=unit)

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """See `Reporter`."""
        self._emit("metric", step=step, values=values)

    def evaluation(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """See `Reporter`."""
        self._flush_progress()
        self._emit("eval", step=step, split=split, values=values)

    def checkpoint(self, path: Path | str, step: int, best: bool = False) -> None:
        """See `Reporter`; paths beside or inside the run are told relative to it."""
        place = self._relative(path)
        with self._mutex:
            self._status = replace(self._status, checkpoint=place)
        if best:
            with contextlib.suppress(OSError):  # on a full disk the event says so
                write_atomic(self.folder.best_path, json.dumps({"path": place, "step": step}))
        self._emit("checkpoint", path=place, step=step, best=best)

    def artefact(self, name: str, path: Path | str) -> None:
        """See `Reporter`; paths beside or inside the run are told relative to it."""
        self._emit("artefact", name=name, path=self._relative(path))

    def sample(self, watched: WatchedList) -> None:
        """See `Reporter`."""
        self._emit("sample", **watched.to_event())

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

    def _heed(self) -> None:
        """Note that the work is alive, and end it where it cannot go on."""
        self._spoke = time.monotonic()
        if self._fault is not None:
            raise self._fault

    def _listen(self, now: bool = False) -> None:
        self._heed()
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
        self._heed()
        event = self._writer.write(kind, **data)
        if self._trackers:
            self._trackers.hear(event)  # outside of the writer's lock: a slow tracker must not stop the heart
            self._warn_of_trackers()

    def _warn_of_trackers(self) -> None:
        """Say once that a tracker gets nothing more."""
        assert self._trackers
        broken, self._trackers.broken = self._trackers.broken, {}
        for name, error in broken.items():
            text = f"{type(error).__name__}: {error}; the run goes on without it"
            self.alert("warning", f"{name} gets no more figures", text)

    def _close_trackers(self) -> None:
        trackers, self._trackers = self._trackers, None
        if trackers:
            trackers.close()
            for name, error in trackers.broken.items():
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)

    def _story(self) -> Iterator[Event]:
        """What the run's events said so far."""
        reader, first = EventReader(self.folder.events_path), True
        while first or reader.behind:
            first = False
            yield from reader.stream()

    def _flush_progress(self) -> None:
        with self._mutex:
            pending, self._pending = self._pending, None
            if pending:
                self._progressed = time.monotonic()
                self._writer.write("progress", **pending)

    def _snapshot(self) -> Status:
        with self._mutex:
            state, progress, stage = self.state, self.state.progress, self.state.stage
            return replace(
                beaten(self._status, self._began),
                quiet=round(time.monotonic() - self._spoke, 3),
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
        sampler, cautions, clock = None, Cautions(), Clock()
        with contextlib.suppress(Exception):  # a figure that cannot be measured must not stop the heart
            sampler = LoadSampler(self.folder.path, Gpus.find())
        measured = time.monotonic()
        while not self._closed.wait(HEARTBEAT):
            if self._writer.lost:
                self._fault = gone(self.folder.path)
            with contextlib.suppress(OSError, ValueError):
                self._flush_progress()
                if jump := clock.jumped():
                    self._note_jump(jump)
            if sampler is not None and time.monotonic() - measured >= SYSTEM_INTERVAL:
                measured = time.monotonic()
                with contextlib.suppress(Exception):
                    self._tell_load(sampler, cautions)
            if not self._closed.is_set():
                self._save_status()

    def _tell_load(self, sampler: LoadSampler, cautions: Cautions) -> None:
        values = sampler.measure()
        self._writer.write("system", values=values)
        for title, text in cautions.about(values):
            self._writer.write("alert", level="warning", title=title, text=text)

    def _note_jump(self, jump: float) -> None:
        """Say that the wall clock was set; times from before it are moved, so that no duration becomes absurd."""
        with self._mutex:
            self._status = replace(self._status, started=self._status.started + jump)
        way = "forward, or the machine slept" if jump > 0 else "back"
        text = f"by {duration(abs(jump))} {way}; durations leave it out"
        self._writer.write("alert", level="info", title="The clock jumped", text=text, jump=round(jump, 3))

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
