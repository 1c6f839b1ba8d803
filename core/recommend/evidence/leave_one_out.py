"""How much each item of a history speaks for an item: the score without it, exactly, all in one batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt

from core.recommend.scoring import ItemScores

ScoreItems = Callable[[Sequence[Sequence[int]], npt.NDArray[np.integer]], ItemScores]
"""Histories and items of the shape (histories, items) -> what every scorer says."""


def without(history: Sequence[int], places: Collection[int]) -> list[int]:
    """The history without the items at some places."""
    return [item for place, item in enumerate(history) if place not in places]


def drops(
    score_items: ScoreItems, history: Sequence[int], item: int, deletions: Sequence[Collection[int]]
) -> npt.NDArray[np.float64]:
    """How far an item's score falls for each of some deletions from the history.

    Args:
        score_items: of the recommender whose lists are meant.
        history: item numbers, oldest first.
        item: the number of the item.
        deletions: places in the history, for each question its own.

    Returns:
        Shape (deletions,); below 0 where the score rises, NaN where nothing would be left of the history.
    """
    left = [without(history, places) for places in deletions]
    asked = [number for number, rest in enumerate(left) if rest]
    histories = [list(history), *(left[number] for number in asked)]
    total = score_items(histories, np.full((len(histories), 1), item)).total[:, 0].astype(np.float64)
    found = np.full(len(deletions), np.nan)
    found[asked] = total[0] - total[1:]
    return found
