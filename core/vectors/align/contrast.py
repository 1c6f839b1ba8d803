"""RLMRec-Con: each vector is nearest to its own text, projected, among those of the step.

After RLMRec (arXiv 2310.15950, section 3.3, "contrastive alignment"), also the second half of LLMEmb (arXiv
2409.19925). See `core.vectors.align_model.ContrastAligner`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.settings import opt
from core.vectors.align import Alignment, NodeTexts

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ContrastAlignmentOptions:
    """The table `[vectors.contrast]`."""

    temperature: float = opt(0.2, "cosines are divided by this", above=0.0, high=10.0)


class ContrastAlignment(Alignment):
    """Its projection of texts gives new items a vector."""

    options = ContrastAlignmentOptions

    def build(self, texts: Mapping[str, NodeTexts], width: int) -> nn.Module:
        """See `core.vectors.align_model`."""
        from core.vectors.align_model import ContrastAligner

        return ContrastAligner(texts, width, self.settings.temperature)
