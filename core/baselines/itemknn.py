"""Items that were taken by the same users as those of the history: item-based neighbours by cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.baselines import BaselineTask
from core.baselines._sparse import ItemToItem
from core.data.arrays import Sequences

if TYPE_CHECKING:
    from scipy import sparse

PAIRS = 1 << 24
"""Pairs of interactions that are counted at a time."""


class ItemKNN(ItemToItem):
    """Cosine of the items' sets of users, the `NEIGHBOURS` nearest of each kept, summed over the history.

    Item-based top-N recommendation (Deshpande & Karypis 2004, ACM TOIS 22(1), without their normalisation of
    each item's neighbours); the cosine of items is that of Sarwar et al. 2001 (WWW 10). Nothing decays:
    every item of a history counts alike, however old it is.
    """

    NEIGHBOURS = 100

    def __init__(self, train: Sequences, n_items: int) -> None:
        from scipy import sparse

        # Who took what, 0 or 1; (users, items).
        owner = np.repeat(np.arange(len(train)), np.diff(train.offsets))
        seen = sparse.csr_array((np.ones(len(owner)), (owner, train.items)), shape=(len(train), n_items))
        seen.sum_duplicates()
        seen.data[:] = 1.0
        # Columns of unit length, and their products, item by item in blocks: the cosine of every two items, none with
        # itself, and only the largest of each are kept; (items, items).
        norms = np.sqrt(np.maximum(np.asarray(seen.sum(axis=0)).ravel(), 1.0))
        scaled = sparse.csr_array(seen @ sparse.diags_array(1.0 / norms))
        by_item = sparse.csr_array(scaled.T)
        near = []
        for block in _blocks(by_item, np.diff(seen.indptr)):
            cosine = sparse.coo_array(by_item[block] @ scaled)
            row, column = cosine.coords
            other = (row + block.start != column) & (cosine.data != 0.0)
            rest = sparse.csr_array((cosine.data[other], (row[other], column[other])), shape=cosine.shape)
            near.append(_keep_largest(rest, self.NEIGHBOURS))
        super().__init__(sparse.csr_array(sparse.vstack(near)), train, n_items)

    @classmethod
    def fit(cls, task: BaselineTask) -> ItemKNN:
        """Find every item's neighbours."""
        return cls(task.train, task.n_items)

    def history_weights(self, lengths: npt.NDArray[np.int64], age: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Every item of the history counts alike."""
        return np.ones(len(age))


def _blocks(by_item: sparse.csr_array, lengths: npt.NDArray[np.integer]) -> list[slice]:
    """Items in blocks whose cosines with all others come from at most `PAIRS` pairs of interactions, or one item.

    Args:
        by_item: who took each item; (items, users).
        lengths: how many items each user took; (users,).
    """
    # Pairs up to each item's end, (items + 1,), from those of its users.
    pairs = np.concatenate([[0], np.cumsum(lengths[by_item.indices], dtype=np.int64)])[by_item.indptr]
    blocks, start = [], 0
    while start < len(pairs) - 1:
        stop = max(start + 1, int(np.searchsorted(pairs, pairs[start] + PAIRS, side="right")) - 1)
        blocks.append(slice(start, stop))
        start = stop
    return blocks


def _keep_largest(matrix: sparse.csr_array, keep: int) -> sparse.csr_array:
    """The `keep` largest entries of each row (of equal ones, the lower columns)."""
    from scipy import sparse

    # The entries row by row, largest first, and each one's place in its row; (entries,).
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[row[order]]
    kept = order[place < keep]
    return sparse.csr_array((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)
