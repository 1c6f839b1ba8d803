"""Conflicts as tables: the groups of items that shared a code, and the items of one group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from core.errors import DataError
from core.index.lookup import Lookup
from core.index.tokens import letter

NEEDED = ("group", "item", "before", "after", "distance", "duplicate", "strategy", "price")
SHOWN = ("items", "apart", "twins", "settled", "price", "one of them", "code before")
"""The columns of the groups: how many share a code, how far they lie from it on average, how many are exact twins,
how they were told apart, and the distance that this cost in all. The row without a code holds the items that shared
none and made room."""


@dataclass(frozen=True)
class Conflicts:
    """What `conflicts.parquet` holds.

    Attributes:
        lookup: the index.
        rows: an item a row, as the stage wrote them.
        groups: a group a row, the largest first, in the columns of `SHOWN`.
        numbers: of the groups by their code before.
    """

    lookup: Lookup
    rows: pl.DataFrame
    groups: pl.DataFrame
    numbers: Mapping[str | None, int | None]

    @staticmethod
    def of(lookup: Lookup) -> Conflicts:
        """The groups of an index. Blocks.

        Raises:
            DataError: the file is missing or damaged.
        """
        rows = lookup.conflicts
        try:
            rows = rows.select(NEEDED)
            if rows.height and not rows["item"].is_between(0, lookup.n_items - 1).all():
                raise ValueError("it names an item that is not there")
            return Conflicts(lookup, rows, *_groups(lookup, rows))
        except (ValueError, TypeError, OverflowError, pl.exceptions.PolarsError) as error:
            path = lookup.folder / "conflicts.parquet"
            raise DataError(f"{path}: the conflicts cannot be read ({error})", "b builds the index again") from error

    def group(self, code: str | None) -> pl.DataFrame:
        """The items that shared a code, given as `code before` tells it: title, codes, distance, price, twin, id."""
        levels = self.lookup.index.levels
        number = self.numbers[code]
        found = self.rows.filter(pl.col("group").eq_missing(pl.lit(number, dtype=self.rows.schema["group"]))).sort(
            "item"
        )
        numbers = found["item"].to_list()
        return pl.DataFrame(
            {
                "title": pl.Series([self.lookup.title(n) for n in numbers], dtype=pl.String),
                "before": found.select(code_text("before", levels)).to_series(),
                "after": found.select(code_text("after", levels)).to_series(),
                "apart": found["distance"].round(4),
                "price": found["price"].round(4),
                "twin": found.select(pl.when("duplicate").then(pl.lit("yes")).otherwise(pl.lit("no"))).to_series(),
                "item": pl.Series([self.lookup.item_id(n) for n in numbers], dtype=pl.String),
            }
        )

    def summary(self) -> str:
        """How many items are in how many groups."""
        return f"{self.rows.height:,} items in {self.groups.height:,} groups" if self.rows.height else "none"


def code_text(column: str, levels: int) -> pl.Expr:
    """Lists of codes as text, `a12 b4`; one that has more levels than the index had more before."""
    most = max(levels, 1)
    parts = []
    for level in range(most):
        code = pl.col(column).list.get(level, null_on_oob=True).cast(pl.String)
        parts.append(pl.concat_str([pl.lit(letter(level)), code]))
    return pl.concat_str(parts, separator=" ", ignore_nulls=True)


def _groups(lookup: Lookup, rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str | None, int | None]]:
    found = (
        rows.lazy()
        .group_by("group", maintain_order=True)
        .agg(
            pl.len().alias("items"),
            pl.col("distance").cast(pl.Float64).mean().round(3).alias("apart"),
            pl.col("duplicate").cast(pl.UInt32).sum().alias("twins"),
            pl.col("strategy").unique(maintain_order=True).drop_nulls().str.join(", ").alias("settled"),
            pl.col("price").cast(pl.Float64).sum().round(3).alias("price"),
            pl.col("item").first().alias("first"),
            pl.col("before").first(),
        )
        .with_columns(
            pl.when(pl.col("group").is_not_null()).then(code_text("before", lookup.index.levels)).alias("code before")
        )
        .sort(pl.col("group").is_null(), -pl.col("items").cast(pl.Int64), -pl.col("price"), maintain_order=True)
        .collect()
    )
    named = zip(found["first"].to_list(), found["group"].is_null().to_list(), strict=True)
    texts = [f"made room: {lookup.title(n)}" if alone else lookup.title(n) for n, alone in named]
    numbers = dict(zip(found["code before"].to_list(), found["group"].to_list(), strict=True))
    return found.with_columns(pl.Series("one of them", texts, dtype=pl.String)).select(SHOWN), numbers
