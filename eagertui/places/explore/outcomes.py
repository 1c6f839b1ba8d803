"""Users by how the test went for them, from a run's `ranks.parquet`: hit, miss, ours ahead, a baseline ahead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.run.rankings import OURS, headline

if TYPE_CHECKING:
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
        self._row = {}  # type: dict[str, int]

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
        if not self._row:
            self._row = {name: place for place, name in enumerate(self._frame["user"].to_list())}
        place = self._row.get(user)
        return None if place is None else Outcome(**self._frame.row(place, named=True))

    def find(self, kind: str, prefix: str, limit: int) -> tuple[list[Outcome], int]:
        """Users of one kind whose id begins with a prefix: the first of them, and how many there are.

        The worst misses, the best hits and the widest leads stand first.
        """
        import polars as pl

        rank, best = (pl.when(pl.col(name) > 0).then(pl.col(name)).otherwise(1000) for name in ("rank", "best"))
        history, everybody = pl.col("history"), pl.lit(True)
        conditions = {
            "missed": (rank > RANKED, -rank),
            "hit": (rank <= RANKED, rank),
            "ours ahead": (rank < best, rank - best),
            "behind": (best < rank, best - rank),
            "shortest": (everybody, history),
            "longest": (everybody, -history.cast(pl.Int64)),
        }
        found = self._frame
        if prefix:
            found = found.filter(pl.col("user").str.starts_with(prefix))
        if kind in conditions:
            condition, order = conditions[kind]
            found = found.filter(condition).sort(order, maintain_order=True)
        rows = [Outcome(**row) for row in found.head(limit).iter_rows(named=True)]
        return rows, found.height
