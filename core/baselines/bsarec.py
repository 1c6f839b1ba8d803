"""BSARec, self-attention beside a low-pass filter; its settings stand in [baselines.bsarec], and it trains long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.baselines._sequential import SequentialBaseline, SequentialOptions
from core.settings import opt

if TYPE_CHECKING:
    from core.vectors.sequence_model import TrainedModel


@dataclass(frozen=True)
class BsaRecOptions(SequentialOptions):
    """BSARec."""

    alpha: float = opt(0.7, "weight of the filter; the rest is the attention's", low=0.0, high=1.0)
    cutoff: int = opt(5, "frequencies that count as low, those below zero included", low=1, high=1000)


class BsaRecBaseline(SequentialBaseline):
    """See `core.vectors.bsarec_model`; the stage `bsarec` trains it."""

    options = BsaRecOptions
    inputs = ("bsarec",)
    by_prefix = True

    @classmethod
    def model(cls, n_items: int, options: BsaRecOptions) -> TrainedModel:
        """See `SequentialBaseline`."""
        from core.vectors.bsarec_model import BsaRec

        return BsaRec(n_items, options)
