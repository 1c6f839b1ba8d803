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
        # Columns of unit length, and their products: the cosine of every two items, none with itself; (items, items).
        norms = np.sqrt(np.maximum(np.asarray(seen.sum(axis=0)).ravel(), 1.0))
        scaled = seen @ sparse.diags_array(1.0 / norms)
        cosine = sparse.csr_array(scaled.T @ scaled)
        cosine.setdiag(0.0)
        cosine.eliminate_zeros()
        super().__init__(_keep_largest(cosine, self.NEIGHBOURS), train, n_items)

    @classmethod
    def fit(cls, task: BaselineTask) -> ItemKNN:
        """Find every item's neighbours."""
        return cls(task.train, task.n_items)

    def history_weights(self, lengths: npt.NDArray[np.int64], age: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Every item of the history counts alike."""
        return np.ones(len(age))


def _keep_largest(matrix: sparse.csr_array, keep: int) -> sparse.csr_array:
    """The `keep` largest entries of each row (of equal ones, the lower columns)."""
    from scipy import sparse

    # The entries row by row, largest first, and each one's place in its row; (entries,).
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, row))
    place = np.arange(len(order)) - matrix.indptr[row[order]]
    kept = order[place < keep]
    return sparse.csr_array((matrix.data[kept], (row[kept], matrix.indices[kept])), shape=matrix.shape)
