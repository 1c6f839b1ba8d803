"""An estimate in words that do not claim to know better: `about 12 min (7 to 20 min)`."""

from __future__ import annotations

import math


def roughly(seconds: float | None) -> str:
    """A span of time with one or two digits that mean something: `under 1 s`, `45 s`, `12 min`, `1 h 20 min`."""
    if seconds is None or not math.isfinite(seconds):
        return "unknown"
    if seconds < 1:
        return "under 1 s"
    if seconds < 57.5:
        return f"{round(seconds)} s" if seconds < 9.5 else f"{5 * round(seconds / 5)} s"
    minutes = seconds / 60
    if minutes < 57.5:
        return f"{round(minutes) if minutes < 14.5 else 5 * round(minutes / 5)} min"
    hours = minutes / 60
    if hours < 5.9:
        whole, rest = divmod(10 * round(minutes / 10), 60)
        return f"{whole} h {rest:02d} min" if rest else f"{whole} h"
    return f"{round(hours)} h" if hours < 47.5 else f"{round(hours / 24)} days"


def between(seconds: float, spread: float) -> str:
    """The span in which the true figure likely lies: `7–20 min`."""
    low, high = roughly(seconds / spread), roughly(seconds * spread)
    if low == high:
        return low
    one, other = low.split(), high.split()
    same_unit = len(one) == len(other) == 2 and one[1] == other[1]
    return f"{one[0]}–{high}" if same_unit else f"{low} – {high}"


def in_words(seconds: float | None, memory_mb: float | None, disk_mb: float | None, spread: float) -> str:
    """The whole estimate on one line."""
    time = "an unknown time" if seconds is None else f"about {roughly(seconds)} ({between(seconds, spread)})"
    memory = "an unknown amount" if memory_mb is None else f"up to {gigabytes(memory_mb)}"
    disk = "an unknown amount" if disk_mb is None else gigabytes(disk_mb)
    return f"{time}, {memory} of memory, {disk} of disk"


def gigabytes(megabytes: float) -> str:
    """A size with two digits: `0.3 GB`, `24 GB`; small ones in MB."""
    if megabytes < 100:
        return f"{math.ceil(megabytes)} MB"
    return f"{megabytes / 1000:.1f} GB" if megabytes < 9_950 else f"{megabytes / 1000:.0f} GB"
