"""The errors a person may meet, each with the exit code of the command line."""

from __future__ import annotations

from pathlib import Path


class EagerError(Exception):
    """An expected failure: one message for a person, and what they can do about it.

    Args:
        message: What went wrong, naming the file, row, key or id.
        remedy: What to do next; shown on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class ProjectError(EagerError):
    """The command line or the project file is wrong, a file or column it names included."""

    exit_code = 2


class EnvironmentFault(EagerError):
    """The machine cannot do it: disk, permission, memory, a missing model, no terminal."""

    exit_code = 3


class DataError(EagerError):
    """The content of the data is unusable, or an id is unknown."""

    exit_code = 4


class Interrupted(EagerError):
    """Somebody asked to stop; the message says where the checkpoint is."""

    exit_code = 130


class StopRequested(Exception):
    """Somebody asked the run to stop; a checkpoint was left in `checkpoint`."""

    def __init__(self, checkpoint: Path | None = None) -> None:
        super().__init__("stopped on request")
        self.checkpoint = checkpoint
