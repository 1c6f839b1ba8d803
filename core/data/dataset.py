"""The data set: who took what in which order, what the items are, and the split into training and targets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from core.data.arrays import Int32, Int64, Sequences
from core.data.data_report import DataReport
from core.data.flat_rows import blocks, release
from core.data.items import load_items
from core.data.k_core import build_log
from core.data.log import read_rows
from core.data.partitions import WorkFolder
from core.data.split import Split
from core.errors import DataError
from core.settings import DataSettings

TIMES = "times.parquet"
"""When the interactions happened, in the order of the sequences; where the log tells it."""
_CUTS = ("train", "valid", "test")
DIGESTED = 1 << 16
"""Texts, or users, that are digested at once."""
ROWS_OF_GROUP = 1 << 17
"""Rows of a group in the files of sequences and times."""
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
        cuts: How the lists are split by time; None = leave-one-out, see `split`.
        times: When each interaction happened, in microseconds since 1970, on its way to the file of `user_times`; None
            = not known, or not read.
    """

    users: pl.Series
    items: pl.DataFrame
    sequences: Sequences
    report: DataReport
    cuts: Split | None = None
    times: Int64 | None = None

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items that are ranked."""
        return self.items.height

    @cached_property
    def split(self) -> Split:
        """Which part of every list trains, and where its targets stand."""
        return self.cuts or Split.leave_one_out(self.sequences.lengths)

    @property
    def evaluated(self) -> Int32:
        """Numbers of the users with a test target; of leave-one-out those with at least three interactions."""
        return np.flatnonzero(self.split.test >= 0).astype(np.int32)

    def train(self) -> Sequences:
        """What every user did before the validation and the test target; users without targets keep all of it."""
        return self._first(np.arange(self.n_users, dtype=np.int64), self.split.train)

    def as_tested(self) -> Sequences:
        """Every user's list as the test asks about it, without the target and what came later; whole without one."""
        test = self.split.test
        return self._first(np.arange(self.n_users, dtype=np.int64), np.where(test >= 0, test, self.sequences.lengths))

    def evaluation(self, split: str) -> Evaluation:
        """The questions of `valid` or `test`: what came before the target, and the target."""
        if split not in ("valid", "test"):
            raise ValueError(f"no split {split!r}; there are valid and test")
        positions = {"valid": self.split.valid, "test": self.split.test}[split]
        users = np.flatnonzero(positions >= 0).astype(np.int32)
        targets = self.sequences.items[self.sequences.offsets[:-1][users] + positions[users]]
        return Evaluation(users, self._first(users, positions[users]), targets)

    def _first(self, users: Int32 | Int64, lengths: Int64) -> Sequences:
        """The first interactions of some users, so many of each."""
        return self.sequences.take(users, self.sequences.lengths[users] - lengths)

    def item_counts(self, training: bool = False) -> Int64:
        """How often each item was taken; (items,).

        Args:
            training: Only what comes before the targets counts.
        """
        counts, offsets = np.zeros(self.n_items, dtype=np.int64), self.sequences.offsets
        for rows in blocks(len(self.sequences.items), self.sequences.items):
            items = self.sequences.items[rows]
            if training:
                # The users of the block, and of each of its rows, (rows,), where the part of its user that trains ends.
                first, last = np.searchsorted(offsets, (rows.start, rows.stop - 1), side="right") - 1
                ends = np.clip(offsets[first : last + 2], rows.start, rows.stop)
                train = offsets[first : last + 1] + self.split.train[first : last + 1]
                items = items[np.arange(rows.start, rows.stop) < np.repeat(train, ends[1:] - ends[:-1])]
            counts += np.bincount(items, minlength=self.n_items)
        return counts

    def digest(self) -> str:
        """A digest of the content: the same for the same users, items, order, split and texts, however they were read.

        Users count by their id, so that the order of the log's rows does not matter.

        Returns:
            16 hexadecimal digits.
        """
        by_id = self.users.arg_sort().to_numpy()
        total = hashlib.sha256()
        for ids in (self.users[by_id], *(self.items[name] for name in ("item_id", "title", "text"))):
            for part in ids.fill_null("").cast(pl.Binary).to_frame().iter_slices(DIGESTED):
                texts = part.to_series()
                total.update(texts.bin.size().to_numpy().astype("<u4").tobytes())
                total.update(b"".join(texts.to_list()))
        some = (by_id[start : start + DIGESTED] for start in range(0, len(by_id), DIGESTED))
        items = (self.sequences.take(users).items for users in some)
        for numbers in chain([self.sequences.lengths[by_id]], items, vars(self.split.take(by_id)).values()):
            total.update(np.ascontiguousarray(numbers, dtype="<i8").data)
            release(self.sequences.items)
        return total.hexdigest()[:16]

    def targets_count(self) -> int:
        """Supervised targets an epoch: every training item after a user's first."""
        return int(np.maximum(self.split.train - 1, 0).sum())

    def save(self, folder: Path) -> None:
        """Write the data set into an existing folder: Parquet tables and the report as JSON; same data, same bytes."""
        lengths = pl.Series("interactions", self.sequences.lengths, dtype=pl.Int64)
        cuts = [] if self.cuts is None else [pl.Series(name, getattr(self.cuts, name)) for name in _CUTS]
        pl.DataFrame([self.users.alias("user_id"), lengths, *cuts]).write_parquet(folder / "users.parquet")
        self.items.write_parquet(folder / "items.parquet")
        _write_column(folder / "sequences.parquet", "item", self.sequences.items, pl.Int32())
        if self.times is not None:
            _write_column(folder / TIMES, "time", self.times, pl.Datetime("us"))
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
            cuts = Split(*(users[name].to_numpy() for name in _CUTS)) if "train" in users.columns else None
        except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{folder}: the data set cannot be read ({error})", REMEDY) from None
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
        if offsets[-1] != len(flat) or (len(flat) and (flat.min() < 0 or flat.max() >= items.height)):
            raise DataError(f"{folder}: the parts of the data set do not fit together", REMEDY)
        if cuts is not None and any(
            len(part) != len(lengths) or (part < least).any() or (part > most).any()
            for part, least, most in (
                (cuts.train, 0, lengths), (cuts.valid, -1, lengths - 1), (cuts.test, -1, lengths - 1),
            )
        ):
            raise DataError(f"{folder}: the split does not fit the data set", REMEDY)
        return cls(users["user_id"], items, Sequences(flat.astype(np.int32, copy=False), offsets), report, cuts)


