"""When the interactions happened: counts over at most sixty equal spans of time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from core.data.arrays import Int64
from core.data.data_report import Span
from core.data.flat_rows import blocks
from core.data.time_values import FIRST_SECOND

Times = np.ndarray[Any, Any]
MOST_SPANS = 60
_EPOCH = datetime(1970, 1, 1)
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_MONDAY = 4 * _DAY  # the first one after the epoch; weeks start there
_STEPS = (
    *((n * _SECOND, n, "second") for n in (1, 5, 15, 30)),
    *((n * 60 * _SECOND, n, "minute") for n in (1, 5, 15, 30)),
    *((n * 3600 * _SECOND, n, "hour") for n in (1, 3, 6, 12)),
    *((n * _DAY, n, "day") for n in (1, 2)),
    *((n * 7 * _DAY, n, "week") for n in (1, 2, 4, 13, 26, 52, 260, 520, 2600, 5200, 10400)),
)
_LATE = 4_102_444_800  # 2100, in seconds
_FIRST, _LAST = -60_000_000_000, 253_402_300_799  # what a calendar knows, in seconds: the years 69 to 9999


@dataclass(frozen=True)
class Timeline:
    """Counts over time.

    Attributes:
        spans: `start` (ISO text, or a number where the times are plain numbers) and `count`, each as long as the next.
        first: When the first interaction happened, written like a start.
        last: When the last one did.
        step: How long a span is, in words.
    """

    spans: list[Span]
    first: str | float
    last: str | float
    step: str


def timeline(parts: Callable[[], Iterable[Times]], clock: bool) -> Timeline:
    """Count interactions over their time.

    Args:
        parts: Gives their times in any order, in one or more arrays of which not all are empty: microseconds since
            1970, or numbers as they stand in the log. It is asked several times.
        clock: Whether they are microseconds. Numbers that look like seconds, milliseconds, microseconds or nanoseconds
            since 1970 are read as such.
    """

    def filled() -> Iterator[Times]:
        return (part for part in parts() if len(part))

    reach = reach_of(filled())
    scale = _SECOND if clock else clock_scale(filled, reach)
    if scale is not None:
        first, last = (int(_microseconds(np.array([one]), scale)[0]) for one in reach)
        if first >= _FIRST * _SECOND and last <= _LAST * _SECOND:
            return _of_clock(lambda: (_microseconds(part, scale) for part in filled()), first, last)
    return _of_numbers(filled, *reach)


def clock_times(times: Times, clock: bool) -> Int64 | None:
    """Times of a log as microseconds since 1970, as `timeline` reads them; None where they are plain numbers.

    Args:
        times: (rows,), of eight bytes each; what is returned takes their memory.
        clock: Whether they are microseconds already.
    """
    if not len(times):
        return None

    def parts() -> Iterator[Times]:
        return (times[rows] for rows in blocks(len(times), times))

    reach = reach_of(parts())
    scale = _SECOND if clock else clock_scale(parts, reach)
    if scale is None:
        return None
    ends = _microseconds(np.array(reach), scale)
    if ends[0] < _FIRST * _SECOND or ends[1] > _LAST * _SECOND:
        return None
    found = times.view(np.int64)
    for rows in blocks(len(times), times):
        found[rows] = _microseconds(times[rows], scale)
    return found


def written(time: Any, clock: bool) -> str:
    """A time as people write it."""
    return str(timeline(lambda: [np.array([time])], clock).first)


def reach_of(parts: Iterable[Times]) -> tuple[Any, Any]:
    """The first and the last time, as Python's numbers."""
    ends = [(part.min().item(), part.max().item()) for part in parts]
    return min(low for low, _ in ends), max(high for _, high in ends)


