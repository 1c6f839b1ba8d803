"""A process of the engine whose answer we read on its stdout. Never imports textual."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

from core.errors import EagerError, EnvironmentFault
from core.run import launch
from core.run.folder import RunFolder
from core.serve import protocol
from eagertui.cli.output.narration import narration
from eagertui.plain import visible


@contextlib.contextmanager
def engine_process(work: str, folder: RunFolder, *extra: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the engine on a run, its stdout ours to read; it ends with us."""
    argv = [*launch.engine_command(), work, str(folder.path.resolve()), *extra]
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
            env=launch.engine_environment(),
        )  # fmt: skip
    except OSError as error:
        raise EnvironmentFault(f"cannot start the engine: {error}") from error
    try:
        with child:
            yield child
    finally:
        if child.poll() is None:
            child.kill()


def errand(work: str, *argv: str) -> dict[str, Any]:
    """The engine's answer to an errand of `core.jobs.errands`, in a process of its own that ends with us.

    What it tells meanwhile stands on stderr: on a terminal how far it is stays one line.

    Raises:
        EagerError: why there is no answer.
    """
    command = [*launch.engine_command(), "errand", work, *argv]
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, encoding="utf-8",
            env=launch.engine_environment(), start_new_session=True,  # the terminal's Ctrl-C is for us
        )  # fmt: skip
    except OSError as error:
        raise EnvironmentFault(f"cannot start the engine: {error}") from error
    try:
        with child:
            assert child.stdout is not None
            for line in child.stdout:
                message = protocol.parse(line)
                if "progress" in message:
                    tell_progress(str(message["progress"]))
                if fault := protocol.error_of(message):
                    raise fault
                if isinstance(result := message.get("result"), dict):
                    return result
    finally:
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # its own workers too; what it made is kept
    raise EagerError(f"the engine gave no answer (exit code {child.returncode})", "its messages stand above")


def tell_progress(text: str) -> None:
    """A sentence of the engine, on stderr."""
    narration().print(visible(text), style="dim")
