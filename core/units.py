"""Spans of time and sizes in words, once for every screen, table and message: measured ones and estimates."""

from __future__ import annotations

import math

UNKNOWN_TIME = "time not known before a first run"

def duration(seconds: object) -> str:
    """A measured span of time in at most two units: `42 s`, `3 min 20 s`, `1 h 05 min`; a dash where it is unknown."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def size(count: float) -> str:
    """Measured bytes: `512 B`, `3.4 GB` (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def roughly(seconds: float | None) -> str:
    """An estimated span of time, no more exact than an estimate can be: `45 s`, `12 min`, `1 h 20 min`, `3 days`.

    At least `1 s`; `unknown` where it is not known.
    """
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return "unknown"
    if seconds < 57.5:
        return f"{max(1, round(seconds))} s" if seconds < 9.5 else f"{5 * round(seconds / 5)} s"
    minutes = seconds / 60
    if minutes < 57.5:
        return f"{round(minutes) if minutes < 14.5 else 5 * round(minutes / 5)} min"
    hours = minutes / 60
    if hours < 5.9:
        whole, rest = divmod(10 * round(minutes / 10), 60)
        return f"{whole} h {rest:02d} min" if rest else f"{whole} h"
    return f"{round(hours)} h" if hours < 47.5 else f"{round(hours / 24)} days"


def between(seconds: float, spread: float) -> str:
    """The span in which an estimated time likely lies, from `seconds / spread` to `seconds * spread`: `7–20 min`."""
    return from_to(seconds / spread, seconds * spread)


def from_to(shortest: float, longest: float) -> str:
    """An estimated span of time between two ends: `7–20 min`."""
    low, high = roughly(shortest), roughly(longest)
    if low == high:
        return low
    one, other = low.split(), high.split()
    same_unit = len(one) == len(other) == 2 and one[1] == other[1]
    return f"{one[0]}–{high}" if same_unit else f"{low} – {high}"


def in_words(seconds: float | None, memory_mb: float | None, disk_mb: float | None, spread: float) -> str:
    """What a run will cost on one line: `about 12 min (7–20 min), up to 2.1 GB of memory, 0.3 GB of disk`."""
    time = f"about {roughly(seconds)} ({between(seconds, spread)})" if seconds is not None else UNKNOWN_TIME
    memory = "an unknown amount" if memory_mb is None else f"up to {gigabytes(memory_mb)}"
    disk = "an unknown amount" if disk_mb is None else gigabytes(disk_mb)
    return f"{time}, {memory} of memory, {disk} of disk"


def gigabytes(megabytes: float) -> str:
    """An estimated size with two digits: `0.3 GB`, `24 GB`; small ones in MB."""
    if megabytes < 100:
        return f"{math.ceil(megabytes)} MB"
    return f"{megabytes / 1000:.1f} GB" if megabytes < 9_950 else f"{megabytes / 1000:.0f} GB"


def gib(megabytes: float) -> str:
    """An estimated size in GiB from MB (10**6 bytes), as graphics cards are sold and system monitors count."""
    count = megabytes * 1e6 / 2**30
    return f"{count:.1f} GiB" if count < 99.5 else f"{count:,.0f} GiB"
