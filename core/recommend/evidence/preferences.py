"""What a history is about: its items grouped by branch of the index, weighted by recency.

After LANE (arXiv 2407.02833), which has a language model name five preferences of a user and attends over them. Here a
preference is a set of items that are there, labelled by the words of their branch, so it cannot be made up; how far it
bears on an item is measured (`core.evaluate.faithfulness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.index.branches import BranchTable
from core.vectors import RECENCY

DEPTH = 1
"""Codes of a branch that make a group: one code deeper, most histories have one item a group."""


@dataclass(frozen=True)
class Cluster:
    """Items of a history in one branch.

    Attributes:
        branch: its row in the table of branches.
        places: in the history, the newest first.
        weight: by recency; the weights of a history's clusters add up to 1.
    """

    branch: int
    places: tuple[int, ...]
    weight: float


def clusters(
    history: Sequence[int],
    codes: npt.NDArray[np.integer],
    branches: BranchTable,
    most: int,
    first: int = 0,
) -> list[Cluster]:
    """The heaviest groups of a history's items.

    Args:
        history: item numbers, oldest first.
        codes: of all items; shape (items, levels).
        branches: of the index.
        most: how many groups at most.
        first: the oldest place of the history that counts; what stands before is not looked at.

    Returns:
        The heaviest first, of equal ones the one with the newer item.
    """
    groups: dict[int, list[int]] = {}
    depth = min(DEPTH, codes.shape[1] - 1)
    for place in range(len(history) - 1, first - 1, -1):
        groups.setdefault(branches.find(codes[history[place], :depth].tolist()), []).append(place)
    mass = {branch: sum(RECENCY ** (len(history) - 1 - place) for place in some) for branch, some in groups.items()}
    kept = sorted(groups, key=lambda branch: (-mass[branch], -groups[branch][0]))[:most]
    total = sum(mass[branch] for branch in kept)
    return [Cluster(branch, tuple(groups[branch]), mass[branch] / total) for branch in kept]


def fitness(
    units: npt.NDArray[np.float32], known: npt.NDArray[np.bool_], item: int, members: Sequence[int]
) -> float | None:
    """Cosine of an item's vector to the mean of some others'; None where the item has none, or none of them has.

    Args:
        units: vectors of unit length; shape (items with a row, dim). Items that came later have no row.
        known: which rows are vectors; shape (items with a row,).
        item: its number.
        members: numbers of the others.
    """
    rows = [one for one in members if one < len(known) and known[one]]
    if item >= len(known) or not known[item] or not rows:
        return None
    mean = units[rows].mean(axis=0)
    length = float(np.linalg.norm(mean))
    return float(units[item] @ mean) / length if length > 1e-9 else None
