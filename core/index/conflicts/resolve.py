"""Conflicts settled: items that the quantizer gave one code are told apart, or kept together on purpose.

`matching` gives the items of a prefix the last codes at least total distance, each code once; where a prefix holds more
items than there are codes, some go to the nearest prefix with room. `sinkhorn` is the rounds of LC-Rec (arXiv
2311.09049; released in `index/generate_indices.py`), then matching. `suffix` adds a level that counts through a group,
as TIGER (arXiv 2305.05065) does. `own` adds a level in which every item has a code that no other has. `share` leaves
codes as they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from core.errors import DataError, ProjectError
from core.index.assign.matching import EXACT_ENTRIES, Distances, assign, duplicates_of
from core.index.assign.sinkhorn import sinkhorn_rounds
from core.index.conflicts.groups import SCHEMA, CodeSum, Rows, code_numbers, conflict_table, sharing, step
from core.index.quantize import Codes, Quantized

__all__ = ["SCHEMA", "Resolution", "resolve"]

SOFTNESS = 0.003
"""Of the Sinkhorn rounds where the settings have none (LC-Rec's)."""


@dataclass(frozen=True)
class Resolution:
    """What was settled.

    Attributes:
        raw: codes as the quantizers gave them, joined; shape (items, levels).
        codes: codes afterwards; unique, but for the strategy `share`.
        widths: codes at each level afterwards.
        conflicts: one row an item that shared its code or had to move, in the columns of `SCHEMA`.
        figures: counts before, after each step, and what moving cost (`price`); JSON values.
    """

    raw: Codes
    codes: Codes
    widths: tuple[int, ...]
    conflicts: pl.DataFrame
    figures: Mapping[str, Any]


def resolve(parts: Sequence[Quantized], strategy: str, epsilon: float, rounds: int, own: int = 0) -> Resolution:
    """Give every item a code of its own, but for the strategy `share`.

    Args:
        parts: what the quantizers found, source by source; their codes are joined.
        strategy: `matching`, `sinkhorn`, `suffix`, `own` or `share`.
        epsilon: softness of the Sinkhorn rounds; 0 = LC-Rec's.
        rounds: how often each of them scales both sides.
        own: codes of the level that `own` adds, as many as items at least.

    Raises:
        ProjectError: there are fewer codes than items.
    """
    sums = CodeSum(parts)
    raw = np.concatenate([part.codes for part in parts], axis=1).astype(np.int32)
    codes, widths = raw, sums.widths
    steps = [step("nearest code", raw)]
    names = np.full(len(raw), "matching" if strategy == "sinkhorn" else strategy)
    if strategy == "sinkhorn" and steps[0]["groups"]:
        codes = _sinkhorn(sums, raw, epsilon or SOFTNESS, rounds)
        steps.append(step("sinkhorn", codes))
    if strategy == "suffix" and steps[0]["groups"]:
        codes, widths = np.column_stack([raw, _places(raw)]), (*widths, steps[0]["largest"])
        steps.append(step("suffix", codes))
    if strategy == "own":
        codes, widths = np.column_stack([raw, np.arange(len(raw), dtype=np.int32)]), (*widths, own)
        steps = [step("own", codes)]
    if strategy in ("matching", "sinkhorn"):
        before, codes = codes, match(sums, codes)
        if strategy == "sinkhorn":
            parted = (codes == before).all(axis=1)
            parted[sharing(code_numbers(before))] = False
            names[parted] = "sinkhorn"
        steps.append(step("matching", codes))
    if strategy != "share" and steps[-1]["groups"]:
        raise DataError(f"{steps[-1]['items']} items still share a code after {strategy!r}")
    # Items of a group are no conflict where the codes are meant to name groups.
    table, figures = conflict_table(sums, codes if strategy == "own" else raw, codes, names)
    return Resolution(raw, codes, widths, table, {"steps": steps, **figures})


def match(sums: CodeSum, codes: Codes) -> Codes:
    """Unique codes near the given ones, level by level from the top.

    No node may hold more items than there are codes below it. Where a child does, the items of its parent are placed
    anew among the children, at least total distance; an item that moves gets the nearest codes below. At the last level
    a child has room for one item. Items of other nodes keep their codes.

    Args:
        sums: the vectors of the codes.
        codes: shape (items, levels); is left as it is.

    Raises:
        ProjectError: there are fewer codes than items.
    """
    unique, widths, items = codes.copy(), sums.widths, len(codes)
    if math.prod(widths) < items:
        raise ProjectError(
            f"{items:,} items cannot have different codes: there are {math.prod(widths):,} in {len(widths)} levels",
            "raise index.depth or index.width, or set index.conflicts to suffix, own or share",
        )
    node = np.zeros(items, dtype=np.int64)  # of each item above the level, by the codes as they now are
    for level, width in enumerate(widths):
        room = min(math.prod(widths[level + 1 :]), items)  # codes below one child
        child = _children(node, unique[:, level], width)
        full = np.bincount(child)[child] > room
        if full.any():
            rows = np.flatnonzero(np.isin(node, np.unique(node[full])))
            _place(sums, unique, level, rows, node[rows], room)
            child = _children(node, unique[:, level], width)
        node = child
    return unique


def _children(node: Rows, code: Codes, width: int) -> Rows:
    """A number for each pair of node and code, in their order."""
    return np.asarray(np.unique(node * width + code, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _place(sums: CodeSum, codes: Codes, level: int, rows: Rows, node: Rows, room: int) -> None:
    """Place the items of some nodes anew among their children; changes `codes`."""
    order = np.argsort(node, kind="stable")
    ends = np.flatnonzero(np.diff(node[order])) + 1
    book = sums.book(level)
    moved = []
    for group in np.split(rows[order], ends):
        points, at = sums.residual(codes, level, group), codes[group, level]
        costs = Distances(points, book, at).cached()
        large = len(points) * len(book) > EXACT_ENTRIES
        duplicates = duplicates_of(points, at) if large else None
        labels = assign(costs, np.full(len(book), room, dtype=np.int64), duplicates)
        away = labels != at
        codes[group, level] = labels
        moved.append(group[away])
    sums.encode_below(codes, level, np.concatenate(moved))


def _sinkhorn(sums: CodeSum, raw: Codes, epsilon: float, rounds: int) -> Codes:
    """LC-Rec's rounds on the items of every prefix below which something is shared."""
    prefix = code_numbers(raw[:, :-1])
    rows = np.flatnonzero(np.isin(prefix, np.unique(prefix[sharing(code_numbers(raw))])))
    last = raw.shape[1] - 1
    codes = raw.copy()
    residual = sums.residual(raw, last, rows)
    codes[rows], _ = sinkhorn_rounds(raw[rows], residual, sums.book(last), epsilon, rounds)
    return codes


def _places(raw: Codes) -> Codes:
    """Where each item stands in its group, by item number; 0 where it is alone."""
    numbers = code_numbers(raw)
    # Sorted by group, then number: an item's place is how far behind its group's first one it stands.
    order = np.argsort(numbers, kind="stable")
    first = np.concatenate([[True], np.diff(numbers[order]) != 0])
    start = np.maximum.accumulate(np.where(first, np.arange(len(raw)), 0))
    places = np.empty(len(raw), dtype=np.int32)
    places[order] = np.arange(len(raw)) - start
    return places
