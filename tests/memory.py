"""The memory that a test's own process took."""

from __future__ import annotations

from pathlib import Path


def peak_mb() -> float:
    """Most memory of this process so far, in MB of 10^6 bytes.

    `getrusage` would count that of the process which started this one, as a child is a copy of it for a moment.
    """
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6
