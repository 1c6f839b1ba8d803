"""Rows of unit length, with a backward of its own: that of `functional.normalize` costs as much as a small layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SHORTEST = 1e-12
"""A row that is shorter is divided by this, as in `functional.normalize`."""

BLOCK = 1024
"""Rows at a time."""


class _UnitRows(torch.autograd.Function):
    """See `unit_rows`."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        # Lengths, (..., 1), and rows over them.
        norms = torch.linalg.vector_norm(rows, dim=-1, keepdim=True).clamp_min_(SHORTEST)
        units: Tensor = rows / norms
        ctx.save_for_backward(units, norms)
        return units

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (grad,) = gradients
        units, norms = ctx.saved_tensors
        # What points along the row changes its length alone: (g - (g . u) u) / |row|. So few rows stay in the cache.
        dim = units.shape[-1]
        turned = units.new_empty(units.numel() // max(1, dim), dim)
        blocks = (one.reshape(len(turned), -1).split(BLOCK) for one in (turned, grad, units, norms))
        for out, g, u, length in zip(*blocks, strict=True):
            torch.addcmul(g, torch.linalg.vecdot(g, u)[:, None], u, value=-1.0, out=out).div_(length)
        found: Tensor = turned.view(units.shape)
        return found


def unit_rows(rows: Tensor) -> Tensor:
    """Every row over its Euclidean length; shape (..., dim), kept. A row of zeros stays one."""
    units: Tensor = _UnitRows.apply(rows)  # type: ignore[no-untyped-call]
    return units
