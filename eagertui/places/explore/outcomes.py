"""Users by how the test went for them, from a run's `ranks.parquet`: hit, miss, ours ahead, a baseline ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.run.rankings import OURS, headline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

RANKED = 10
"""A user is a hit where the held-out item stands among so many."""
KINDS = {
    "everybody": "every user, in the order of the log",
    "missed": "the held-out item is not among the first 10",
    "hit": "the held-out item is among the first 10",
    "ours ahead": "better placed than by every baseline",
    "behind": "better placed by a baseline",
    "shortest": "the shortest histories first",
    "longest": "the longest histories first",
}
"""What users can be looked at by; everybody first."""
BY_LENGTH = ("shortest", "longest")


@dataclass(frozen=True)
class Outcome:
    """How the test went for one user.

    Attributes:
        user: the id.
        rank: of the held-out item in the run's own list; 0 = not among the first 50.
        best: the smallest rank by a baseline; 0 = by none.
        rival: the baseline that has it; empty where none has.
        history: items before the held-out one.
    """

    user: str
    rank: int
    best: int
    rival: str
    history: int


class Outcomes:
    """The outcomes of all tested users; make it with `load`.

    Args:
        frame: one row a tested user, as `load` makes it.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._order: dict[str, npt.NDArray[np.uint32]] = {}  # the rows of every kind that was looked at

    @classmethod
    def load(cls, ranks: Path, masked: bool) -> Outcomes:
        """Read a run's ranks.

        Args:
            ranks: its `ranks.parquet`.
            masked: seen items are left out of the lists.

        Raises:
            OSError, polars.exceptions.PolarsError: the file is not there, or damaged.
        """
        import polars as pl

        prefix = "masked_rank_" if masked else "rank_"
        there = pl.read_parquet_schema(ranks)
        methods = [name.removeprefix(prefix) for name in there if name.startswith(prefix)]
        ours = headline(methods)
        rivals = [name for name in methods if name not in OURS]
        columns = ["split", "user_id", "history", *(prefix + name for name in (ours, *rivals))]
        frame = pl.read_parquet(ranks, columns=columns, glob=False).filter(pl.col("split") == "test")
        # A rank of 0 is none: it is behind every other one.
        known = {name: pl.col(prefix + name).replace(0, None) for name in rivals}
        best = pl.min_horizontal(*known.values()) if rivals else pl.lit(None, dtype=pl.Int32)
        rival = pl.coalesce(*(pl.when(rank == best).then(pl.lit(name)) for name, rank in known.items()), pl.lit(""))
        chosen = frame.select(
            user=pl.col("user_id").cast(pl.String), rank=pl.col(prefix + ours), history="history",
            best=best.fill_null(0), rival=rival if rivals else pl.lit(""),
        )  # fmt: skip
        return cls(chosen)

    def __len__(self) -> int:
        return self._frame.height

    def of(self, user: str) -> Outcome | None:
        """One user's outcome; None where they were not tested."""
        return self.some([user]).get(user)

    def some(self, users: Sequence[str]) -> dict[str, Outcome]:
        """The outcomes of those of some users who were tested."""
        known = [user for user in users if user.encode("utf-8", "ignore").decode() == user]  # no table holds others
        found = self._frame.filter(self._frame["user"].is_in(known))
        return {row["user"]: Outcome(**row) for row in found.iter_rows(named=True)}

    def find(self, kind: str, prefix: str, limit: int) -> tuple[list[Outcome], int]:
        """Users of one kind whose id begins with a prefix: the first of them, and how many there are.

        The worst misses, the best hits and the widest leads stand first.
        """
        rows = self._order.get(kind)
        if rows is None:
            rows = self._order[kind] = self._ordered(kind)
        if prefix:
            rows = rows[self._frame["user"].str.starts_with(prefix).to_numpy()[rows]]
        found = [Outcome(**row) for row in self._frame[rows[:limit]].iter_rows(named=True)]
        return found, len(rows)

    def _ordered(self, kind: str) -> npt.NDArray[np.uint32]:
        """The rows of a kind's users, in its order; two bytes a key, for these are sorted in one pass."""
        import numpy as np

        rank, best = (np.where(column == 0, 1000, column).astype(np.int16)
                      for column in (self._frame[name].to_numpy() for name in ("rank", "best")))  # fmt: skip
        history = np.minimum(self._frame["history"].to_numpy(), np.iinfo(np.int16).max).astype(np.int16)
        everybody = np.ones(len(rank), dtype=bool)
        chosen, key = {
            "missed": (rank > RANKED, -rank),
            "hit": (rank <= RANKED, rank),
            "ours ahead": (rank < best, rank - best),
            "behind": (best < rank, best - rank),
            "shortest": (everybody, history),
            "longest": (everybody, -history),
        }.get(kind, (everybody, np.zeros(len(rank), dtype=np.int16)))
        rows = np.flatnonzero(chosen)
        return rows[np.argsort(key[rows], kind="stable")].astype(np.uint32)
