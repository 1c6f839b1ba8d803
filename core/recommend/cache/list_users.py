"""Whose lists are made: every user of the data, and those that a cache got to know, each with their history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.arrays import Sequences
from core.data.data_report import DataReport
from core.data.dataset import Dataset
from core.data.log import read_in_order
from core.project import Project
from core.recommend.cache.list_database import ListDatabase
from core.recommend.cache.list_question import ListQuestion
from core.recommend.cache.list_shards import history_mark

Items = npt.NDArray[np.int32]


def everybody(
    dataset: Dataset, question: ListQuestion, cache: ListDatabase | None = None
) -> tuple[npt.NDArray[np.int64], Sequences]:
    """Numbers and histories of all users.

    Args:
        dataset: of the run.
        question: says which history.
        cache: knows newer histories and more users, and who was forgotten; the history as tested is the data's alone.
    """
    users = np.arange(dataset.n_users, dtype=np.int64)
    known = dataset.as_tested() if question.as_tested else dataset.sequences
    if cache is None:
        return users, known
    newer = {} if question.as_tested else cache.histories()
    forgotten = cache.forgotten()
    if newer:
        more = [user for user in newer if user >= dataset.n_users]
        users = np.concatenate([users, np.array(more, dtype=np.int64)])
        known = joined([newer[n] if n in newer else known[n] for n in users.tolist()])
    kept = np.flatnonzero(~np.isin(users, list(forgotten)) & (known.lengths > 0))
    return users[kept], known.take(kept)


def joined(lists: list[Items]) -> Sequences:
    """Lists of item numbers as one."""
    lengths = [len(items) for items in lists]
    flat = np.concatenate(lists) if lists else np.zeros(0)
    return Sequences(flat.astype(np.int32), np.cumsum([0, *lengths], dtype=np.int64))


@dataclass(frozen=True)
class NewInteractions:
    """What a file told of users' histories.

    Attributes:
        rows: usable rows.
        users: how many users' histories became longer.
        new_users: how many of them the run's data do not know.
        unknown_items: rows of items that the run does not know, which are left out.
        rejected: rows that cannot be used.
    """

    rows: int
    users: int
    new_users: int
    unknown_items: int
    rejected: int


def take_interactions(
    cache: ListDatabase, project: Project, dataset: Dataset, item_number: dict[str, int], file: Path
) -> NewInteractions:
    """Write what users took since into the cache; their lists are then out of date until they are refreshed.

    A file may repeat what is known: rows that repeat the end of a user's history in its order are not taken twice, so
    the whole log, the new part of it, and the same file once more all give the same histories.

    Args:
        cache: open for writing.
        project: says how the file is read: columns, times, lowest rating, what is a duplicate.
        dataset: of the run.
        item_number: of every item that the run knows.
        file: any format of the data stage.

    Raises:
        ProjectError: a file or column is not there.
        DataError: unreadable content, or too many bad rows.
    """
    report = DataReport()
    rows = read_in_order(replace(project.data, interactions=str(file.absolute())), project.directory, report)
    numbers = {user: number for number, user in enumerate(dataset.users.to_list())}
    table = pl.DataFrame({"item": list(item_number), "number": list(item_number.values())})
    found = rows.join(table, on="item", how="left", maintain_order="left")
    known = found.filter(pl.col("number").is_not_null())
    came = known.group_by("user", maintain_order=True).agg(pl.col("number"))
    fresh = [user for user in came["user"] if user not in numbers]
    numbers |= cache.add_users(fresh, dataset.n_users)
    forgotten, older, changed = cache.forgotten(), cache.histories(), {}
    for user, items in came.iter_rows():
        number = numbers[user]
        if number in forgotten:
            continue
        before = older.get(number)
        if before is None:
            before = dataset.sequences[number] if number < dataset.n_users else np.zeros(0, np.int32)
        after = _longer(before, np.array(items, dtype=np.int32), project.data.duplicates == "first")
        if len(after) > len(before):
            changed[number] = after
    cache.set_histories((number, history_mark(items), items.tobytes()) for number, items in changed.items())
    new = sum(number >= dataset.n_users and number not in older for number in changed)
    rejected = sum(report.rejected.values())
    return NewInteractions(rows.height, len(changed), new, found.height - known.height, rejected)


def _longer(before: Items, came: Items, once: bool) -> Items:
    """A history and what came after it; what repeats its end in its order is the same interactions once more."""
    overlap = _overlap(before.tolist(), came.tolist())
    after = np.concatenate([before, came[overlap:]])
    if once:
        _, first = np.unique(after, return_index=True)
        after = after[np.sort(first)]
    return after.astype(np.int32)


def _overlap(before: list[int], came: list[int]) -> int:
    """How many of the last items of one list are the first of the other (Knuth, Morris and Pratt's prefix function)."""
    # For every beginning of `came`: the length of its longest end that is a beginning too.
    ends = [0] * len(came)
    for place in range(1, len(came)):
        length = ends[place - 1]
        while length and came[place] != came[length]:
            length = ends[length - 1]
        ends[place] = length + (came[place] == came[length])
    length = 0
    for item in before[-len(came) :] if came else []:
        while length and (length == len(came) or item != came[length]):
            length = ends[length - 1]
        length += item == came[length]
    return length