def _write_column(path: Path, name: str, values: Int32 | Int64, kind: pl.DataType) -> None:
    """Write an array as a table of one column, block by block; the bytes depend on its values alone."""

    def frames(*_: object) -> Iterator[pl.DataFrame]:
        for rows in blocks(len(values), values):
            yield pl.Series(name, values[rows]).cast(kind).to_frame()

    source = register_io_source(frames, schema={name: kind})
    source.sink_parquet(path, row_group_size=ROWS_OF_GROUP)


def user_times(folder: Path, start: int, count: int) -> list[datetime] | None:
    """When a user took each item, oldest first; None where the log told no times, or an older version read it.

    Args:
        folder: Of the data set.
        start: Where the user's items begin, see `Sequences.offsets`.
        count: How many there are.

    Raises:
        DataError: the file is damaged.
    """
    if not (folder / TIMES).is_file():
        return None
    try:
        times = pl.scan_parquet(folder / TIMES, glob=False).slice(start, count).collect()["time"].to_list()
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{folder / TIMES}: cannot be read ({error})", REMEDY) from None
    if len(times) != count:
        raise DataError(f"{folder / TIMES}: does not fit the data set", REMEDY)
    return times


def load_dataset(data: DataSettings, root: Path, work: Path | None = None, seed: int = 0) -> Dataset:
    """Read, clean and number the interactions and items.

    Args:
        data: Which files, which columns, and how they are cleaned.
        root: The folder that relative paths start from.
        work: Where the partitions of a large log are kept meanwhile; None = where the system keeps temporary files.
        seed: Of the order of ties, where `data.ties` shuffles them.

    Raises:
        ProjectError: a file or column that the settings name is not there.
        DataError: too many bad rows, nothing left, or unreadable content.
        EnvironmentFault: a file cannot be read, too little memory, or no room for the partitions.
    """
    report = DataReport()
    with closing(WorkFolder(work)) as folder:
        log = build_log(read_rows(data, root, report, folder), data, report, seed)
    items, numbers = load_items(data, root, log.item_ids, report)
    if len(items) > len(log.item_ids):  # the table's own items have moved those of the log
        for rows in blocks(len(log.items), log.items):
            log.items[rows] = numbers[log.items[rows]]
    sequences = Sequences(log.items, log.offsets)
    cuts = Split.whole(sequences.lengths) if data.split == "none" else log.split
    return Dataset(log.user_ids, items, sequences, report, cuts, log.times)
