"""Numbers for the ids of a log, partition after partition."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.data.arrays import Int32, Int64


class ItemNumbers:
    """Numbers of the items over all partitions, in the order in which they come.

    Attributes:
        first: Where each stands first in the log; (items,).
    """

    def __init__(self) -> None:
        self._table = pl.DataFrame(schema={"id": pl.String, "n": pl.Int32})
        self.first: Int64 = np.zeros(0, dtype=np.int64)

    @property
    def ids(self) -> pl.Series:
        """Ids by number."""
        return self._table["id"]

    def number(self, ids: pl.Series, places: Int64) -> Int32:
        """Numbers of a partition's items, new ones for those that have none; both (rows,)."""
        own = ids.unique(maintain_order=True).alias("id").to_frame()
        new = own.join(self._table, on="id", how="anti", maintain_order="left")
        count = self._table.height + new.height
        new = new.with_columns(pl.int_range(self._table.height, count, dtype=pl.Int32).alias("n"))
        self._table = pl.concat([self._table, new])
        codes = positions(ids, self._table)
        last = np.full(new.height, np.iinfo(np.int64).max)
        self.first = np.minimum(np.concatenate([self.first, last]), first_places(codes, places, count))
        return codes


def positions(values: pl.Series, table: pl.DataFrame) -> Int32:
    """The number `n` of every value by a table of `id` and `n`, int32; as long as the values."""
    return values.alias("id").to_frame().join(table, on="id", how="left", maintain_order="left")["n"].to_numpy()


def first_places(codes: Int32, places: Int64, count: int) -> Int64:
    """Where each number stands first, of places that rise; (count,), the largest integer where it stands nowhere."""
    first = np.full(count, np.iinfo(np.int64).max)
    first[codes[::-1]] = places[::-1]
    return first
