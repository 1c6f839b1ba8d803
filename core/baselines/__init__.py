"""Baselines that any recommender must be held against: popularity, item-to-item transitions and item neighbours.

Each one is fitted on training prefixes and scores the whole catalogue for a batch of histories. (SASRec, the fourth,
lives in `core.vectors.sasrec`, because its item vectors are also a behaviour source.)
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import sparse

from core.data.arrays import Sequences

Scores = npt.NDArray[np.float32]


class Scorer(Protocol):
    """Scores every item for each history; higher is better."""

    def score(self, histories: Sequences) -> Scores:
        """Scores of shape (histories, items)."""


def popularity_of(train: Sequences, n_items: int) -> npt.NDArray[np.int64]:
    """Training interactions of each item; shape (items,)."""
    return np.bincount(train.items, minlength=n_items)


class Popularity:
    """Everybody gets the most bought items."""

    def __init__(self, train: Sequences, n_items: int) -> None:
        self.counts = popularity_of(train, n_items).astype(np.float32)

    def score(self, histories: Sequences) -> Scores:
        """See `Scorer`."""
        return np.repeat(self.counts[None, :], len(histories), axis=0)


class _SparseScorer:
    """Scores = (weights of the history's items) x (an item-to-item matrix), ties settled by popularity."""

    def __init__(self, matrix: sparse.csr_array, train: Sequences, n_items: int) -> None:
        self.matrix = matrix
        counts = popularity_of(train, n_items)
        # Far below the smallest score difference that matters, so it only orders items of equal score.
        self.tie = (counts / max(counts.max(initial=1), 1) * 1e-6).astype(np.float32)

    def history_weights(self, lengths: npt.NDArray[np.int64], age: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Weight of each history item; `age` counts from the newest (0)."""
        raise NotImplementedError

    def score(self, histories: Sequences) -> Scores:
        """See `Scorer`."""
        lengths = np.diff(histories.offsets)
        row = np.repeat(np.arange(len(histories)), lengths)
        age = histories.offsets[1:][row] - 1 - np.arange(len(histories.items))
        weights = self.history_weights(lengths[row], age)
        shape = (len(histories), self.matrix.shape[0])
        asked = sparse.csr_array((weights, (row, histories.items)), shape=shape)
        return np.asarray((asked @ self.matrix).toarray() + self.tie, dtype=np.float32)


class Transitions(_SparseScorer):
    """What followed the last items in training: pairs up to three steps apart, weighted by 1/step on both sides."""

    STEPS = 3

    def __init__(self, train: Sequences, n_items: int) -> None:
        owner = np.repeat(np.arange(len(train)), np.diff(train.offsets))
        total = sparse.csr_array((n_items, n_items), dtype=np.float64)
        for step in range(1, self.STEPS + 1):
            same = owner[:-step] == owner[step:]
            pairs = (train.items[:-step][same], train.items[step:][same])
            total = total + sparse.csr_array((np.full(len(pairs[0]), 1.0 / step), pairs), shape=total.shape)
        super().__init__(sparse.csr_array(total), train, n_items)

    def history_weights(self, lengths: npt.NDArray[np.int64], age: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """1/step for the last three items, nothing for older ones."""
        return np.where(age < self.STEPS, 1.0 / (age + 1), 0.0)


class ItemKNN(_SparseScorer):
    """Items liked by the same users: cosine of the items' user sets, the `NEIGHBOURS` nearest of each kept."""

    NEIGHBOURS = 100

    def __init__(self, train: Sequences, n_items: int) -> None:
        owner = np.repeat(np.arange(len(train)), np.diff(train.offsets))
        seen = sparse.csr_array((np.ones(len(owner)), (owner, train.items)), shape=(len(train), n_items))
        seen.sum_duplicates()
        seen.data[:] = 1.0
        norms = np.sqrt(np.maximum(np.asarray(seen.sum(axis=0)).ravel(), 1.0))
        scaled = seen @ sparse.diags_array(1.0 / norms)
        cosine = sparse.csr_array(scaled.T @ scaled)
        cosine.setdiag(0.0)
        cosine.eliminate_zeros()
        super().__init__(_keep_largest(cosine, self.NEIGHBOURS), train, n_items)

    def history_weights(self, lengths: npt.NDArray[np.int64], age: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Every item of the history counts alike."""
        return np.ones(len(age))


def _keep_largest(matrix: sparse.csr_array, keep: int) -> sparse.csr_array:
    """The `keep` largest entries of each row (of equal ones, the lower columns)."""
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[row[order]]
    kept = order[place < keep]
    return sparse.csr_array((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)
