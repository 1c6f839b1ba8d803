"""Start an engine as a process of its own, ask it for something, and stop it step by step."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import core
from core.errors import EnvironmentFault, ProjectError
from core.files import write_atomic
from core.run.disk import fault_of
from core.run.folder import GOES_ON, RunFolder
from core.run.identity import identity
from core.run.status import Status, read_status

COMPUTING = {
    # Threads spin some microseconds while they wait for each other, then they sleep. Those that spin on take the
    # processor from the very one that they wait for where another program computes too; those that sleep at once
    # (`OMP_WAIT_POLICY=PASSIVE`) lose more to waking up than a second thread gives to a small model.
    "GOMP_SPINCOUNT": "5000",
    # oneDNN keeps what it builds for every shape of a bf16 product, and never gives it back.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256",
    "LRU_CACHE_CAPACITY": "256",
    # One heap for all threads (glibc): freed memory is kept for the next step, and what lies in one thread's own heap
    # is of no use to another, so that a training on two threads grew by the epoch.
    "MALLOC_ARENA_MAX": "1",
}
"""What torch's libraries and the allocator read once, before anything else; whoever sets it otherwise has his way."""
COMMANDS = ("pause", "resume", "checkpoint", "stop")
NICE = 10

_children: dict[int, tuple[subprocess.Popen[bytes], RunFolder]] = {}


def engine_command() -> list[str]:
    """The command line in front of `train RUN` and `serve RUN`.

    `-P` keeps the working folder out of the module path: a user's own `core` or `random.py` must not shadow ours.
    """
    return [sys.executable, "-P", "-m", "core"]


def engine_environment() -> dict[str, str]:
    """The environment of an engine: as ours, and it finds the `core` that we run from."""
    environment = {**COMPUTING, **os.environ, "PYTHONUNBUFFERED": "1"}
    home = Path(core.__path__[0]).resolve().parent
    if home.name not in ("site-packages", "dist-packages"):
        paths = [str(home), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
    return environment


def world_size() -> int:
    """How many processes `torchrun` or `accelerate launch` started together; 1 where none of them did."""
    return int(os.environ.get("WORLD_SIZE", "1") or 1)


def rank() -> int:
    """Which of these processes this one is; the first is 0."""
    return int(os.environ.get("RANK", "0") or 0)


def join(project: Path, overrides: Sequence[str]) -> NoReturn:
    """Turn this process into one that trains with the first; it ends when the tuning ends."""
    sets = [part for text in overrides for part in ("--set", text)]
    argv = [*engine_command(), "join", str(project), *sets]
    os.execve(argv[0], argv, engine_environment())


def start(
    folder: RunFolder,
    *,
    extra: Sequence[str] = (),
    command: Sequence[str] | None = None,
    nice: int = NICE,
) -> subprocess.Popen[bytes]:
    """Start `train` on a run in a session of its own, its output in the run's `stdout.log`.

    Args:
        folder: the run.
        extra: more arguments behind the run's path.
        command: instead of `engine_command()`.
        nice: how far below other programs it ranks, 0 to 19.

    Raises:
        EnvironmentFault: where an engine is at work on the run already, or the process cannot be started.
    """
    argv = [*(command or engine_command()), "train", str(folder.path.resolve()), *extra]
    _idle(folder)
    with folder.lock(0.5):  # of two who start the run at once, one waits and then sees the other's engine
        status = _idle(folder)
        fresh = Status(started=status.started, elapsed=status.elapsed, best=status.best, checkpoint=status.checkpoint)
        try:
            offset = folder.control_path.stat().st_size if folder.control_path.exists() else 0
            folder.write_status(fresh)
            write_atomic(folder.launch_path, json.dumps({"control": offset}))
            child = _spawn(folder, argv)
        except OSError as error:
            fault = fault_of(error, folder.path) or EnvironmentFault(str(error))
            with contextlib.suppress(OSError):
                folder.write_status(replace(fresh, state="failed", error=fault.message, exit_code=3))
            raise EnvironmentFault(f"cannot start the engine: {fault.message}", fault.remedy) from error
        _children[child.pid] = child, folder
        if nice:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, child.pid, nice)
        launch = {
            "pid": child.pid,
            "process": identity(child.pid),
            "host": socket.gethostname(),
            "ts": time.time(),
            "argv": argv,
            "control": offset,
        }
        with contextlib.suppress(OSError):  # it runs, and its own status will say so
            write_atomic(folder.launch_path, json.dumps(launch, indent=1))
    return child