def clock_scale(parts: Callable[[], Iterable[Times]], reach: tuple[Any, Any]) -> int | None:
    """How many of a log's numbers a second has, where they count from 1970; None where they do not look like times."""
    size = sum(len(part) for part in parts())
    middle = float(np.median(nth(parts, [(size - 1) // 2, size // 2])))  # one odd value must not decide the scale
    for scale in (1, 10**3, 10**6, 10**9):
        if FIRST_SECOND * scale <= middle < _LATE * scale and reach[0] >= 0 and reach[1] <= _LAST * scale:
            return scale
    return None


def nth(parts: Callable[[], Iterable[Times]], places: Sequence[int]) -> Times:
    """The values that would stand at some places if all were sorted, without sorting them all.

    A partition's own value at the same share of its length is near; between the least and the greatest of these lies
    the one that is looked for, and little else where the partitions are alike.

    Args:
        parts: Gives the values, in one or more arrays; it is asked twice.
        places: From 0, rising.

    Returns:
        (places,).
    """
    sizes = [len(part) for part in parts()]
    total = sum(sizes)
    lows, highs = [], []
    for part in parts():
        ordered = np.sort(part)
        lows.append(ordered[max(0, places[0] * len(part) // total - 1)])
        highs.append(ordered[min(len(part) - 1, -(-places[-1] * len(part) // total) + 1)])
    low, high = min(lows), max(highs)
    below, inside = 0, []
    for part in parts():
        below += int((part < low).sum())
        inside.append(part[(part >= low) & (part <= high)])
    return np.asarray(np.sort(np.concatenate(inside))[np.asarray(places) - below])


def _microseconds(times: Times, scale: int) -> Int64:
    """Numbers of which a second has so many, as microseconds since 1970."""
    exact = times // (scale // _SECOND) if scale > _SECOND else times * (_SECOND // scale)
    return np.asarray(exact).astype(np.int64)


def _of_clock(parts: Callable[[], Iterable[Int64]], first: int, last: int) -> Timeline:
    # The shortest step of the calendar of which at most sixty reach from the first time to the last.
    size, many, unit = next(step for step in _STEPS if (last - _begin(first, *step)) // step[0] < MOST_SPANS)
    begin = _begin(first, size, many, unit)
    counts = _counts((part - begin) // size for part in parts())  # (spans,): no time lies before the first span
    days = size % _DAY == 0
    spans: list[Span] = [{"start": _iso(begin + n * size, days), "count": int(count)} for n, count in enumerate(counts)]
    whole = first % _DAY == 0 and last % _DAY == 0
    return Timeline(spans, _iso(first, whole), _iso(last, whole), f"{many} {unit}{'s' if many > 1 else ''}")


def _counts(parts: Iterable[Int64]) -> Int64:
    """How often each span stands in some arrays; (spans,)."""
    total = np.zeros(0, dtype=np.int64)
    for part in parts:
        counts = np.bincount(part, minlength=len(total))
        counts[: len(total)] += total
        total = counts
    return total


def _begin(first: int, size: int, many: int, unit: str) -> int:
    """Where the first span begins: at a full hour, a midnight, a Monday."""
    shift = _MONDAY if unit == "week" else 0
    return (first - shift) // size * size + shift


def _iso(microseconds: int, day: bool) -> str:
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.date().isoformat() if day else moment.isoformat(timespec="seconds" if moment.second else "minutes")


def _of_numbers(parts: Callable[[], Iterable[Times]], first: Any, last: Any) -> Timeline:
    """Spans of 1, 2 or 5 times a power of ten."""
    if first == last or not np.isfinite(float(last) - float(first)):
        return Timeline([{"start": first, "count": sum(len(part) for part in parts())}], first, last, "")
    whole = isinstance(first, int) and last - first < 1 << 62
    if not whole:
        first, last = float(first), float(last)
    # Begin with a power of ten that is short enough, and go up 1, 2, 5, 10, 20, ... until sixty spans do.
    size: Any = 1 if whole else 10.0 ** math.floor(math.log10((last - first) / MOST_SPANS))
    turn = 0
    while (last - first // size * size) // size >= MOST_SPANS:
        size *= (2, 2.5, 2)[turn % 3]
        size, turn = round(size) if whole else size, turn + 1

    # Spans begin at multiples of their size. counts (spans,); rounding may put the first time below the first span.
    begin = first // size * size
    numbers = (part if whole else part.astype(np.float64) for part in parts())
    counts = _counts(np.maximum((part - begin) // size, 0).astype(np.int64) for part in numbers)
    starts = [begin + n * size if whole else float(f"{begin + n * size:.15g}") for n in range(len(counts))]
    spans: list[Span] = [{"start": start, "count": int(count)} for start, count in zip(starts, counts, strict=True)]
    return Timeline(spans, first, last, f"{size:,}" if whole else f"{size:g}")
