"""Scores of any items, listed or not: what every part of a list says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ItemScores:
    """What the parts of a list say of some items, each as log-probabilities among the whole catalogue.

    Attributes:
        names: of the parts, the generator first.
        values: fp32, shape (parts, histories, items asked); -inf of an item that is not recommended any more.
        weights: of the parts in a list, adding up to 1; shape (parts,).
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]

    @property
    def total(self) -> npt.NDArray[np.float32]:
        """The weighted sum of the parts, which lists follow; shape (histories, items asked).

        It is a list's `score` but for a number that all items of a list share, and for rounding in bf16.
        """
        said = self.weights > 0  # a part without a say may know nothing: 0 times -inf is no number
        return np.asarray(np.tensordot(self.weights[said], self.values[said], axes=1), dtype=np.float32)
