"""Scoring by a sparse item-to-item matrix."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.baselines import Baseline, Scores, popularity_of
from core.data.arrays import Sequences

if TYPE_CHECKING:
    from scipy import sparse


class ItemToItem(Baseline):
    """Scores = (weights of the history's items) x (an item-to-item matrix), ties settled by popularity.

    Args:
        matrix: shape (items, items): from the item of a history (row) to the item that it speaks for (column).
        train: training sequences, for the popularity.
        n_items: size of the catalogue.
    """

    scale = "counts"

    def __init__(self, matrix: sparse.csr_array, train: Sequences, n_items: int) -> None:
        self.matrix = matrix
        counts = popularity_of(train, n_items)
        # Far below the smallest score difference that matters, so it only orders items of equal score; (items,).
        self.tie = (counts / max(counts.max(initial=1), 1) * 1e-6).astype(np.float32)

    @abstractmethod
    def history_weights(self, lengths: npt.NDArray[np.int64], age: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Weight of each history item; `age` counts from the newest (0). All of shape (interactions,)."""

    def score(self, histories: Sequences) -> Scores:
        """See `Scorer`."""
        from scipy import sparse

        # For every interaction of the histories, one after the other: whose it is, and its age; (interactions,).
        lengths = np.diff(histories.offsets)
        row = np.repeat(np.arange(len(histories)), lengths)
        age = histories.offsets[1:][row] - 1 - np.arange(len(histories.items))
        # One sparse row a history, (histories, items); an item that stands there twice adds up.
        weights = self.history_weights(lengths[row], age)
        shape = (len(histories), self.matrix.shape[0])
        profile = sparse.csr_array((weights, (row, histories.items)), shape=shape)
        return np.asarray((profile @ self.matrix).toarray() + self.tie, dtype=np.float32)
