"""Dropout that draws a random byte an element, not a random number: on a CPU, drawing is what dropout costs."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def dropout(x: Tensor, share: float, training: bool) -> Tensor:
    """Zero a share of the elements, rounded to 1/256, and scale the others up to the same mean; any shape."""
    edge = min(round(share * 256), 255)  # bytes below it drop their element
    if not training or not edge:
        return x
    # Eight random bytes at a time; then one an element, shape of `x`.
    words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64, device=x.device).random_(-(2**63), None)
    kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= edge
    return x * (kept.to(x.dtype) * (256 / (256 - edge)))


class Dropout(nn.Module):
    """`dropout` as a module, in place of `torch.nn.Dropout`."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return dropout(x, self.share, self.training)
