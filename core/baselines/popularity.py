"""Everybody gets the items that were taken most often."""

from __future__ import annotations

import numpy as np

from core.baselines import Baseline, BaselineTask, Scores, popularity_of
from core.data.arrays import Sequences


class Popularity(Baseline):
    """Scores are training interactions."""

    scale = "counts"

    def __init__(self, train: Sequences, n_items: int) -> None:
        self.counts = popularity_of(train, n_items).astype(np.float32)

    @classmethod
    def fit(cls, task: BaselineTask) -> Popularity:
        """Count."""
        return cls(task.train, task.n_items)

    def score(self, histories: Sequences) -> Scores:
        """See `Scorer`."""
        return np.repeat(self.counts[None, :], len(histories), axis=0)
