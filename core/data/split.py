"""Which of a user's interactions train, and which are the targets of validation and test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from core.data.arrays import Int32, Int64
from core.data.data_report import DataReport
from core.data.timeline import clock_scale, written
from core.errors import DataError, ProjectError
from core.settings import MIN_EVALUATED, DataSettings

Mask = np.ndarray[Any, np.dtype[np.bool_]]
Times = np.ndarray[Any, Any]
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

    def take(self, users: Int32 | Int64) -> Split:
        """The split of some users."""
        return Split(self.train[users], self.valid[users], self.test[users])


@dataclass(frozen=True)
class TimeCuts:
    """Two moments in the unit of a log's times: what lies before `valid` trains, what lies at or after `test` tests."""

    valid: float
    test: float

    @classmethod
    def of(cls, data: DataSettings, times: Times, clock: bool) -> TimeCuts | None:
        """Where the settings cut a log; None where they do not split by time.

        Args:
            data: The settings.
            times: Times of the rows that are left after cleaning, in any order: microseconds, or numbers as in the log.
            clock: Whether they are microseconds.

        Raises:
            ProjectError: a setting is neither a date, nor a share, nor a number.
            DataError: a date for times that are plain numbers, or a cut that leaves a part empty.
        """
        if data.split != "time":
            return None
        ordered = np.sort(times)
        valid, test = (_moment(data, key, ordered, clock) for key in ("valid_from", "test_from"))
        reach = f"the times reach from {written(ordered[:1], clock)} to {written(ordered[-1:], clock)}"
        if valid >= test:
            raise DataError(
                f"data.valid_from ({data.valid_from}) must lie before data.test_from ({data.test_from}); {reach}",
                "Give two dates, or shares of which the first is the larger: 0.2 and 0.1.",
            )
        for key, empty in (("valid_from", ordered[0] >= valid), ("test_from", ordered[-1] < test)):
            if empty:
                part = "before it to train on" if key == "valid_from" else "from then on to test on"
                raise DataError(f"data.{key} ({getattr(data, key)}): no interaction lies {part}; {reach}")
        return cls(valid, test)


def _moment(data: DataSettings, key: str, ordered: Times, clock: bool) -> float:
    """A setting as a moment in the unit of the times, which are sorted."""
    text = getattr(data, key).strip()
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        if 0 < number < 1:  # the last share of the rows; rows of one time stay together
            return ordered[min(len(ordered) - 1, int(len(ordered) * (1 - number)))].item()  # type: ignore[no-any-return]
        return number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProjectError(
            f"data.{key}: {text[:60]!r} is no date, no share and no number",
            "Write a date (2025-01-31, or 2025-01-31 12:00, in UTC), or the last share of the rows (0.1).",
        ) from None
    scale = _SECOND if clock else clock_scale(ordered)
    if scale is None:
        raise DataError(
            f"data.{key} is a date, but the times in {data.time!r} do not count from 1970, e.g. {ordered[0]}",
            "Give a number of the same kind, or a share such as 0.1.",
        )
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * scale


def first_after(users: Int32, times: Times, start: float, end: float) -> Mask:
    """Each user's first row in a span of time.

    Args:
        users: (rows,), of rows in the order of time.
        times: (rows,), rising.
        start: Where the span begins; itself inside.
        end: Where it ends; itself outside.

    Returns:
        (rows,): True for at most one row a user.
    """
    low, high = np.searchsorted(times, [start, end]).tolist()
    mask = np.zeros(len(users), dtype=bool)
    mask[low + np.unique(users[low:high], return_index=True)[1]] = True
    return mask


def shuffled_ties(users: Int32, items: Int32, seed: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """A number a row by which rows of one time are ordered: drawn by user, item and seed alone (splitmix64)."""
    with np.errstate(over="ignore"):
        mixed = users.astype(np.uint64) << np.uint64(32) | items.astype(np.uint64)
        mixed += np.uint64(seed % (1 << 63)) * np.uint64(0xD1B54A32D192ED03) + np.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ mixed >> np.uint64(shift)) * np.uint64(factor)
        return mixed ^ mixed >> np.uint64(31)


def count_untrained(users: Int32, items: Int32, before: Mask, inside: Mask, targets: Mask, report: DataReport) -> None:
    """Report whom and what a split by time cannot ask about: users without history, items that nobody trained on."""
    trained_users, trained_items = np.unique(users[before & inside]), np.unique(items[before & inside])
    report.users_without_history = len(np.setdiff1d(users, users[before]))
    untrained = ~before & ~np.isin(items, trained_items)
    report.items_untrained, report.rows_untrained = len(np.unique(items[untrained])), int(untrained.sum())
    lost = untrained & np.isin(users, trained_users)
    counts = {name: int((mask & lost).sum()) for name, mask in zip(("valid", "test"), targets, strict=True)}
    report.targets_untrained = {name: count for name, count in counts.items() if count}


def split_of(offsets: Int64, before: Mask, targets: Mask) -> Split:
    """The split of rows that are sorted by user and time.

    Args:
        offsets: (users + 1,).
        before: (rows,): whether a row trains.
        targets: (2, rows): whether it is its user's target of validation, of the test.
    """
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    train = np.bincount(owner[before], minlength=len(offsets) - 1)
    positions = np.full((2, len(offsets) - 1), -1, dtype=np.int64)
    for position, mask in zip(positions, targets, strict=True):
        places = np.flatnonzero(mask)
        position[owner[places]] = places - offsets[:-1][owner[places]]
    return Split(train.astype(np.int64), *positions)
