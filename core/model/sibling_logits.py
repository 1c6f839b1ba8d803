"""Logits of the codes below each row's own prefix, group by group: of a level as wide as the catalogue, few."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def sibling_logits(states: Tensor, weight: Tensor, group: Tensor, counts: Tensor) -> Tensor:
    """Products of each row with the codes of its group alone, in fp32.

    A product of all rows with all codes is as large as the catalogue, and all but a group's part of it is thrown away.
    Groups differ in size; small products in fp32 need no kernel of their own for every shape, as those in bf16 do.

    Args:
        states: shape (rows, hidden).
        weight: the codes' rows, group by group; shape (codes, hidden).
        group: of each row; int64, shape (rows,).
        counts: codes of each group; int64, shape (groups,).

    Returns:
        float32, shape (rows, most codes of a group); behind a group's codes 0.
    """
    logits: Tensor = _SiblingLogits.apply(states, weight, group, counts)  # type: ignore[no-untyped-call]
    return logits


class _SiblingLogits(torch.autograd.Function):
    """See `sibling_logits`."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, group: Tensor, counts: Tensor) -> Tensor:
        # Rows of a group side by side, and where its rows and its codes begin and end.
        order = group.argsort(stable=True)
        row_ends = [0, *torch.bincount(group, minlength=len(counts)).cumsum(0).tolist()]
        code_ends = [0, *counts.cumsum(0).tolist()]
        both = zip(pairwise(row_ends), pairwise(code_ends), strict=True)
        ctx.places = [(slice(*rows), slice(*codes)) for rows, codes in both]
        ctx.kinds = states.dtype, weight.dtype
        sorted_states, weight = states[order].float(), weight.float()
        logits = sorted_states.new_zeros(len(states), int(counts.max()) if len(counts) else 0)
        with torch.autocast(states.device.type, enabled=False):
            for rows, codes in ctx.places:
                logits[rows, : codes.stop - codes.start] = sorted_states[rows] @ weight[codes].T
        ctx.save_for_backward(sorted_states, weight, order)
        return torch.empty_like(logits).index_copy_(0, order, logits)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        states, weight, order = ctx.saved_tensors
        grad = gradients[0][order]
        of_states, of_weight = torch.empty_like(states), torch.empty_like(weight)
        for rows, codes in ctx.places:
            own = grad[rows, : codes.stop - codes.start]
            of_states[rows], of_weight[codes] = own @ weight[codes], own.T @ states[rows]
        of_states = torch.empty_like(of_states).index_copy_(0, order, of_states)
        return of_states.to(ctx.kinds[0]), of_weight.to(ctx.kinds[1]), None, None
