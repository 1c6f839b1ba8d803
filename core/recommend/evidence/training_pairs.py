"""Which item came right after which in the training sequences, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.data.arrays import Sequences


class TrainingPairs:
    """Counts of direct successors.

    Args:
        train: training sequences; no validation or test target is in them.
        n_items: all item numbers are below it.
    """

    def __init__(self, train: Sequences, n_items: int) -> None:
        owner = np.repeat(np.arange(len(train)), train.lengths)
        same = owner[:-1] == owner[1:]  # a pair counts inside one user only
        before, after = train.items[:-1][same].astype(np.int64), train.items[1:][same].astype(np.int64)
        # A pair is one number; sorted, with how often it stands there.
        self._pairs, self._counts = np.unique(before * n_items + after, return_counts=True)
        self._totals, self._n_items = np.bincount(before, minlength=n_items), n_items

    def strongest(self, history: Sequence[int], item: int) -> tuple[int, int, int] | None:
        """The item of a history after which another came most often; of equal ones the newest.

        Returns:
            Its number, how often the other came next, and how often any item did; None where it never did.
        """
        if not len(self._pairs) or not 0 <= item < self._n_items:
            return None
        sources = np.array([one for one in dict.fromkeys(reversed(history)) if one < self._n_items], dtype=np.int64)
        wanted = sources * self._n_items + item
        place = np.minimum(np.searchsorted(self._pairs, wanted), len(self._pairs) - 1)
        counts = np.where(self._pairs[place] == wanted, self._counts[place], 0)
        if not counts.any():
            return None
        best = int(counts.argmax())
        return int(sources[best]), int(counts[best]), int(self._totals[sources[best]])
