"""Several logs as sequences of titles: of each shop by itself, and of people over all shops, in the order of time.

After CPRec (arXiv 2504.08949), known by its abstract and notes: for each user a sequence of each domain, and one mixed
over all of them. What a log tells of somebody from the moment on at which the target asks about them is cut away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from core.data.arrays import Int32, Int64
from core.data.dataset import Dataset
from core.errors import DataError


class Corpus(NamedTuple):
    """A log that is learnt from, and what it is called."""

    name: str
    data: Dataset


@dataclass(frozen=True)
class TitleRows:
    """Sequences of titles.

    Attributes:
        titles: different ones, in order.
        rows: numbers of titles, the oldest first; each of two or more.
    """

    titles: tuple[str, ...]
    rows: tuple[Int32, ...]

    def words(self, number: int) -> list[str]:
        """The titles of a row."""
        return [self.titles[title] for title in self.rows[number]]


@dataclass(frozen=True)
class CorpusRows:
    """What is learnt from.

    Attributes:
        mixed: a row a person, over all logs in the order of time; that of each log where nobody is shared.
        single: a row a person and log.
        counts: by corpus, interactions that are left: the shares of the mixture.
        cut: interactions that were cut away, by corpus.
    """

    mixed: TitleRows
    single: TitleRows
    counts: Mapping[str, int]
    cut: Mapping[str, int]


def cuts_of(target: Dataset) -> dict[str, int]:
    """When the target begins to ask about each of its users: the time of the first held-out interaction, by user.

    Raises:
        DataError: the target's log has no times.
    """
    if target.times is None:
        raise DataError(
            "the target's log has no times, so what its users did elsewhere cannot be cut where it asks about them",
            "name a column of times in data.time, or leave --shared-users out",
        )
    first, starts = np.minimum(_place(target.split.valid), _place(target.split.test)), target.sequences.offsets[:-1]
    asked = np.flatnonzero(first < _NEVER)
    times = target.times[starts[asked] + first[asked]]
    return dict(zip(target.users.gather(asked).to_list(), times.tolist(), strict=True))


_NEVER = np.iinfo(np.int64).max


def _place(places: Int64) -> Int64:
    """Where a target stands in each list; never, where there is none."""
    return np.where(places >= 0, places, _NEVER)


def corpus_rows(corpora: Sequence[Corpus], target: Dataset | None = None) -> CorpusRows:
    """Rows of several logs; the same whatever their order.

    Of each log only what trains there counts: what it holds out itself is not read either.

    Args:
        corpora: the logs.
        target: whose users are those of the logs, by their ids: then there are rows over all logs, and each user's end
            where the target begins to ask about them. None = nobody is shared.

    Raises:
        DataError: users are shared, and a log has no times; two logs have one name; no row is left.
    """
    ordered = sorted(corpora, key=lambda one: one.name)
    if len({one.name for one in ordered}) < len(ordered):
        raise DataError("two logs have one name", "give their projects different names")
    cuts = cuts_of(target) if target is not None else {}
    frames, cut = [], {}
    for number, corpus in enumerate(ordered):
        frame = _interactions(corpus, number, timed=target is not None)
        whole = frame.height
        if cuts:
            ends = pl.DataFrame({"user": list(cuts), "end": list(cuts.values())})
            frame = frame.join(ends, on="user", how="left", maintain_order="left")
            frame = frame.filter(pl.col("end").is_null() | (pl.col("time") < pl.col("end"))).drop("end")
        frames.append(frame)
        cut[corpus.name] = whole - frame.height
    table = pl.concat(frames)
    titles = table["title"].unique().sort()
    table = table.with_columns(pl.col("title").replace_strict(titles, pl.int_range(len(titles), eager=True)))
    names = tuple(titles.to_list())
    single = TitleRows(names, _lists(table, ["corpus", "user"]))
    # In one log the order is that of the log; over several that of the times, and of the logs where these are equal.
    mixed = TitleRows(names, _lists(table.sort("user", "time", "corpus", "place"), ["user"])) if target else single
    if not single.rows:
        raise DataError("no log holds a user with two titles", "check data.text and the cleaning of these projects")
    counts = {corpus.name: frame.height for corpus, frame in zip(ordered, frames, strict=True)}
    return CorpusRows(mixed, single, counts, cut)


def _interactions(corpus: Corpus, number: int, timed: bool) -> pl.DataFrame:
    """What trains in a log: `corpus`, `user`, `time`, `place`, `title`; items without a title are passed over."""
    data = corpus.data
    if timed and data.times is None:
        raise DataError(
            f"{corpus.name}: its log has no times, so it cannot be mixed with others",
            "name a column of times in its data.time, or leave --shared-users out",
        )
    lengths = data.split.train
    starts = np.repeat(data.sequences.offsets[:-1], lengths)
    place = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = starts + place
    items = data.sequences.items[at]
    titled = data.items.select(pl.when(pl.col("title") != pl.col("item_id")).then(pl.col("title")))["title"]
    return pl.DataFrame(
        {
            "corpus": np.full(len(at), number, dtype=np.int32),
            "user": data.users.gather(np.repeat(np.arange(data.n_users), lengths)),
            "time": data.times[at] if data.times is not None else np.zeros(len(at), dtype=np.int64),
            "place": place,
            "title": titled.gather(items),
        }
    ).drop_nulls("title")


def _lists(table: pl.DataFrame, by: list[str]) -> tuple[Int32, ...]:
    """The titles of each group, in the order of the table; those of two or more."""
    grouped = table.group_by(by, maintain_order=True).agg(pl.col("title").cast(pl.Int32)).sort(by)
    return tuple(np.asarray(row, dtype=np.int32) for row in grouped["title"].to_list() if len(row) > 1)
