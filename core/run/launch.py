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

import core
from core.errors import EnvironmentFault, ProjectError
from core.run.folder import RunFolder
from core.run.process import identity
from core.run.status import Status, write_atomic

COMMANDS = ("pause", "resume", "checkpoint", "stop")
NICE = 10

_children: dict[int, subprocess.Popen[bytes]] = {}


def engine_command() -> list[str]:
    """The command line in front of `train RUN` and `serve RUN`.

    `-P` keeps the working folder out of the module path: a user's own `core` or `random.py` must not shadow ours.
    """
    return [sys.executable, "-P", "-m", "core"]


def engine_environment() -> dict[str, str]:
    """The environment of an engine: as ours, and it finds the `core` that we run from."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    home = Path(core.__path__[0]).resolve().parent
    if home.name not in ("site-packages", "dist-packages"):
        paths = [str(home), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(p for p in paths if p)
    return environment


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
    status = folder.status()
    if status.live:
        raise EnvironmentFault(f"run {folder.id} is at work already (process {status.pid})", "attach to it instead")
    argv = [*(command or engine_command()), "train", str(folder.path.resolve()), *extra]
    offset = folder.control_path.stat().st_size if folder.control_path.exists() else 0
    folder.write_status(Status(state="queued", started=status.started, best=status.best, checkpoint=status.checkpoint))
    write_atomic(folder.launch_path, json.dumps({"control": offset}))
    try:
        with folder.stdout_path.open("ab") as log:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=engine_environment(),
            )
    except OSError as error:
        folder.write_status(Status(state="failed", error=str(error), exit_code=3))
        raise EnvironmentFault(f"cannot start the engine: {error}") from error
    _children[child.pid] = child
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
    write_atomic(folder.launch_path, json.dumps(launch, indent=1))
    return child


def launch(folder: RunFolder, *, extra: Sequence[str] = (), command: Sequence[str] | None = None) -> int:
    """`start`, for a caller that does not wait: the number of the process, which outlives us."""
    return start(folder, extra=extra, command=command).pid


def is_alive(folder: RunFolder) -> bool:
    """Whether an engine is at work on the run."""
    reap()
    return folder.status().live


def reap() -> None:
    """Take note of our own children that ended, so that none of them stays a zombie."""
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]


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
            with contextlib.suppress(EnvironmentFault), folder.lock():
                last = replace(status, state="stopped", ended=time.time(), exit_code=-int(signal.SIGKILL))
                folder.write_status(replace(last, process="", paused=False, stopping=False, error="killed"))
    return folder.status()
