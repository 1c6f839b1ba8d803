"""Wrong candidates: items that a user did not take, drawn uniformly, by popularity, or under the same prefix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.data.arrays import Sequences
from core.index.prefixes import prefix_starts, sorted_by_code

Int64 = npt.NDArray[np.int64]

POWER = 0.75
"""Popular items are drawn by their count to this power, as word2vec does (arXiv 1310.4546)."""
TRIES = 4
"""Rounds of drawing before the items that are left are listed: the loop is bounded."""
LISTED = 4096
"""A branch of so many items at most is listed; from a larger one it is drawn."""


class Negatives:
    """Draws wrong candidates.

    Nothing that a user ever took is called wrong for them, their validation and test items included: a model taught
    that those are wrong would be measured against what it was told. That is no training on them. They stand in no row;
    how often an item is drawn comes from the training sequences alone; and all that differs from a draw that knew
    nothing is that one or two items among the whole catalogue are not called wrong for this one user.

    Args:
        draw: `uniform`, `popular` or `prefix`.
        codes: of every item; shape (items, levels).
        train: training sequences, for the counts.
        whole: every user's whole sequence, in the same order.
    """

    def __init__(self, draw: str, codes: npt.NDArray[np.int32], train: Sequences, whole: Sequences) -> None:
        self.draw, self.whole, self.count = draw, whole, len(codes)
        counts = np.bincount(train.items, minlength=self.count).astype(float)
        weights = counts**POWER if draw == "popular" else np.ones(self.count)
        self._sums = np.cumsum(weights if weights.sum() > 0 else np.ones(self.count))
        if draw == "prefix":
            self._order = sorted_by_code(codes)
            self._spans = _spans(codes[self._order], self._order)

    def spare(self, users: Int64) -> npt.NDArray[np.bool_]:
        """Which of the users left at least one item untaken."""
        return np.array([len(np.unique(self.whole[int(user)])) < self.count for user in users], dtype=bool)

    def for_user(self, user: int, right: int, count: int, rng: np.random.Generator) -> Int64:
        """Different items that a user never took, at most `count`; fewer where there are no more."""
        return self._drawn({right, *self.whole[user].tolist()}, right, count, rng)

    def for_item(self, right: int, count: int, rng: np.random.Generator) -> Int64:
        """Different items other than one, at most `count`."""
        return self._drawn({right}, right, count, rng)

    def _drawn(self, taken: set[int], right: int, count: int, rng: np.random.Generator) -> Int64:
        drawn: list[int] = []
        if self.draw == "prefix":
            self._near(drawn, taken, right, count, rng)
        for _ in range(TRIES):
            if len(drawn) >= count:
                break
            marks = rng.random(2 * count + 2) * self._sums[-1]
            _take(drawn, taken, np.searchsorted(self._sums, marks, side="right").tolist(), count)
        if len(drawn) < count:
            left = np.setdiff1d(np.arange(self.count), np.fromiter(taken, np.int64))
            _take(drawn, taken, rng.permutation(left).tolist(), count)
        return np.array(drawn, dtype=np.int64)

    def _near(self, drawn: list[int], taken: set[int], right: int, count: int, rng: np.random.Generator) -> None:
        """Items under the longest common prefix, then under shorter ones."""
        for begin, end in reversed(self._spans[right].tolist()):
            if len(drawn) >= count:
                return
            if end - begin <= LISTED:
                places = begin + rng.permutation(end - begin)
            else:
                places = rng.integers(begin, end, 4 * count + 8)
            _take(drawn, taken, self._order[places].tolist(), count)


def _take(drawn: list[int], taken: set[int], some: list[int], count: int) -> None:
    """Take the items of a draw that are still free, until there are enough."""
    for item in some:
        if len(drawn) >= count:
            return
        if item not in taken:
            taken.add(item)
            drawn.append(item)


def _spans(ranked: npt.NDArray[np.int32], order: npt.NDArray[np.int32]) -> Int64:
    """For each item and each depth but the root and the whole code, where its branch begins and ends in the order.

    Returns:
        Shape (items, levels - 1, 2), by item number.
    """
    items, levels = ranked.shape
    spans = np.zeros((items, max(levels - 1, 0), 2), dtype=np.int64)
    for depth, new in enumerate(prefix_starts(ranked[:, : levels - 1])):
        starts = np.flatnonzero(new)
        branch = np.cumsum(new) - 1
        spans[order, depth, 0] = starts[branch]
        spans[order, depth, 1] = np.append(starts, items)[branch + 1]
    return spans
