"""A closer look at a data set: one user's split, users by their id, items with how often they are taken."""

from __future__ import annotations

from itertools import islice

import numpy as np
import polars as pl

from core.data.dataset import Dataset

TARGET, SEEN = "target", "seen"


def user_split(dataset: Dataset, user: int, max_history: int) -> pl.DataFrame:
    """What one user's history becomes, oldest first.

    Returns:
        `pos` (from 0), `part` (training, validation, test, later), `valid` and `test` (`target` for what the model is
        asked for, `seen` for what it is shown then, else null), `item`, `title`.
    """
    items = dataset.sequences[user]
    count = len(items)
    split = dataset.split
    train, valid, test = (int(part[user]) for part in (split.train, split.valid, split.test))
    place = np.arange(count)
    columns: dict[str, pl.Series] = {}
    for name, target in (("valid", valid), ("test", test)):
        seen = (place < target) & (place >= target - max_history)
        marks = np.where(seen, SEEN, np.where(place == target, TARGET, ""))
        columns[name] = pl.Series(name, [mark or None for mark in marks.tolist()], dtype=pl.String)
    parts = np.where(
        place < train, "training", np.where(place == valid, "validation", np.where(place == test, "test", "later"))
    )
    taken = dataset.items.select("item_id", "title")[items]
    return pl.DataFrame(
        {
            "pos": pl.Series(place, dtype=pl.Int64),
            "part": pl.Series(parts, dtype=pl.String),
            **columns,
            "item": taken["item_id"],
            "title": taken["title"],
        }
    )


def find_users(users: pl.Series, text: str, limit: int) -> list[int]:
    """Numbers of the users whose id is the text, begins with it or holds it, in this order."""
    if not text:
        return list(range(min(limit, len(users))))
    exact = (users == text).arg_true().to_list()
    lower = users.str.to_lowercase()
    begins = lower.str.starts_with(text.lower())
    holds = lower.str.contains(text.lower(), literal=True)
    matches = dict.fromkeys([*exact, *begins.arg_true().head(limit).to_list(), *holds.arg_true().head(limit).to_list()])
    return list(islice(matches, limit))


def items_taken(dataset: Dataset) -> pl.DataFrame:
    """The item table with a column that counts every item's interactions, after the title; the joined text last."""
    counts = np.bincount(dataset.sequences.items, minlength=dataset.n_items)
    name = "interactions"
    while name in dataset.items.columns:
        name += "_"
    own = [column for column in dataset.items.columns if column not in ("item_id", "title", "text")]
    return dataset.items.with_columns(pl.Series(name, counts, dtype=pl.Int64)).select(
        "item_id", "title", name, *own, "text"
    )
