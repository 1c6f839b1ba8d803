"""RLMRec-Gen: what is rebuilt of a hidden node tells its text from those of others.

After RLMRec (arXiv 2310.15950, section 3.3, "generative alignment"). In a graph a share of the nodes is hidden before
their vectors are spread. A causal encoder that must rebuild the text of an item from the state that may not see it
predicts the text of the next item: so SASRec does it at every place. See `core.vectors.align_model.GenerateAligner`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.data.arrays import Int64
from core.settings import opt
from core.vectors.align import NODES, Alignment, NodeTexts

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class GenerateAlignmentOptions:
    """The table `[vectors.generate]`."""

    temperature: float = opt(0.2, "cosines are divided by this", above=0.0, high=10.0)
    mask: float = opt(0.1, "share of the nodes that is hidden (lightgcn)", above=0.0, high=1.0)


class GenerateAlignment(Alignment):
    """Hides nodes and asks for their texts."""

    options = GenerateAlignmentOptions
    hides = True

    def draw(self, touched: Int64, known: npt.NDArray[np.bool_], draw: np.random.Generator) -> Int64:
        """A share of all nodes with a text, touched or not; at most `NODES`."""
        there = np.flatnonzero(known)
        count = min(NODES, max(1, round(self.settings.mask * len(there))), len(there))
        return np.sort(draw.choice(there, count, replace=False))

    def build(self, texts: Mapping[str, NodeTexts], width: int) -> nn.Module:
        """See `core.vectors.align_model`."""
        from core.vectors.align_model import GenerateAligner

        return GenerateAligner(texts, width, self.settings.temperature)
