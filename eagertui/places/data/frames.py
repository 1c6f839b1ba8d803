"""The tables of a data set as the Data place looks at them. Loads Polars: imported by a worker, never at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from core.data import Dataset
from core.data.arrays import Int64
from core.data.data_report import RejectedRow
from core.data.views import find_users, items_taken, user_split
from eagertui.widgets.table.frame_rows import FrameRows, InteractionRows
from eagertui.widgets.table.frame_table import Rows

KINDS = ("interactions", "items", "users", "rejected")
"""The tables, in the order of their key."""

Record = list[tuple[str, object]]
"""Names of columns and their values, whole."""


@dataclass
class Tables:
    """A data set and its tables, made when they are looked at.

    Args:
        dataset: the data set.
        examples: the rejected rows that were kept, by reason.
    """

    dataset: Dataset
    examples: Mapping[str, list[RejectedRow]]
    _made: dict[str, Rows] = field(default_factory=dict)
    _counts: Int64 | None = None

    @classmethod
    def load(cls, folder: Path) -> Tables:
        """Read a data set that the engine wrote.

        Raises:
            DataError: a part of it is missing or damaged.
        """
        dataset = Dataset.load(folder)
        return cls(dataset, dataset.report.examples)

    def rows(self, kind: str) -> Rows:
        """One of the tables."""
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        return self._made[kind]

    def _make(self, kind: str) -> Rows:
        dataset = self.dataset
        if kind == "interactions":
            return InteractionRows(dataset.users, dataset.items, dataset.sequences)
        if kind == "items":
            frame = items_taken(dataset)
            return FrameRows(frame, frame.columns[:-1])  # the joined text repeats the others
        if kind == "users":
            lengths = pl.Series("interactions", dataset.sequences.lengths)
            return FrameRows(pl.DataFrame([dataset.users.alias("user"), lengths]))
        rows = [
            (reason, str(one.get("file", "")), int(one.get("row", 0)), str(one.get("value", "")))
            for reason, examples in self.examples.items()
            for one in examples
        ]
        names = {"reason": pl.String, "file": pl.String, "row": pl.Int64, "value": pl.String}
        return FrameRows(pl.DataFrame(rows, schema=names, orient="row"))

    def user(self, user_id: str) -> int | None:
        """A user's number."""
        return self.dataset.users.index_of(user_id)

    def item(self, item_id: str) -> int | None:
        """An item's number."""
        return self.dataset.items["item_id"].index_of(item_id)

    def find(self, text: str, limit: int) -> list[tuple[int, str, int]]:
        """Users whose id holds a text: number, id and count of interactions."""
        lengths = self.dataset.sequences.lengths
        return [(n, self.dataset.users[n], int(lengths[n])) for n in find_users(self.dataset.users, text, limit)]

    def split(self, user: int, max_history: int) -> Rows:
        """What a user's history becomes, see `core.data.views.user_split`."""
        return FrameRows(
            user_split(self.dataset, user, max_history).with_columns(pl.col("valid", "test").fill_null(""))
        )

    def length(self, user: int) -> int:
        """How many interactions a user has."""
        return len(self.dataset.sequences[user])

    def record(self, item: int) -> Record:
        """The whole record of an item, every column."""
        if self._counts is None:
            self._counts = np.bincount(self.dataset.sequences.items, minlength=self.dataset.n_items)
        found = list(self.dataset.items.row(item, named=True).items())
        return [*found[:2], ("interactions", int(self._counts[item])), *found[3:], *found[2:3]]

    def newest(self, user: int, limit: int) -> list[str]:
        """The titles of a user's last interactions, the newest first."""
        return self.dataset.items["title"][self.dataset.sequences[user][::-1][:limit]].to_list()
