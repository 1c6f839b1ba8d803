"""The log cut to its k-core: users' sequences of item numbers, made partition by partition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from core.data.arrays import Int32, Int64
from core.data.data_report import DataReport
from core.data.flat_rows import FlatRows, blocks
from core.data.log import ITEM, ORDER, PLACE, LogRows, rated
from core.data.partitions import USER, Frames
from core.data.split import Split, SplitByTime, TimeCuts, shuffled_ties, tie_keys
from core.data.timeline import Times, clock_times, timeline
from core.errors import DataError
from core.settings import DataSettings

Mask = np.ndarray[Any, np.dtype[np.bool_]]
_NEARLY, _FEW_ROWS, _FEW_ITEMS, _LOOKED_AT, _TIED, _NOT_ONE_ORDER = 0.95, 20, 10, 200_000, 0.01, 0.2
"""A share that is nearly all; rows and items that are too few to judge by; rows that are looked at; a share of
neighbours at one time that is worth a word, and one at one position that no order has."""


@dataclass(frozen=True)
class Log:
    """The cleaned log.

    Attributes:
        user_ids: Ids by user number, in order of their first row.
        item_ids: Ids of the items that are left, in the order of the alphabet.
        items: Positions in `item_ids`, all users one after the other, oldest first.
        offsets: Where each user's items start; one more than there are users.
        split: How the lists are split by time; None = leave-one-out.
        times: When each of `items` was taken, in microseconds since 1970; None = not known.
    """

    user_ids: pl.Series
    item_ids: pl.Series
    items: Int32
    offsets: Int64
    split: Split | None = None
    times: Int64 | None = None


def build_log(rows: LogRows, data: DataSettings, report: DataReport, seed: int = 0) -> Log:
    """Filter by rating, order, drop duplicates, and cut the rows of `read_rows` to their k-core.

    Args:
        rows: What `read_rows` gives.
        data: How the rows are cleaned and split; by time, the k-core is that of the training rows.
        report: Filled in.
        seed: Of the order of ties, where `data.ties` shuffles them.

    Raises:
        DataError: nothing is left.
        EnvironmentFault: the disk fails.
    """
    kept, first = _ordered(rows, data, report, seed)
    by_time = data.split == "time"
    cuts = TimeCuts.of(data, lambda: (frame[ORDER].to_numpy() for frame in kept), rows.clock) if by_time else None
    core = _core(kept, cuts, rows, data.min_user_interactions, data.min_item_interactions, report)
    if not core.rows:
        raise DataError(
            "no interactions are left after cleaning: "
            f"{report.rows:,} rows, {report.rejected_rows:,} rejected, {report.below_rating:,} below the rating, "
            f"{report.duplicates:,} duplicates, {report.core_rows:,} outside the k-core",
            f"Lower data.min_user_interactions ({data.min_user_interactions}) and "
            f"data.min_item_interactions ({data.min_item_interactions}).",
        )

    # Numbers without gaps for what is left: users by their first row, items by the alphabet. starts (users before,):
    # where each user's items begin; numbers (items before,), int32.
    lengths_of = core.by_user if cuts is None else _all_rows(kept, core)
    left_users = np.flatnonzero(core.by_user)
    left_users = left_users[np.argsort(first[left_users], kind="stable")]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths_of[left_users], dtype=np.int64)])
    starts = np.zeros(len(core.by_user), dtype=np.int64)
    starts[left_users] = offsets[:-1]
    left_items = np.flatnonzero(core.by_item)
    left_items = left_items[rows.item_ids[left_items].arg_sort().to_numpy()]
    numbers = np.zeros(len(core.by_item), dtype=np.int32)
    numbers[left_items] = np.arange(len(left_items), dtype=np.int32)

    # Every partition's rows, sorted by user and time, to their places in `sequence` and `times`, (rows left,).
    flat = FlatRows(int(offsets[-1]), rows.work)
    split = None if cuts is None else SplitByTime(cuts, core.by_user > 0, core.by_item > 0)
    same, tied, several, at_once = 0, 0, 0, 0
    for frame in kept:
        users, items, inside = core.inside(frame)
        lengths = np.diff(np.flatnonzero(np.diff(users, prepend=-1, append=-1)))  # of the users that are left here
        ends = np.cumsum(lengths)
        columns = [numbers[items]]
        if split is not None:
            split.add(frame[USER].to_numpy(), frame[ITEM].to_numpy(), frame[ORDER].to_numpy(), inside, report)
        if ORDER in frame.columns:
            order = frame[ORDER].to_numpy()[inside]
            neighbours = users[1:] == users[:-1]  # (rows - 1,): of one user
            same += int(neighbours.sum())
            tied += int((neighbours & (order[1:] == order[:-1])).sum())
            several += int((lengths > 1).sum())
            at_once += int(((lengths > 1) & (order[ends - lengths] == order[ends - 1])).sum())
            columns += [order] if data.time else []
        flat.add(starts[users[ends - 1]], lengths, *columns)
    sequence, *more = flat.arrays()
    times = more[0] if more else np.empty(0)
    if data.time or data.position:
        report.tied = float(tied / max(1, same))
    if not data.time and data.position and report.tied >= _NOT_ONE_ORDER:
        report.notes.append(
            f'data.position: "{data.position}" repeats in {report.tied:.0%} of the neighbours of a history: it seems '
            "to begin anew in each session or page, and orders none of what lies between them"
        )
    if data.time:
        spans = timeline(lambda: (times[some] for some in blocks(len(times), times)), rows.clock)
        report.timeline, report.time_step = spans.spans, spans.step
        report.first_time, report.last_time = spans.first, spans.last
        report.notes += _no_order(data.time, sequence, times, same >= _FEW_ROWS and at_once >= _NEARLY * several)
        if data.ties == "file" and report.tied >= _TIED and _newest_first(next(iter(rows.frames))):
            report.notes.append(
                f"the log goes from the newest to the oldest row, and {report.tied:.0%} of the neighbours in a history "
                "have one time: these stay as in the file, which is backward; write the rows oldest first, or set "
                'data.ties = "shuffle"'
            )
    done = None if split is None else split.finished(left_users, report)
    taken = clock_times(times, rows.clock) if data.time else None
    return Log(rows.user_ids[left_users], rows.item_ids[left_items], sequence, offsets, done, taken)


def _newest_first(frame: pl.DataFrame) -> bool:
    """Whether the first rows of a log, user by user, nearly always go back in time."""
    some = frame.head(_LOOKED_AT)
    users = some[USER].to_numpy()
    turn = np.argsort(users, kind="stable")
    users, order = users[turn], some[ORDER].to_numpy()[turn]
    one = users[1:] == users[:-1]
    back, on = int((one & (order[1:] < order[:-1])).sum()), int((one & (order[1:] > order[:-1])).sum())
    return back >= _FEW_ROWS and back >= _NEARLY * (back + on)


def _no_order(name: str, items: Int32, times: Times, at_once: bool) -> list[str]:
    """Whether a column of times belongs to the users or the items, and orders nothing that anybody did.

    Args:
        name: The column.
        items: Of the rows, user after user, oldest first; (rows,).
        times: Likewise.
        at_once: Whether nearly every user of several rows has one time for all of them.
    """
    if at_once and any((times[some] != times[0]).any() for some in blocks(len(times), times)):
        return [f'data.time: "{name}" is the same in all rows of a user: it orders nothing, the order is the file\'s']
    some = pl.DataFrame({"item": items[:_LOOKED_AT], "time": times[:_LOOKED_AT]}).group_by("item")
    spread = some.agg(pl.len().alias("rows"), pl.col("time").n_unique().alias("times")).filter(pl.col("rows") > 2)
    if spread.height < _FEW_ITEMS or (spread["times"] == 1).sum() < _NEARLY * spread.height:
        return []
    return [f'data.time: "{name}" is the same in all rows of an item: it is the item\'s, and not when it was taken']


def _ordered(rows: LogRows, data: DataSettings, report: DataReport, seed: int) -> tuple[Frames, Int64]:
    """The rows that may stay: of every partition, `user`, `item` and `order`, each user's oldest first.

    Returns:
        The frames, and where each user stands first in the log, of the rows that are rated high enough; (users,).
    """
    kept, first = Frames(rows.work, "ordered"), np.full(len(rows.user_ids), np.iinfo(np.int64).max)
    shuffle = data.ties == "shuffle"
    keys = [tie_keys(ids) for ids in (rows.user_ids, rows.item_ids)] if shuffle else []
    for frame in rows.frames:
        frame = rated(frame, data, report)
        users, places = frame[USER].to_numpy(), frame[PLACE].to_numpy()
        first[users[::-1]] = places[::-1]
        # User after user, each oldest first; of equal times the earlier row, for the sort is stable, or a drawn one.
        timed = ORDER in frame.columns
        by = [frame[ORDER].to_numpy(), users] if timed else [users]
        if shuffle:
            by = [shuffled_ties(keys[0][users], keys[1][frame[ITEM].to_numpy()], seed), *by]
        sort = np.lexsort(by)
        ordered = frame.select(USER, ITEM, *([ORDER] if timed else []))[sort]
        # Duplicates go before the k-core counts; the oldest of them stays.
        if data.duplicates != "keep":
            subset = [USER, ITEM, *([ORDER] if timed and data.duplicates == "exact" else [])]
            unique = ordered.unique(subset, keep="first", maintain_order=True)
            report.duplicates += ordered.height - unique.height
            ordered = unique
        kept.add(ordered)
    if data.duplicates == "exact" and not (data.time or data.position) and report.duplicates:
        report.notes.append(
            f"{report.duplicates:,} rows repeat an item of their user: without times each item of a user counts once; "
            'where people come back to it, data.duplicates = "keep"'
        )
    return kept, first


@dataclass(frozen=True)
class _Core:
    """What a k-core leaves.

    Attributes:
        by_user: How many rows each user has in it; (users,).
        by_item: Likewise; (items,).
    """

    by_user: Int64
    by_item: Int64

    @property
    def rows(self) -> int:
        """How many rows are left."""
        return int(self.by_user.sum())

    def inside(self, frame: pl.DataFrame) -> tuple[Int32, Int32, Mask]:
        """Users and items of a partition's rows that are left, and which rows these are."""
        users, items = frame[USER].to_numpy(), frame[ITEM].to_numpy()
        inside = (self.by_user > 0)[users] & (self.by_item > 0)[items]
        return users[inside], items[inside], inside


