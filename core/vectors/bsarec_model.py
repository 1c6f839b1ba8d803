"""BSARec: self-attention beside a low-pass filter of the history.

Shin, Choi, Wi & Park 2024, "An Attentive Inductive Bias for Sequential Recommendation beyond the Self-Attention" (arXiv
2312.10325, section 4): every layer mixes causal self-attention with a filter that keeps the low frequencies of the
states and scales the high ones by a learnt factor. Every prefix of a history is a row with its last item as target,
and the loss is cross-entropy over the catalogue. Departures:

* Their Fourier transform runs over a history that is filled up to its longest length with padding, whose states are not
  zero. Here these are zero, and the transform, which keeps a few frequencies alone, is the product with a fixed matrix
  of shifts: the same figures, and nothing depends on how far a batch is padded.
* Positions count from the newest item, which their padding on the left amounts to.
* Only the newest state of the last layer is computed, for nothing else is asked about.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Sequences
from core.training.dropout import dropout
from core.training.softmax import softmax_loss
from core.vectors.sequence_model import Rows, SequenceBatch, SequenceSettings, TrainedModel, prefix_rows


class BsaRecSettings(SequenceSettings, Protocol):
    """See `core.baselines.bsarec.BsaRecOptions`."""

    @property
    def layers(self) -> int:
        """Layers."""

    @property
    def dropout(self) -> float:
        """Share of activations dropped."""

    @property
    def alpha(self) -> float:
        """Weight of the filter."""

    @property
    def cutoff(self) -> int:
        """Frequencies that count as low."""


def low_pass(length: int, cutoff: int) -> Tensor:
    """What a Fourier transform over `length` places leaves of `cutoff` frequencies; (length, length).

    The product with it equals `irfft` of `rfft` without its terms from `cutoff // 2 + 1` on.
    """
    kept = torch.fft.rfft(torch.eye(length, dtype=torch.float64), dim=0)
    kept[cutoff // 2 + 1 :] = 0
    shifts: Tensor = torch.fft.irfft(kept, n=length, dim=0)
    return shifts.float()


class _Block(nn.Module):
    """Filter and attention side by side, then the point-wise network; each ends in a residual and a norm."""

    def __init__(self, settings: BsaRecSettings) -> None:
        super().__init__()
        width = settings.hidden_size
        self.dropout, self.alpha = settings.dropout, settings.alpha
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.filter_norm, self.attention_norm, self.mlp_norm = (nn.LayerNorm(width, eps=1e-12) for _ in range(3))
        self.root_beta = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor, asked: Tensor, shifts: Tensor, mask: Tensor) -> Tensor:
        """States after the block.

        Args:
            x: before it, zero where there is padding; (batch, length, width).
            asked: those of `x` that are wanted; (batch, asked, width).
            shifts: their rows of the low-pass matrix; (batch or 1, asked, length).
            mask: which places each of them may attend to; bool, (batch or 1, 1, asked, length).

        Returns:
            Shape (batch, asked, width).
        """
        # The filter, section 4.2: low frequencies as they are, high ones scaled by the learnt factor.
        low = shifts @ x
        filtered = low + self.root_beta**2 * (asked - low)
        filtered = self.filter_norm(asked + dropout(filtered, self.dropout, self.training))
        # One head of attention, (batch, 1, places, width), in fp32: the CPU's bf16 kernel is slow on the way back.
        query, key, value = (one[:, None].float() for one in (self.query(asked), self.key(x), self.value(x)))
        mixed = self.out(functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)[:, 0])
        mixed = self.attention_norm(asked + dropout(mixed, self.dropout, self.training))
        # Both, and the point-wise network, (batch, asked, 4 * width) inside.
        x = self.alpha * filtered + (1 - self.alpha) * mixed
        hidden = self.down(functional.gelu(self.up(x)))
        return torch.as_tensor(self.mlp_norm(x + dropout(hidden, self.dropout, self.training)))


class BsaRec(TrainedModel):
    """See the module.

    Args:
        n_items: size of the catalogue.
        settings: the model and its schedule.
    """

    def __init__(self, n_items: int, settings: BsaRecSettings) -> None:
        super().__init__(n_items, settings.max_history)
        width = settings.hidden_size
        self.settings = settings
        self.items = nn.Embedding(n_items + 1, width, padding_idx=n_items)
        self.positions = nn.Embedding(settings.max_history, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.blocks = nn.ModuleList(_Block(settings) for _ in range(settings.layers))
        self.dropout = settings.dropout
        self.shifts: Tensor
        self.register_buffer("shifts", low_pass(settings.max_history, settings.cutoff), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
            elif isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)

    def states(self, histories: Tensor, last: Tensor) -> Tensor:
        """The state after the newest item of each history; arguments as in `last_logits`, (batch, width)."""
        length = histories.shape[1]
        places, rows = torch.arange(length), torch.arange(len(histories))
        real = places <= last[:, None]  # (batch, length)
        behind = (last[:, None] - places).clamp_min(0)
        x = self.norm(self.items(histories) + self.positions(behind))
        x = dropout(x, self.dropout, self.training) * real[..., None]
        # All places but in the last block: each sees itself and those before it.
        shifts, causal = self.shifts[None, :length, :length], (places[:, None] >= places)[None, None]
        for block in list(self.blocks)[:-1]:
            x = block(x, x, shifts, causal) * real[..., None]
        newest = x[rows, last][:, None]
        state: Tensor = self.blocks[-1](x, newest, self.shifts[last, None, :length], real[:, None, None])
        return state[:, 0]

    def last_logits(self, histories: Tensor, last: Tensor) -> Tensor:
        """See `SequenceModel`."""
        return self.states(histories, last) @ self.items.weight[: self.n_items].T

    def rows(self, train: Sequences) -> Rows:
        """See `TrainedModel`."""
        return prefix_rows(train, self.max_history)

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, dict[str, float], int]:
        """See `TrainedModel`."""
        rows, end = torch.arange(len(batch.items)), (batch.items != self.n_items).sum(dim=1) - 1
        targets = batch.items[rows, end]
        histories = batch.items.index_put((rows, end), torch.tensor(self.n_items))[:, :-1]
        states = self.states(histories, end - 1)
        loss = softmax_loss(states.float(), self.items.weight[: self.n_items], targets)
        return loss, {"bsarec_loss": loss.item()}, len(rows)