def _idle(folder: RunFolder) -> Status:
    """The status of a run on which no engine is at work."""
    status = folder.status()
    if status.live:
        raise EnvironmentFault(f"run {folder.id} is at work already (process {status.pid})", "attach to it instead")
    return status


def _spawn(folder: RunFolder, argv: list[str]) -> subprocess.Popen[bytes]:
    with folder.stdout_path.open("ab") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=engine_environment(),
        )


def launch(folder: RunFolder, *, extra: Sequence[str] = (), command: Sequence[str] | None = None) -> int:
    """`start`, for a caller that does not wait: the number of the process, which outlives us."""
    return start(folder, extra=extra, command=command).pid


def reap() -> None:
    """Take note of our own children that ended: none of them stays a zombie, and how one died is written down."""
    for pid, (child, folder) in list(_children.items()):
        if child.poll() is not None and _children.pop(pid, None) is not None:
            _note_end(folder, pid, child.returncode)


def _note_end(folder: RunFolder, pid: int, code: int) -> None:
    """Say in the status how an engine ended that could not say it itself."""
    with contextlib.suppress(EnvironmentFault, OSError), folder.lock():
        status = read_status(folder.status_path)
        if status is None or status.state != "running" or status.pid != pid:
            return
        lost = replace(status, state="lost", process="", exit_code=code, ended=time.time(), remedy=GOES_ON)
        folder.write_status(replace(lost, error=f"its process is gone: {_death(code)}"))


def _death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "killed (SIGKILL), which is what the system does when the memory is full"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"it crashed ({signal.Signals(-code).name})"
    return f"it ended without a word (exit code {code})"


def send(folder: RunFolder, command: str) -> None:
    """Ask the engine of a run for something: pause, resume, checkpoint, stop.

    Raises:
        ProjectError: an unknown command.
        EnvironmentFault: where the run folder cannot be written.
    """
    if command not in COMMANDS:
        raise ProjectError(f"unknown command {command}", "one of " + ", ".join(COMMANDS))
    line = json.dumps({"v": 1, "ts": round(time.time(), 3), "command": command}).encode() + b"\n"
    try:
        handle = os.open(folder.control_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)  # one write: lines of two askers never mix
        finally:
            os.close(handle)
    except OSError as error:
        raise EnvironmentFault(f"cannot ask run {folder.id} to {command}: {error.strerror}") from error


def stop(folder: RunFolder, escalate: bool = False) -> None:
    """Ask the engine to save and end; with `escalate`, send it SIGTERM, which asks for the same."""
    if not escalate:
        send(folder, "stop")
        return
    status = folder.status()
    if status.live and identity(status.pid) == status.process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(status.pid, signal.SIGTERM)


def kill(folder: RunFolder, wait: float = 5.0) -> Status:
    """End the engine and all of its processes at once (SIGKILL); what was not saved is lost.

    Args:
        folder: the run.
        wait: seconds to wait until it is gone.

    Returns:
        The status afterwards.
    """
    status = folder.status()
    if status.live and identity(status.pid) == status.process:
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(status.pid) == status.pid:
                os.killpg(status.pid, signal.SIGKILL)
            else:
                os.kill(status.pid, signal.SIGKILL)
        end = time.monotonic() + wait
        while identity(status.pid) == status.process and time.monotonic() < end:
            reap()
            time.sleep(0.02)
        if identity(status.pid) != status.process:
            with contextlib.suppress(EnvironmentFault, OSError), folder.lock(0.5):
                last = replace(status, state="stopped", ended=time.time(), exit_code=-int(signal.SIGKILL))
                last = replace(last, error="killed", remedy=GOES_ON, responding=True)
                folder.write_status(replace(last, process="", paused=False, stopping=False))
    return folder.status()
