"""How long to train, and with which step sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """How long to train and with which step sizes.

    Attributes:
        epochs: passes over the batches.
        learning_rate: the highest step size.
        weight_decay: of AdamW, on matrices that are not embeddings.
        warmup: share of all steps in which the step size rises.
        shape: `cosine`, `linear`, `constant` or `wsd` (constant, then falling at the end) afterwards.
        ema: decay of the running mean of the weights; 0 = none.
        anneal: share of the steps after the rise in which `wsd` falls; 0 = none.
        anneal_to: what it falls to, as a share of the highest.
        anneal_shape: how it falls: `linear`, or `sqrt`: by the root of the part of the fall that is over.
    """

    epochs: int
    learning_rate: float
    weight_decay: float = 0.0
    warmup: float = 0.05
    shape: str = "cosine"
    ema: float = 0.0
    anneal: float = 0.1
    anneal_to: float = 0.0
    anneal_shape: str = "linear"

    def factor(self, step: int, total: int) -> float:
        """Step size at `step` of `total`, as a share of the highest."""
        rising = max(1, round(self.warmup * total))
        if step < rising:
            return (step + 1) / rising
        left = 1.0 - (step - rising) / max(1, total - rising)
        shapes = {
            "cosine": 0.5 * (1.0 - math.cos(math.pi * left)),
            "linear": left,
            "wsd": self._annealed(left),
        }
        return shapes.get(self.shape, 1.0)

    def _annealed(self, left: float) -> float:
        """What `wsd` is where a share of the steps is left: 1, then down to `anneal_to` (arXiv 2404.06395).

        The root is that of Hägele et al. 2024 (arXiv 2405.18392): steep at first, flat at the end.
        """
        share = min(1.0, left / self.anneal) if self.anneal else 1.0
        falls = share if self.anneal_shape == "linear" else 1.0 - math.sqrt(1.0 - share)
        return self.anneal_to + (1.0 - self.anneal_to) * falls