def _all_rows(kept: Frames, core: _Core) -> Int64:
    """How many rows each user has whose item is in the core, after training too; (users,)."""
    total = np.zeros(len(core.by_user), dtype=np.int64)
    for frame in kept:
        users, _, _ = core.inside(frame)
        counts = np.bincount(users)
        total[: len(counts)] += counts
    return total


def _core(
    kept: Frames, cuts: TimeCuts | None, rows: LogRows, min_user: int, min_item: int, report: DataReport
) -> _Core:
    """The k-core: users and items with too few rows go, both sides at once, until nothing changes.

    A round is a map over the partitions, whose users are their own, and a sum of the items' counts over all.
    """
    bounds, n_items = rows.bounds, len(rows.item_ids)
    users_in, items_in = np.ones(bounds[-1], dtype=bool), np.ones(n_items, dtype=bool)
    before: _Core | None = None
    while True:
        by_user, by_item = np.zeros(bounds[-1], dtype=np.int64), np.zeros(n_items, dtype=np.int64)
        for (start, stop), (users, items) in zip(pairwise(bounds), _pairs(kept, cuts), strict=True):
            inside = users_in[users] & items_in[items]
            by_user[start:stop] = np.bincount(users[inside] - start, minlength=stop - start)
            by_item += np.bincount(items[inside], minlength=n_items)
        core = _Core(by_user, by_item)
        before = before or core
        # Whoever has rows, but too few, goes; a row goes with its user or its item.
        few_users, few_items = (by_user > 0) & (by_user < min_user), (by_item > 0) & (by_item < min_item)
        if not few_users.any() and not few_items.any():
            break
        users_in &= ~few_users
        items_in &= ~few_items
        report.core_rounds += 1
    report.core_rows = before.rows - core.rows
    report.core_users = int((before.by_user > 0).sum() - (core.by_user > 0).sum())
    report.core_items = int((before.by_item > 0).sum() - (core.by_item > 0).sum())
    return core


def _pairs(kept: Frames, cuts: TimeCuts | None) -> Iterator[tuple[Int32, Int32]]:
    """Users and items of every partition's rows, as far as they train."""
    for frame in kept:
        frame = frame if cuts is None else frame.filter(pl.col(ORDER) < cuts.valid)
        yield frame[USER].to_numpy(), frame[ITEM].to_numpy()
