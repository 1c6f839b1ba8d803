"""Do items under one prefix have the same category or brand? Exact shares of pairs, for the report."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.roles import LISTED, has_word, words

Int64 = npt.NDArray[np.int64]

COMMON = 0.9
"""Share of the items above which a list's first entry says nothing, so that the next one is taken."""
DEEPEST = 5
MOST_COLUMNS = 4


def labels_of(items: pl.DataFrame) -> dict[str, pl.Series]:
    """The columns of an item table that sort its items into kinds, one value an item.

    A column is taken for its name (category, genre, brand ...), where at least two items share a value and there are
    at least two values and at most half as many as items that have one. Of a list ("Makeup, Nails, Nail Polish",
    "Drama|Comedy", or a real one) the first entry counts; where nine of ten items begin alike
    ("Industrial & Scientific, ..."), the next one.

    Args:
        items: one row an item.

    Returns:
        For each column its values as text, null where an item has none.
    """
    found: dict[str, pl.Series] = {}
    for name in items.columns:
        if len(found) == MOST_COLUMNS or not has_word(name, "kind", "class", "maker"):
            continue
        values = _first_entry(items[name], name)
        if values is None:
            continue
        there, kinds = values.len() - values.null_count(), values.n_unique() - (values.null_count() > 0)
        if 2 <= kinds <= there / 2:
            found[name] = values
    return found


def agreement(prefixes: list[Int64], values: pl.Series) -> list[dict[str, float]]:
    """The share of pairs of items under one prefix that have the same value, for every depth with such pairs.

    Args:
        prefixes: for each depth a number for every item's prefix.
        values: of every item; items without one are left out.

    Returns:
        `depth` (from 1), `agree`, and `chance`: the share among all pairs of items.
    """
    there = values.is_not_null().to_numpy()
    kinds = values.drop_nulls().rank("dense").to_numpy().astype(np.int64)
    every = _pairs(np.array([len(kinds)]))
    chance = round(_pairs(np.bincount(kinds)) / max(every, 1.0), 4)
    depths = []
    for depth, numbers in enumerate(prefixes, 1):
        under = numbers[there]
        together = _pairs(np.bincount(under))
        if not together:
            break  # deeper there are none either
        both = np.unique(under * (kinds.max(initial=0) + 1) + kinds, return_counts=True)[1]
        depths.append({"depth": depth, "agree": round(_pairs(both) / together, 4), "chance": chance})
    return depths


def _pairs(counts: Int64) -> float:
    wide = counts.astype(np.float64)
    return float((wide * (wide - 1)).sum())


def _first_entry(column: pl.Series, name: str) -> pl.Series | None:
    """The first telling entry of every item's value; None for a column that holds no text."""
    if isinstance(column.dtype, pl.List):
        if column.dtype.inner != pl.String:
            return None
        entries = column
    elif column.dtype in (pl.String, pl.Categorical, pl.Enum):
        comma = "," if LISTED & set(words(name)) else ""
        text = column.cast(pl.String).str.replace_all(r"[\[\]\"]", "")
        entries = text.str.replace_all(rf"[|>;{comma}]", "\x00").str.split("\x00")
    else:
        return None
    for depth in range(DEEPEST):
        first = entries.list.get(depth, null_on_oob=True).str.strip_chars().replace("", None)
        there = first.len() - first.null_count()
        if not there or int(first.drop_nulls().value_counts()["count"].to_numpy().max()) < COMMON * there:
            return first
    return first
