"""HSTU, gated attention without a softmax; its settings stand in [baselines.hstu], and it trains long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.baselines._sequential import SequentialBaseline, SequentialOptions
from core.settings import opt

if TYPE_CHECKING:
    from core.vectors.sequence_model import TrainedModel


@dataclass(frozen=True)
class HstuOptions(SequentialOptions):
    """HSTU."""

    layers: int = opt(4, "layers", low=1, high=48)
    heads: int = opt(2, "attention heads", low=1, high=64)
    attention_dim: int = opt(4, "width of the queries and keys of a head", low=1, high=1024)
    linear_dim: int = opt(4, "width of the values and gates of a head", low=1, high=1024)
    dropout: float = opt(0.5, "share of the items' vectors dropped in training", low=0.0, below=1.0)
    layer_dropout: float = opt(0.1, "share of a layer's output dropped in training", low=0.0, below=1.0)
    temperature: float = opt(0.1, "scores are cosines over this", above=0.0, high=10.0)
    negatives: int = opt(512, "items that a target competes with in a step, drawn once a step", low=1, high=10**7)
    epochs: int = opt(150, "passes over the users", low=1, high=10000)


class HstuBaseline(SequentialBaseline):
    """See `core.vectors.hstu_model`; the stage `hstu` trains it."""

    options = HstuOptions
    inputs = ("hstu",)

    @classmethod
    def model(cls, n_items: int, options: HstuOptions) -> TrainedModel:
        """See `SequentialBaseline`."""
        from core.vectors.hstu_model import Hstu

        return Hstu(n_items, options)

    @classmethod
    def scored(cls, n_items: int, options: Mapping[str, Any]) -> int:
        """Those that are drawn."""
        return int(options["negatives"])
