"""The data set: who took what in which order, what the items are, and the split into training and targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.arrays import Int32, Sequences
from core.data.data_report import DataReport
from core.data.items import load_items
from core.data.log import build_log, read_rows
from core.errors import DataError
from core.settings import MIN_EVALUATED, DataSettings

REMEDY = "Remove that folder and train again: it is then made anew."


@dataclass(frozen=True)
class Evaluation:
    """The questions of a split.

    Attributes:
        users: User numbers, int32.
        histories: What each user had taken before, whole, oldest first.
        targets: The item number each user took next, int32.
    """

    users: Int32
    histories: Sequences
    targets: Int32

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True)
class Dataset:
    """Users, items and every user's interactions, oldest first.

    Users are numbered by their first row in the log, items by their id in the order of the alphabet: an item's number
    then depends on the set of items alone, and no validation or test target can move it.

    Attributes:
        users: User ids as text; the position is the user number.
        items: One row an item, the position is the item number: `item_id`, `title`, `text`, then the table's own
            columns.
        sequences: One list of item numbers a user.
        report: What was read and dropped.
    """

    users: pl.Series
    items: pl.DataFrame
    sequences: Sequences
    report: DataReport

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items that are ranked."""
        return self.items.height

    @property
    def evaluated(self) -> Int32:
        """Numbers of the users that are evaluated: those with at least three interactions, unless all of them train."""
        return np.flatnonzero(self.held_out).astype(np.int32)

    @property
    def held_out(self) -> npt.NDArray[np.int64]:
        """Interactions of each user that do not train: both targets, or none; shape (users,)."""
        lengths = self.sequences.lengths
        return np.where((lengths >= MIN_EVALUATED) & (self.report.split != "none"), 2, 0)

    def train(self) -> Sequences:
        """Every user's list without validation and test target; users too short to be evaluated keep all."""
        every = np.arange(self.n_users, dtype=np.int64)
        return self.sequences.take(every, self.held_out)

    def evaluation(self, split: str) -> Evaluation:
        """The questions of `valid` (s[:-2] -> s[-2]) or `test` (s[:-1] -> s[-1])."""
        if split not in ("valid", "test"):
            raise ValueError(f"no split {split!r}; there are valid and test")
        last = {"valid": 2, "test": 1}[split]
        users = self.evaluated
        targets = self.sequences.items[self.sequences.offsets[1:][users] - last]
        return Evaluation(users, self.sequences.take(users, last), targets)

    def targets_count(self) -> int:
        """Supervised targets an epoch: every training item after a user's first."""
        return int(np.maximum(self.train().lengths - 1, 0).sum())

    def save(self, folder: Path) -> None:
        """Write the data set into an existing folder: Parquet tables and the report as JSON; same data, same bytes."""
        lengths = pl.Series("interactions", self.sequences.lengths, dtype=pl.Int64)
        pl.DataFrame([self.users.alias("user_id"), lengths]).write_parquet(folder / "users.parquet")
        self.items.write_parquet(folder / "items.parquet")
        pl.DataFrame({"item": pl.Series(self.sequences.items, dtype=pl.Int32)}).write_parquet(
            folder / "sequences.parquet"
        )
        (folder / "report.json").write_text(self.report.as_json(), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read a data set that `save` wrote.

        Raises:
            DataError: a part is missing or the parts do not fit together.
        """
        try:
            users = pl.read_parquet(folder / "users.parquet", glob=False)
            items = pl.read_parquet(folder / "items.parquet", glob=False)
            flat = pl.read_parquet(folder / "sequences.parquet", glob=False)["item"].to_numpy()
            report = DataReport.read(folder / "report.json")
            lengths = users["interactions"].to_numpy()
        except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{folder}: the data set cannot be read ({error})", REMEDY) from None
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        if offsets[-1] != len(flat) or (len(flat) and (flat.min() < 0 or flat.max() >= items.height)):
            raise DataError(f"{folder}: the parts of the data set do not fit together", REMEDY)
        return cls(users["user_id"], items, Sequences(flat.astype(np.int32, copy=False), offsets), report)


def load_dataset(data: DataSettings, root: Path) -> Dataset:
    """Read, clean and number the interactions and items.

    Args:
        data: Which files, which columns, and how they are cleaned.
        root: The folder that relative paths start from.

    Raises:
        ProjectError: a file or column that the settings name is not there.
        DataError: too many bad rows, nothing left, or unreadable content.
        EnvironmentFault: a file cannot be read, or too little memory.
    """
    report = DataReport(split="none" if data.split == "none" else "")
    log = build_log(read_rows(data, root, report), data, report)
    items, numbers = load_items(data, root, log.item_ids, report)
    return Dataset(log.user_ids, items, Sequences(numbers[log.items].astype(np.int32), log.offsets), report)
