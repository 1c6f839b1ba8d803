"""HSTU: attention without a softmax, gated.

Zhai et al. 2024, "Actions Speak Louder than Words: Trillion-Parameter Sequential Transducers for Generative
Recommendations" (arXiv 2402.17152, section 3): weights of attention are SiLU of products and a bias, divided by a
fixed length; what they gather is normed and multiplied by a gate. The bias here is that of relative positions alone,
for a history tells no times. Trained as in the public benchmark RecBoard: every next item is a target, and the loss is
InfoNCE (arXiv 1807.03748, section 2.3) of cosines over a temperature, against items drawn from the catalogue, here once
a step for all targets.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Sequences
from core.training.dropout import dropout
from core.training.unit import unit_rows
from core.vectors.sequence_model import Rows, SequenceBatch, SequenceSettings, TrainedModel, training_rows


class HstuSettings(SequenceSettings, Protocol):
    """See `core.baselines.hstu.HstuOptions`."""

    @property
    def layers(self) -> int:
        """Layers."""

    @property
    def heads(self) -> int:
        """Attention heads."""

    @property
    def attention_dim(self) -> int:
        """Width of a head's queries and keys."""

    @property
    def linear_dim(self) -> int:
        """Width of a head's values and gates."""

    @property
    def dropout(self) -> float:
        """Share of the items' vectors dropped."""

    @property
    def layer_dropout(self) -> float:
        """Share of a layer's output dropped."""

    @property
    def temperature(self) -> float:
        """Scores are cosines over this."""

    @property
    def negatives(self) -> int:
        """Items drawn a step."""


class _Block(nn.Module):
    """One layer, section 3.1."""

    def __init__(self, settings: HstuSettings) -> None:
        super().__init__()
        width, self.heads, self.longest = settings.hidden_size, settings.heads, settings.max_history
        self.sizes = [self.heads * settings.linear_dim] * 2 + [self.heads * settings.attention_dim] * 2
        self.dropout = settings.layer_dropout
        self.norm, self.mixed_norm = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(self.sizes[0], eps=1e-6)
        self.project, self.out = nn.Linear(width, sum(self.sizes), bias=False), nn.Linear(self.sizes[0], width)
        self.by_distance = nn.Parameter(0.02 * torch.randn(self.longest))

    def forward(self, x: Tensor) -> Tensor:
        """States in, states out; shape (batch, length, width)."""
        batch, length, _ = x.shape
        # Gates, values, queries and keys: the latter three (batch, heads, length, their width).
        gate, *parts = functional.silu(self.project(self.norm(x))).split(self.sizes, dim=-1)
        value, query, key = (one.view(batch, length, self.heads, -1).transpose(1, 2) for one in parts)
        # Point-wise weights, (batch, heads, length, length): none of a later place.
        places = torch.arange(length)
        behind = places[:, None] - places
        logits = query @ key.transpose(2, 3) + self.by_distance[behind.clamp_min(0)]
        weights = functional.silu(logits) / self.longest * (behind >= 0)
        # The heads side by side again, (batch, length, heads * linear_dim), gated; and the residual.
        mixed = self.mixed_norm((weights @ value).transpose(1, 2).reshape(batch, length, -1)) * gate
        return x + torch.as_tensor(self.out(dropout(mixed, self.dropout, self.training)))


class Hstu(TrainedModel):
    """See the module.

    Args:
        n_items: size of the catalogue.
        settings: the model and its schedule.
    """

    def __init__(self, n_items: int, settings: HstuSettings) -> None:
        super().__init__(n_items, settings.max_history)
        width = settings.hidden_size
        self.settings, self.options = settings, settings
        self.items = nn.Embedding(n_items + 1, width, padding_idx=n_items)
        self.positions = nn.Embedding(settings.max_history, width)
        self.blocks = nn.ModuleList(_Block(settings) for _ in range(settings.layers))
        nn.init.trunc_normal_(self.items.weight, std=0.02, a=-0.04, b=0.04)
        edge = 2 / math.sqrt(width)
        nn.init.trunc_normal_(self.positions.weight, std=edge / 2, a=-edge, b=edge)

    def states(self, histories: Tensor) -> Tensor:
        """Unit vectors after each item of histories, padded on the right; (batch, length, width).

        The padding needs no mask: it stands behind all that is asked about, and attention is causal.
        """
        x = self.items(histories) * math.sqrt(self.options.hidden_size) + self.positions.weight[: histories.shape[1]]
        x = dropout(x, self.options.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        return unit_rows(x.float())

    def last_logits(self, histories: Tensor, last: Tensor) -> Tensor:
        """See `SequenceModel`."""
        states = self.states(histories)[torch.arange(len(histories)), last]
        return states @ unit_rows(self.items.weight[: self.n_items]).T / self.options.temperature

    def rows(self, train: Sequences) -> Rows:
        """See `TrainedModel`."""
        return training_rows(train, self.max_history)

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, dict[str, float], int]:
        """See `TrainedModel`."""
        # Every place predicts the item after it; padding is no target. States of those that have one, (targets, width).
        following = batch.items[:, 1:]
        real = following != self.n_items
        states = self.states(batch.items[:, :-1])[real] / self.options.temperature
        # The right item first, then those that are drawn, (targets, 1 + negatives).
        drawn = torch.randint(self.n_items, (self.options.negatives,))
        right, wrong = (unit_rows(self.items(some)) for some in (following[real], drawn))
        logits = torch.cat([(states * right).sum(dim=1, keepdim=True), states @ wrong.T], dim=1)
        loss = functional.cross_entropy(logits.float(), torch.zeros(len(states), dtype=torch.long))
        return loss, {"hstu_loss": loss.item()}, len(states)
