"""Items that share a code: which, how far apart, true duplicates or not; and what telling them apart costs.

Codes are read as sums: at every level a code names a vector, and their sum stands for the item, source by source. The
sources count alike: a squared distance is the mean over the sources of the squared distance there, over the source's
variance. So 1 is what it costs to know of an item no more than that it is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.index.prefixes import prefix_numbers
from core.index.quantize import Codes, Matrix, Quantized

Rows = npt.NDArray[np.int64]
Squares = npt.NDArray[np.float64]

SCHEMA: dict[str, Any] = {
    "group": pl.Int32,
    "item": pl.Int32,
    "before": pl.List(pl.Int32),
    "after": pl.List(pl.Int32),
    "distance": pl.Float32,
    "duplicate": pl.Boolean,
    "strategy": pl.String,
    "price": pl.Float32,
}
"""The table of conflicts: one row an item that shared its code or had to move, group by group.

`group` numbers the groups (null: it shared nothing, but made room); `before` and `after` are its codes; `distance` is
its squared distance from the mean of its group; `duplicate`: another item of the group has the same vectors; `strategy`
is what gave it its final code; `price` is how much its squared distance from its codes grew.
"""
SAME = 1e-5
"""Vectors whose coordinates differ by less than this share of their usual size are one vector, computed twice."""
BLOCK = 1 << 14


class CodeSum:
    """The codes of all sources as sums of vectors.

    Args:
        parts: what the quantizers found, source by source.

    Attributes:
        widths: codes at each level, all sources in a row.
    """

    def __init__(self, parts: Sequence[Quantized]) -> None:
        self.parts = tuple(parts)
        self.widths = tuple(width for part in parts for width in part.widths)
        # Of each source: one over its variance and over the number of sources, so that squared distances add up to 1
        # where nothing is known; a source of one single vector has no variance to go by.
        spread = [float(np.mean([block.var(axis=0).sum() for block in _thin(part.latent)])) for part in parts]
        self._weights = [1.0 / (max(one, 1e-30) * len(parts)) if one > 1e-30 else 1.0 for one in spread]
        # Of each level of the joined codes: which source's it is, and the how manieth of that source.
        self._level = [(source, level) for source, part in enumerate(parts) for level in range(len(part.widths))]

    def book(self, level: int) -> Matrix:
        """The vectors of a level's codes; shape (width, dim of its source)."""
        source, own = self._level[level]
        return self.parts[source].codebooks[own]

    def residual(self, codes: Codes, level: int, rows: Rows) -> Matrix:
        """What the level has to name: items less the vectors of their codes before it in its source; (rows, dim)."""
        source, own = self._level[level]
        part = self.parts[source]
        left = np.array(part.latent[rows], dtype=np.float32)
        for before in range(own):
            left -= part.codebooks[before][codes[rows, level - own + before]]
        return left

    def encode_below(self, codes: Codes, level: int, rows: Rows) -> None:
        """Give items the nearest codes at the levels of the same source below a level; changes `codes`."""
        source, own = self._level[level]
        for deeper in range(level + 1, level + len(self.parts[source].widths) - own):
            book = self.book(deeper)  # nearest by |c|² / 2 - x·c, shape (block, width)
            half = np.square(book).sum(axis=1) / 2
            for block in _blocks(rows):
                codes[block, deeper] = (half - self.residual(codes, deeper, block) @ book.T).argmin(axis=1)

    def distances(self, codes: Codes, rows: Rows) -> Squares:
        """Squared distances of items from what their codes stand for; shape (rows,)."""
        squares = np.zeros(len(rows))
        level = 0  # where the source's levels begin among the joined codes
        for part, weight in zip(self.parts, self._weights, strict=True):
            last = level + len(part.widths) - 1
            for start in range(0, len(rows), BLOCK):
                block = rows[start : start + BLOCK]
                left = self.residual(codes, last, block)
                left -= part.codebooks[-1][codes[block, last]]
                squares[start : start + BLOCK] += weight * np.square(left).sum(axis=1, dtype=np.float64)
            level += len(part.widths)
        return squares

    def spread(self, groups: Sequence[int] | Rows, rows: Rows) -> tuple[Squares, npt.NDArray[np.bool_]]:
        """Squared distances of items from the mean of their group, and which of them have a duplicate in it.

        Args:
            groups: number of each row's group, from 0 on.
            rows: item numbers.
        """
        group = np.asarray(groups, dtype=np.int64)
        size = np.bincount(group)
        far = np.zeros(len(rows))
        # Duplicates stand side by side when sorted along any line, here one random direction for each source: `order`
        # sorts by group, then along the line, and each row is compared with its neighbour only. `alike` has one entry a
        # pair of neighbours, shape (rows - 1,); it starts as "of one group" and every source may put it out.
        line = np.zeros(len(rows))
        for part in self.parts:
            direction = np.random.default_rng(0).normal(size=part.latent.shape[1])
            line += np.concatenate([part.latent[block] @ direction for block in _blocks(rows)] or [np.zeros(0)])
        order = np.lexsort((rows, np.round(line, 12), group))
        alike = group[order[1:]] == group[order[:-1]]
        for part, weight in zip(self.parts, self._weights, strict=True):
            # The mean of each group, shape (groups, dim).
            means = np.zeros((len(size), part.latent.shape[1]))
            for start in range(0, len(rows), BLOCK):
                block = slice(start, start + BLOCK)
                np.add.at(means, group[block], part.latent[rows[block]])
            means /= size[:, None]
            near = SAME * np.sqrt(np.mean([np.square(block).mean() for block in _thin(part.latent)]))
            for start in range(0, len(rows), BLOCK):
                block = slice(start, start + BLOCK)
                far[block] += weight * np.square(part.latent[rows[block]] - means[group[block]]).sum(axis=1)
            # The largest difference of a coordinate between neighbours, shape (block,).
            for start in range(0, len(alike), BLOCK):
                one, other = order[start : start + BLOCK + 1][:-1], order[start + 1 : start + BLOCK + 1]
                gap = np.abs(part.latent[rows[one]] - part.latent[rows[other]]).max(axis=1, initial=0)
                alike[start : start + BLOCK] &= gap <= near
        duplicate = np.zeros(len(rows), dtype=np.bool_)
        duplicate[order[1:][alike]] = duplicate[order[:-1][alike]] = True
        return far, duplicate


