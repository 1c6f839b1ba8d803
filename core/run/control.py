"""What people ask of a running engine, read from its control file."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

INTERVAL = 0.2
"""Seconds between two looks at the file."""


class ControlReader:
    """Reads the commands that arrive in a file, a line each, at most five times a second.

    Args:
        path: the control file.
        offset: where to begin, in bytes; None is the file's end, so that old wishes are not granted twice.
    """

    def __init__(self, path: Path, offset: int | None = None) -> None:
        self.path = path
        self._looked = -INTERVAL
        try:
            size = path.stat().st_size
        except OSError:
            size = 0
        self._offset = size if offset is None else min(offset, size)

    def poll(self, now: bool = False) -> list[str]:
        """The commands since the last look; nothing within `INTERVAL` of it, unless `now`."""
        clock = time.monotonic()
        if not now and clock - self._looked < INTERVAL:
            return []
        self._looked = clock
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < self._offset:
                    self._offset = 0
                if size == self._offset:
                    return []
                file.seek(self._offset)
                data = file.read(size - self._offset)
        except OSError:
            return []
        end = data.rfind(b"\n") + 1
        self._offset += end
        return [command for line in data[:end].split(b"\n") if (command := _command(line))]


def _command(line: bytes) -> str:
    try:
        raw = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    command = raw.get("command") if isinstance(raw, dict) else None
    return command if isinstance(command, str) else ""
