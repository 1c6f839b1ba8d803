"""Which of a user's interactions train, and which are the targets of validation and test."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from core.data.arrays import Int32, Int64
from core.data.data_report import DataReport
from core.data.timeline import Times, clock_scale, nth, reach_of, written
from core.errors import DataError, ProjectError
from core.settings import MIN_EVALUATED, DataSettings

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Keys = np.ndarray[Any, np.dtype[np.uint32]]
_SECOND = 1_000_000


@dataclass(frozen=True)
class Split:
    """How every user's list of interactions is divided; all arrays are (users,).

    Attributes:
        train: How many of the first train.
        valid: The position of the validation target, -1 where the user has none; what lies before is its history.
        test: The position of the test target likewise.
    """

    train: Int64
    valid: Int64
    test: Int64

    @classmethod
    def leave_one_out(cls, lengths: Int64) -> Split:
        """The last interaction is the test target, the one before that of validation; too short lists train whole."""
        evaluated = lengths >= MIN_EVALUATED
        targets = [np.where(evaluated, lengths - back, -1) for back in (2, 1)]
        return cls(np.where(evaluated, lengths - 2, lengths), *targets)

    @classmethod
    def whole(cls, lengths: Int64) -> Split:
        """Everything trains."""
        nobody = np.full(len(lengths), -1, dtype=np.int64)
        return cls(lengths, nobody, nobody)

    @property
    def asks(self) -> bool:
        """Whether anybody has a target."""
        return bool((self.valid >= 0).any() or (self.test >= 0).any())

    def take(self, users: Int32 | Int64) -> Split:
        """The split of some users."""
        return Split(self.train[users], self.valid[users], self.test[users])


@dataclass(frozen=True)
class TimeCuts:
    """Two moments in the unit of a log's times: what lies before `valid` trains, what lies at or after `test` tests."""

    valid: float
    test: float

    @classmethod
    def of(cls, data: DataSettings, parts: Callable[[], Iterable[Times]], clock: bool) -> TimeCuts | None:
        """Where the settings cut a log; None where they do not split by time.

        Args:
            data: The settings.
            parts: Gives the times of the rows that are left after cleaning, in any order, in one or more arrays:
                microseconds, or numbers as in the log. It is asked several times.
            clock: Whether they are microseconds.

        Raises:
            ProjectError: a setting is neither a date, nor a share, nor a number.
            DataError: a date for times that are plain numbers, or a cut that leaves a part empty.
        """
        if data.split != "time" or not any(len(part) for part in parts()):
            return None
        reach = reach_of(part for part in parts() if len(part))
        valid, test = (_moment(data, key, parts, reach, clock) for key in ("valid_from", "test_from"))
        said = f"the times reach from {written(reach[0], clock)} to {written(reach[1], clock)}"
        if valid >= test:
            raise DataError(
                f"data.valid_from ({data.valid_from}) must lie before data.test_from ({data.test_from}); {said}",
                "Give two dates, or shares of which the first is the larger: 0.2 and 0.1.",
            )
        for key, empty in (("valid_from", reach[0] >= valid), ("test_from", reach[1] < test)):
            if empty:
                part = "before it to train on" if key == "valid_from" else "from then on to test on"
                raise DataError(f"data.{key} ({getattr(data, key)}): no interaction lies {part}; {said}")
        return cls(valid, test)

    @property
    def spans(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Where validation begins and ends, and the test; an end is itself outside."""
        return (self.valid, self.test), (self.test, np.inf)


def _moment(
    data: DataSettings, key: str, parts: Callable[[], Iterable[Times]], reach: tuple[float, float], clock: bool
) -> float:
    """A setting as a moment in the unit of the times."""
    text = getattr(data, key).strip()
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        if 0 < number < 1:  # the last share of the rows; rows of one time stay together
            total = sum(len(part) for part in parts())
            place = min(total - 1, int(total * (1 - number)))
            return float(nth(lambda: (part for part in parts() if len(part)), [place])[0])
        return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProjectError(
            f"data.{key}: {text[:60]!r} is no date, no share and no number",
            "Write a date (2025-01-31, or 2025-01-31 12:00, in UTC), or the last share of the rows (0.1).",
        ) from None
    scale = _SECOND if clock else clock_scale(lambda: (part for part in parts() if len(part)), reach)
    if scale is None:
        raise DataError(
            f"data.{key} is a date, but the times in {data.time!r} do not count from 1970, e.g. {reach[0]}",
            "Give a number of the same kind, or a share such as 0.1.",
        )
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * scale


def first_after(users: Int32, times: Times, start: float, end: float) -> Mask:
    """Each user's first row in a span of time.

    Args:
        users: (rows,), user after user.
        times: (rows,), those of a user rising.
        start: Where the span begins; itself inside.
        end: Where it ends; itself outside.

    Returns:
        (rows,): True for at most one row a user.
    """
    mask = np.zeros(len(users), dtype=bool)
    inside = np.flatnonzero((times >= start) & (times < end))
    mask[inside[np.diff(users[inside], prepend=-1) != 0]] = True
    return mask


def tie_keys(ids: pl.Series) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """A number an id, by which ties are drawn: the same wherever the id stands in the log."""
    return np.fromiter((zlib.crc32(one.encode()) for one in ids), dtype=np.uint32, count=len(ids))


def shuffled_ties(users: Keys, items: Keys, seed: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A number a row by which rows of one time are ordered: drawn by user, item and seed alone (splitmix64).

    Args:
        users: Keys of the rows' users, see `tie_keys`; (rows,).
        items: Likewise.
        seed: Of the project.
    """
    with np.errstate(over="ignore"):
        mixed = users.astype(np.uint64) << np.uint64(32) | items.astype(np.uint64)
        mixed += np.uint64(seed % (1 << 63)) * np.uint64(0xD1B54A32D192ED03) + np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ mixed >> np.uint64(shift)) * np.uint64(factor)
        return mixed ^ mixed >> np.uint64(31)


