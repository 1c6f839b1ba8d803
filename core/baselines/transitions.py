"""What followed the last three items in training, nearer steps counting more."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.baselines import BaselineTask
from core.baselines._sparse import ItemToItem
from core.data.arrays import Sequences


class Transitions(ItemToItem):
    """Pairs up to three steps apart, weighted by 1/step both where they are counted and where they are asked for.

    Sequential rules, whose pairs count 1/x at x steps, as in Ludewig & Jannach 2018 (arXiv 1803.09587, "Sequential
    Rules (SR)" among the baseline methods). There a session is asked about by its last item alone; asking by the last
    three with the same weights, and the limit of three steps, are ours.
    """

    STEPS = 3

    def __init__(self, train: Sequences, n_items: int) -> None:
        from scipy import sparse

        # Whose each training interaction is: a pair counts inside one user only; (interactions,).
        owner = np.repeat(np.arange(len(train)), np.diff(train.offsets))
        # Weighted counts of (item, item that came `step` later); (items, items).
        total = sparse.csr_array((n_items, n_items), dtype=np.float64)
        for step in range(1, self.STEPS + 1):
            same = owner[:-step] == owner[step:]
            pairs = (train.items[:-step][same], train.items[step:][same])
            total = total + sparse.csr_array((np.full(len(pairs[0]), 1.0 / step), pairs), shape=total.shape)
        super().__init__(sparse.csr_array(total), train, n_items)

    @classmethod
    def fit(cls, task: BaselineTask) -> Transitions:
        """Count."""
        return cls(task.train, task.n_items)

    def history_weights(self, lengths: npt.NDArray[np.int64], age: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """1/step for the last three items, nothing for older ones."""
        return np.where(age < self.STEPS, 1.0 / (age + 1), 0.0)
