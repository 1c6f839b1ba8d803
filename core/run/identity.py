"""Which process is that: an identity that survives neither reuse of a process number, nor a reboot."""

from __future__ import annotations

import functools
import sys
from pathlib import Path


@functools.cache
def boot() -> str:
    """This boot of this machine; "" where it cannot be told.

    Processes of one boot share the monotonic clock, which nobody can set.
    """
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def identity(pid: int) -> str:
    """The identity of a live process, or "" where there is none; a zombie is dead.

    On Linux it is the boot and the start in clock ticks since then, so that a jump of the wall clock does not
    change it.
    """
    if pid <= 0:
        return ""
    return _linux_identity(pid) if sys.platform == "linux" else _other_identity(pid)


def _other_identity(pid: int) -> str:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return ""
        return f"{process.create_time():.3f}"
    except psutil.Error:
        return ""


def _linux_identity(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    fields = stat[stat.rfind(")") + 2 :].split()  # the name before may hold blanks and brackets
    if len(fields) < 20 or fields[0] in ("Z", "X", "x") or not boot():
        return ""
    return f"{boot()}:{fields[19]}"