class SplitByTime:
    """The split of a log, counted partition by partition.

    Args:
        cuts: Where the log is cut.
        trained_users: Which users are in the k-core of the training rows; (users,).
        trained_items: Likewise; (items,).
    """

    def __init__(self, cuts: TimeCuts, trained_users: Mask, trained_items: Mask) -> None:
        self._cuts, self._users, self._items = cuts, trained_users, trained_items
        self._late_items = np.zeros(len(trained_items), dtype=bool)
        self._train, self._valid, self._test = (np.full(len(trained_users), start) for start in (0, -1, -1))

    def add(self, users: Int32, items: Int32, times: Times, inside: Mask, report: DataReport) -> None:
        """Count a partition's rows, user after user and each oldest first.

        Args:
            users: (rows,).
            items: (rows,).
            times: (rows,).
            inside: Which rows are kept; (rows,).
            report: Filled in: what the split cannot ask about.
        """
        before = times < self._cuts.valid
        report.users_without_history += len(np.setdiff1d(users, users[before]))
        late = ~before & ~self._items[items]
        self._late_items[items[late]] = True
        report.rows_untrained += int(late.sum())
        kept = users[inside]
        starts = np.flatnonzero(np.diff(kept, prepend=-1))  # where each user's kept rows begin
        self._train[: kept.max(initial=-1) + 1] += np.bincount(kept[before[inside]], minlength=kept.max(initial=-1) + 1)
        for name, target, (start, end) in zip(
            ("valid", "test"), (self._valid, self._test), self._cuts.spans, strict=True
        ):
            mask = first_after(users, times, start, end)
            lost = int((mask & late & self._users[users]).sum())
            if lost:
                so_far = report.targets_untrained
                report.targets_untrained = so_far | {name: so_far.get(name, 0) + lost}
            places = np.flatnonzero(mask[inside])
            target[kept[places]] = places - starts[np.searchsorted(starts, places, side="right") - 1]

    def finished(self, users: Int64, report: DataReport) -> Split:
        """The split of some users, after all partitions."""
        report.items_untrained = int(self._late_items.sum())
        return Split(self._train[users], self._valid[users], self._test[users])
