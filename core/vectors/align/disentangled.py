"""DaRec: only what vectors and texts share is aligned, in its structure; what each has of its own stays apart.

After DaRec (arXiv 2408.08231), known by its abstract and notes alone: the form of the local term, the scaling and the
sizes are ours. See `core.vectors.disentangled_model.DisentangledAligner`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.data.arrays import Int64
from core.settings import opt
from core.vectors.align import Alignment, NodeTexts

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class DisentangledAlignmentOptions:
    """The table `[vectors.disentangled]`."""

    centres: int = opt(4, "groups of either shared part that are matched", low=2, high=256)
    sample: int = opt(512, "nodes of a kind that a step compares with one another", low=8, high=65536)


class DisentangledAlignment(Alignment):
    """Compares the cosines among nodes, not vectors with texts."""

    version = 2  # sums in another order since
    options = DisentangledAlignmentOptions

    def draw(self, touched: Int64, known: npt.NDArray[np.bool_], draw: np.random.Generator) -> Int64:
        """Any nodes with a text; items and users are drawn apart, so that the more numerous do not decide alone."""
        there = np.flatnonzero(known)
        return np.sort(draw.choice(there, min(self.settings.sample, len(there)), replace=False))

    def build(self, texts: Mapping[str, NodeTexts], width: int) -> nn.Module:
        """See `core.vectors.disentangled_model`."""
        from core.vectors.disentangled_model import DisentangledAligner

        return DisentangledAligner(texts, width, self.settings.centres)
