"""A stage that another process makes ahead of its turn, beside one that does not read it (`core.pipeline.BESIDE`).

When the engine comes to the stage, it finds the artefact in the store. Where the other process ended without one, the
engine makes it itself, and meets whatever was in the way: an error is the same in either, and nothing depends on the
other process.

That one tells on stdout what its stage tells, a JSON line each. The end of its stdin means that somebody asked to stop,
or that the engine is gone: it saves its checkpoint and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from core.errors import EagerError, StopRequested
from core.machine import prepare
from core.pipeline import BESIDE, STAGES, recipes_of
from core.project import Project
from core.run import launch
from core.run.control import INTERVAL
from core.run.folder import RunFolder
from core.run.reporting import NullReporter, Reporter, Wish
from core.run.status import read_status
from core.store import Store, fingerprint

PATIENCE = 20.0
"""Seconds for the other process to save its checkpoint."""
TICK = 1.0
"""Seconds between two words on how far the other process is."""


class StageAhead:
    """Has the second stage of `BESIDE` made while the engine makes the first; a context, which leaves no process.

    Args:
        folder: the run.
        reporter: hears how far the other process is, and once its stage has its turn, all that the stage tells.
    """

    def __init__(self, folder: RunFolder, reporter: Reporter) -> None:
        self._folder, self._reporter = folder, reporter
        self._child: subprocess.Popen[bytes] | None = None
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, list[Any]]] | None = []
        """What the stage told before its turn; None since its turn has come."""

    def __enter__(self) -> Self:
        """Nothing happens before the engine comes to the first of the two stages."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the other process, and wait until its checkpoint is saved."""
        self._end()

    def reached(self, stage: str) -> None:
        """The engine is about to compute a stage: start the other process, or wait for what it makes."""
        first, second = BESIDE
        if stage == first:
            self._start(second)
        elif stage == second and self._child is not None:
            self._wait(stage, self._child)

    def _start(self, stage: str) -> None:
        argv = [*launch.engine_command(), "ahead", str(self._folder.path)]
        try:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=launch.engine_environment()
            )
        except OSError as error:
            self._reporter.log(f"{stage} has to wait for its turn: no process can be started ({error.strerror})")
            return
        self._reporter.log(f"{stage} is made at the same time, by process {self._child.pid}")
        self._listener.start()

    def _wait(self, stage: str, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            told, self._waiting = self._waiting or [], None
            for what, values in told:
                getattr(self._reporter, what)(*values)
        while child.poll() is None:
            if self._reporter.wants() == "stop":
                break  # the stage goes on from the checkpoint here, and is asked to stop at its first step
            time.sleep(INTERVAL)
        self._end()
        if child.returncode:
            self._reporter.log(f"process {child.pid} ended with code {child.returncode}: {stage} is made here")

    def _listen(self) -> None:
        """Pass on what the other process tells, until it ends."""
        assert self._child is not None and self._child.stdout is not None
        for line in self._child.stdout:
            # What is wrong with the run the engine hears itself; a process that was killed leaves half a line.
            with contextlib.suppress(EagerError, OSError, ValueError), self._lock:
                what, values = json.loads(line)
                if self._waiting is None:
                    getattr(self._reporter, what)(*values)
                elif what == "progress":
                    self._reporter.meanwhile(BESIDE[1], *values[1:])
                else:
                    self._waiting.append((what, values))

    def _end(self) -> None:
        if self._child is None:
            return
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.close()
            self._child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._child.kill()
            self._child.wait()
            self._listener.join()
            self._child.stdout.close()


def make_ahead(folder: RunFolder) -> None:
    """Make the second stage of `BESIDE` for a run, in a process that its engine started.

    Raises:
        EagerError: the stage cannot be made.
    """
    for number in (signal.SIGTERM, signal.SIGINT):  # they may reach the whole group: the engine decides
        signal.signal(number, signal.SIG_IGN)
    needless = threading.Event()
    threading.Thread(target=_watch, args=(needless,), daemon=True).start()
    project, name = Project.load(folder.project_path), BESIDE[1]
    prepare(project.run)
    store, recipes = Store(project.runs_dir / ".store"), recipes_of(project)
    made = {stage: store.artefact(fingerprint(recipe)) for stage, recipe in recipes.items()}
    stage = next(one for one in STAGES if one.name == name)
    reporter = _Teller(folder, needless, sys.stdout)
    with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(StopRequested):  # libraries may print
        store.make(made[name].name, recipes[name], lambda path: stage.work(project, made, path, reporter))


def _watch(needless: threading.Event) -> None:
    """Wait for the end of stdin; where the work does not end then by itself, the process does."""
    while os.read(sys.stdin.fileno(), 1):  # not through the buffer: its lock would keep the interpreter from ending
        pass
    needless.set()
    time.sleep(PATIENCE)
    os._exit(1)


class _Teller(NullReporter):
    """Tells the engine, a JSON line each; pauses and ends with it."""

    def __init__(self, folder: RunFolder, needless: threading.Event, out: TextIO) -> None:
        self._folder, self._needless, self._out = folder, needless, out
        self._told = self._looked = -TICK

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        if done >= total or time.monotonic() - self._told >= TICK:
            self._told = time.monotonic()
            self._say("progress", task, done, total, unit)

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        self._say("metric", step, dict(values))

    def log(self, text: str) -> None:
        self._say("log", text)

    def alert(self, level: str, title: str, text: str = "") -> None:
        self._say("alert", level, title, text)

    def wants(self) -> Wish:
        if time.monotonic() - self._looked >= INTERVAL:
            self._looked = time.monotonic()
            while self._paused() and not self._needless.wait(INTERVAL):
                pass
        return "stop" if self._needless.is_set() else "go"

    def _paused(self) -> bool:
        status = read_status(self._folder.status_path)
        return status is not None and status.paused

    def _say(self, what: str, *values: Any) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            print(json.dumps([what, values]), file=self._out, flush=True)
