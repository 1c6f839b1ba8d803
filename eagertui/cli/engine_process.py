"""A process of the engine whose answer we read on its stdout. Never imports textual."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator

from core.errors import EnvironmentFault
from core.run import launch
from core.run.folder import RunFolder
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


def tell_progress(text: str) -> None:
    """A sentence of the engine, on stderr."""
    narration().print(visible(text), style="dim")
