"""The lists of many users, made piece by piece: each piece is one Parquet file, so that an interrupted job goes on.

Users are sorted by how much of their history the model sees and cut into blocks that fill a batch; the blocks are dealt
to the shards in turn, so all shards cost about the same, and the first tell how long the rest takes. A list does not
depend on the shard that it is made in.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.arrays import Sequences
from core.errors import DataError
from core.files import sync, unwritable, written_whole
from core.recommend.cache.list_question import ListQuestion, ListSource
from core.run.disk import fault_of
from core.store import fingerprint

if TYPE_CHECKING:
    from core.recommend.recommender import Recommender

SHARD = 512
"""Users of a shard, about."""
BLOCK = 64
"""Users of one history length in a row: the largest batch of a search."""
PROBED = 32
"""Users whose lists are made first, to tell what all of them will cost."""
SCHEMA: Mapping[str, pl.DataType] = {
    "user": pl.Int32(),
    "history": pl.Int64(),
    "length": pl.Int32(),
    "items": pl.List(pl.Int32()),
    "scores": pl.List(pl.Float32()),
}
"""A row a user: number, fingerprint and length of the history, the list best first."""

Users = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]
"""Hears how many users of how many are done."""


def history_mark(items: npt.NDArray[np.int32]) -> int:
    """A fingerprint of a history: 63 bits that fit an integer of a database."""
    from hashlib import blake2b

    return int.from_bytes(blake2b(items.astype("<i4").tobytes(), digest_size=8).digest(), "little") >> 1


class ListShards:
    """A folder of shards for one question about some users.

    Args:
        folder: made where it is missing; its name holds the question's fingerprint, so a folder answers one question.
        question: what the lists are to be.
        users: their numbers.
        histories: one a user, none empty.
        depth: items of a list at most; `question.k` or more.
        max_history: newest items that the model sees.
    """

    def __init__(
        self, folder: Path, question: ListQuestion, users: Users, histories: Sequences, depth: int, max_history: int
    ) -> None:
        self.folder, self.question, self.depth = folder, question, depth
        self.users, self.histories = users, histories
        lengths = np.minimum(histories.lengths, max_history)
        order = np.argsort(lengths, kind="stable").astype(np.int64)
        blocks = [order[start : start + BLOCK] for start in range(0, len(order), BLOCK)]
        self.count = -(-len(order) // SHARD)
        self._places = [np.concatenate(blocks[n :: self.count]) for n in range(self.count)]
        middle = len(order) // 2
        self._probed = order[max(0, middle - PROBED // 2) : middle + PROBED // 2]

    @staticmethod
    def mark(question: ListQuestion, source: ListSource, depth: int, users: Users, histories: Sequences) -> str:
        """A fingerprint of everything that decides what the shards hold."""
        content = [history_mark(part) for part in (users.astype(np.int32), histories.items)]
        content += [history_mark(histories.lengths.astype(np.int32))]
        return fingerprint({**asdict(question), **asdict(source), "depth": depth, "users": content, "shard": SHARD})

    def missing(self) -> list[int]:
        """Numbers of the shards that are not there yet."""
        return [n for n in range(self.count) if not self._path(n).is_file()]

    def done(self) -> int:
        """Users whose lists are there."""
        return sum(len(self._places[n]) for n in range(self.count) if self._path(n).is_file())

    def probe(self, recommender: Recommender) -> float:
        """Users a second, measured on `PROBED` of them in the middle of the lengths."""
        mask = self.question.mask(recommender)
        recommender.recommend_many(self.histories.take(self._probed[:1]), mask, self.question.hide_seen, self.depth)
        began = time.perf_counter()
        recommender.recommend_many(self.histories.take(self._probed), mask, self.question.hide_seen, self.depth)
        return len(self._probed) / max(time.perf_counter() - began, 1e-9)

    def fill(self, recommender: Recommender, progress: Progress, part: int = 0, parts: int = 1) -> None:
        """Make the shards that are missing; of several workers each makes its part.

        Args:
            recommender: makes the lists.
            progress: called before the first and after each.
            part: which worker this is, from 0.
            parts: how many there are. A worker ends where the process that started it is gone.

        Raises:
            DataError: the restriction fits no item, or the like.
            EnvironmentFault: the folder cannot be written.
        """
        mask, parent = self.question.mask(recommender), os.getppid()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            progress(self.done(), len(self.users))
            for number in self.missing():
                if number % parts != part:
                    continue
                if parts > 1 and part and os.getppid() != parent:
                    return
                places = self._places[number]
                items, scores = lists_after(recommender, self.histories.take(places), mask, self.question, self.depth)
                self._write(number, places, items, scores)
                progress(self.done(), len(self.users))
        except (OSError, pl.exceptions.PolarsError) as error:
            raise fault_of(error, self.folder.parent) or error from error

    def _write(self, number: int, places: Users, items: npt.NDArray[Any], scores: npt.NDArray[Any]) -> None:
        """Write a shard whole, and put it on the disk, before it counts as there."""
        kept = items >= 0
        ends = np.cumsum(kept.sum(axis=1))[:-1]
        columns = {
            "user": self.users[places],
            "history": [history_mark(self.histories[int(place)]) for place in places],
            "length": self.histories.lengths[places],
            "items": [part.tolist() for part in np.split(items[kept], ends)],
            "scores": [part.tolist() for part in np.split(scores[kept], ends)],
        }
        path = self._path(number)
        with written_whole(path) as temporary:
            pl.DataFrame(columns, schema=dict(SCHEMA)).write_parquet(temporary)
            sync(temporary)

    def tables(self) -> Iterator[pl.DataFrame]:
        """Every shard's rows.

        Raises:
            DataError: one is damaged; it is removed, and made anew at the next try.
        """
        for number in range(self.count):
            path = self._path(number)
            try:
                table = pl.read_parquet(path, glob=False)
                if dict(table.schema) != dict(SCHEMA) or table.height != len(self._places[number]):
                    raise ValueError("other columns or rows than it was written with")
            except (OSError, ValueError, pl.exceptions.PolarsError) as error:
                path.unlink(missing_ok=True)
                raise DataError(
                    f"{path}: a damaged piece of the lists ({error})", "the same command makes it anew"
                ) from error
            yield table

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06}.parquet"


def lists_after(
    recommender: Recommender, histories: Sequences, mask: Any, question: ListQuestion, depth: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Lists of `depth` items whose first `question.k` are what `recommend_many` gives for a list of that length.

    Returns:
        Item numbers and scores, shape (histories, depth) each; -1 and -inf behind the last.
    """
    items, scores = recommender.recommend_many(histories, mask, question.hide_seen, depth)
    if not question.hide_seen or depth == question.k:
        return items, scores
    # Hidden items make room for a second, wider search only where the list is too short for its length: with the spare
    # items it can be too short where the list itself is not. There the list comes first, then what else was found.
    beams, k = max(recommender.project.recommend.beams, depth), question.k
    for user in np.flatnonzero(histories.lengths > beams - depth):
        short, own = recommender.recommend_many([histories[int(user)].tolist()], mask, True, k)
        more = ~np.isin(items[user], short[0])
        merged = np.concatenate([short[0], items[user][more]]), np.concatenate([own[0], scores[user][more]])
        real = merged[0] >= 0
        items[user], scores[user] = -1, -np.inf
        for target, values in ((items, merged[0]), (scores, merged[1])):
            kept = values[real][:depth]
            target[user, : len(kept)] = kept
    return items, scores


def writable(folder: Path) -> None:
    """Make sure that a folder can be written.

    Raises:
        EnvironmentFault: it cannot.
    """
    if not os.access(folder, os.W_OK):
        raise unwritable(folder)
