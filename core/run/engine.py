"""The frame around an engine's work: it owns the run, and every end has a state, an exit code and a sentence."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from core.errors import EagerError, Interrupted
from core.run.disk import fault_of
from core.run.folder import RunFolder
from core.run.reporter import RunReporter

_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is used up, the device's or the machine's."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _MEMORY)


def exit_state(error: BaseException | None, where: Path) -> tuple[str, int, str, str]:
    """State, exit code, message and remedy of a run whose work ended with an error, or with none.

    Args:
        error: what ended the work.
        where: the run's folder.
    """
    if error is None:
        return "finished", 0, "", ""
    if isinstance(error, Interrupted):
        return "stopped", error.exit_code, error.message, error.remedy
    if isinstance(error, KeyboardInterrupt):
        return "stopped", 130, "interrupted before a checkpoint could be saved", "train goes on from the last one"
    if isinstance(error, EagerError):
        return "failed", error.exit_code, error.message, error.remedy
    if is_out_of_memory(error):
        return "failed", 3, "out of memory", "a smaller tune.batch_tokens or model needs less"
    if fault := fault_of(error, where):
        return "failed", fault.exit_code, fault.message, fault.remedy
    return "failed", 1, f"{type(error).__name__}: {error}", "stdout.log in the run folder has the traceback"


def run_engine(folder: RunFolder, work: Callable[[RunReporter], object]) -> int:
    """Do a run's work under a `RunReporter` and return the process's exit code, whatever happens inside.

    The traceback of an unexpected error goes to stderr, which is the run's `stdout.log`.

    Raises:
        EnvironmentFault: the run cannot be taken: another engine has it, or its folder is gone or cannot be written.
    """
    with RunReporter(folder) as reporter:
        error: BaseException | None = None
        try:
            work(reporter)
        except (Exception, KeyboardInterrupt) as caught:
            error = caught
            with contextlib.suppress(OSError):  # the log lies on the same disk
                if isinstance(caught, EagerError):
                    print(f"error: {caught}", file=sys.stderr)
                else:
                    traceback.print_exc()
        state, code, message, remedy = exit_state(error, folder.path)
        reporter.finish(state, code, message, remedy)
    return code
