"""Scores of given items after given histories, part by part, without a search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ItemScores:
    """What every part of a list says of some items, each as log-probabilities among the whole catalogue.

    Attributes:
        names: of the parts, the generator first.
        values: fp32, -inf where an item may not be listed; shape (parts, histories, items asked).
        weights: of the parts in a list, none below 0; shape (parts,).
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]

    @property
    def total(self) -> npt.NDArray[np.float32]:
        """The weighted sum of the parts, which lists follow; shape (histories, items asked).

        It is a list's `score` but for a number that all items of a list share, and for rounding in bf16.
        """
        total = np.zeros(self.values.shape[1:], dtype=np.float32)
        for weight, values in zip(self.weights, self.values, strict=True):
            if weight:  # 0 times -inf is no number
                total += weight * values
        return total
