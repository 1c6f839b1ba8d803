"""Rows of unit length, with a backward of its own: that of `functional.normalize` costs as much as a small layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

SHORTEST = 1e-12
"""A row that is shorter is divided by this, as in `functional.normalize`."""


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
        # What points along the row changes its length alone: (g - (g . u) u) / |row|.
        along = torch.linalg.vecdot(grad, units)[..., None]
        turned: Tensor = torch.addcmul(grad, along, units, value=-1.0).div_(norms)
        return turned


def unit_rows(rows: Tensor) -> Tensor:
    """Every row over its Euclidean length; shape (..., dim), kept. A row of zeros stays one."""
    units: Tensor = _UnitRows.apply(rows)  # type: ignore[no-untyped-call]
    return units