def code_numbers(codes: npt.NDArray[np.integer]) -> Rows:
    """A number for each distinct row of codes, in their order; shape (items,)."""
    return prefix_numbers(codes)[-1]


def sharing(numbers: Rows) -> Rows:
    """Rows whose number is not theirs alone, rising."""
    return np.flatnonzero(np.bincount(numbers)[numbers] > 1) if len(numbers) else np.zeros(0, dtype=np.int64)


def step(name: str, codes: npt.NDArray[np.integer]) -> dict[str, Any]:
    """Counts of conflicts after a step; `rate` is LC-Rec's collision rate: the share of items that lack a code."""
    size = np.bincount(code_numbers(codes)) if len(codes) else np.zeros(0, dtype=np.int64)
    shared = size[size > 1]
    return {
        "step": name,
        "rate": round(float((shared - 1).sum()) / max(len(codes), 1), 6),
        "items": int(shared.sum()),
        "groups": len(shared),
        "largest": int(shared.max(initial=0)),
    }


def conflict_table(
    sums: CodeSum, raw: Codes, codes: Codes, strategies: npt.NDArray[np.str_]
) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The conflicts in the columns of `SCHEMA`, and the counts `duplicates`, `moved`, `spilled` and `price`.

    Args:
        sums: the vectors of the codes.
        raw: codes before.
        codes: codes afterwards; may have a level more.
        strategies: what settled each item; shape (items,).
    """
    numbers, levels = code_numbers(raw), raw.shape[1]
    changed = codes[:, :levels] != raw  # an extra level tells apart, it moves nobody
    moved = np.flatnonzero(changed.any(axis=1))
    shared = sharing(numbers)
    group = np.unique(numbers[shared], return_inverse=True)[1].reshape(-1)
    far, duplicate = sums.spread(group, shared)
    # What moving cost: squared distances from the codes' vectors, before and after.
    before = sums.distances(raw, np.arange(len(raw)))
    extra = sums.distances(codes, moved) - before[moved]
    about = pl.DataFrame({"item": shared, "group": group, "distance": far, "duplicate": duplicate})
    table = pl.DataFrame({"item": np.union1d(shared, moved)}).join(about, on="item", how="left")
    rows = table["item"].to_numpy()
    cost = np.zeros(len(raw))  # of moving each item, shape (items,)
    cost[moved] = extra
    table = table.with_columns(
        pl.col("distance", "duplicate").fill_null(0),
        pl.Series("before", raw[rows]),
        pl.Series("after", codes[rows]),
        pl.Series("strategy", strategies[rows].tolist(), dtype=pl.String),
        pl.Series("price", cost[rows]),
    ).sort("group", "item", nulls_last=True)
    whole = float(before.sum())
    relative = float(extra.sum()) / whole if whole > 0 else 0.0
    figures = {
        "duplicates": int(duplicate.sum()),
        "moved": len(moved),
        "spilled": int(changed[:, :-1].any(axis=1).sum()),
        "price": {
            "mean": round(float(extra.mean()), 6) if len(extra) else 0.0,
            "largest": round(float(extra.max(initial=0.0)), 6),
            "relative": round(relative, 6),
        },
    }
    return table.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()), figures


def _blocks(rows: Rows) -> Iterator[Rows]:
    return (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def _thin(latent: Matrix) -> list[Matrix]:
    """A part of the rows that is enough to know their variance."""
    return [latent[:: max(1, len(latent) // BLOCK)]] if len(latent) else [np.zeros((1, 1), dtype=np.float32)]
