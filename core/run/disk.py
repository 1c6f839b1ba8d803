"""What goes wrong with a run's disk and folder: how to know it, what to say, and room for the last words."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from core.errors import EnvironmentFault
from core.files import system_fault

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_WORDS = ("No space left on device", "StorageFull", "Disk quota exceeded", "File too large")
ROOM = 1 << 16
"""Bytes that are enough for a last event and a status."""


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or the one behind it, comes from a disk without space, whichever library says so."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno in _FULL
        if any(word in str(error) for word in _WORDS):
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def gone(folder: Path) -> EnvironmentFault:
    """A run whose folder is no longer there."""
    return EnvironmentFault(
        f"the run folder is gone: {folder}", "somebody deleted or moved it; put it back, or start a new run"
    )


def fault_of(error: BaseException, folder: Path) -> EnvironmentFault | None:
    """What an error of the system means for the run in a folder; None for an error of another kind."""
    if not folder.is_dir():
        return gone(folder)
    if is_full(error):
        return EnvironmentFault(
            f"no space left on the disk of {folder}",
            "make room there, or move the project to another disk; train then goes on from the last checkpoint",
        )
    if isinstance(error, OSError):
        return system_fault(error)
    return None


class Reserve:
    """A file that keeps `ROOM` on a run's disk until the last words must be written.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / ".reserve"

    def take(self) -> None:
        """Take the room, where there is any."""
        with contextlib.suppress(OSError), self.path.open("wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, ROOM)
            except (OSError, AttributeError):  # not every file system or system knows it
                file.write(bytes(ROOM))

    def release(self) -> None:
        """Give the room back."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
