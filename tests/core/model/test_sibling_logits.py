"""Products of rows with the codes of their own group."""

from __future__ import annotations

import pytest
import torch

from core.model.sibling_logits import sibling_logits


def test_gradients_are_those_of_the_products() -> None:
    """A group without rows, and one of a single code; the gradients by the book."""
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(6, 3, generator=draw).requires_grad_()
    weight = torch.randn(8, 3, generator=draw).requires_grad_()
    group, counts = torch.tensor([2, 0, 2, 3, 0, 2]), torch.tensor([3, 1, 1, 3])
    starts = [0, 3, 4, 5]
    logits = sibling_logits(states, weight, group, counts)
    assert logits.shape == (6, 3)
    factors = torch.randn(6, 3, generator=draw)
    total = torch.zeros(())
    for row, own in enumerate(group.tolist()):
        count = int(counts[own])
        by_the_book = states[row] @ weight[starts[own] : starts[own] + count].T
        torch.testing.assert_close(logits[row, :count], by_the_book)
        assert logits[row, count:].tolist() == [0.0] * (3 - count)
        total = total + (by_the_book * factors[row, :count]).sum()
    wanted = torch.autograd.grad(total, (states, weight))
    found = torch.autograd.grad((logits * factors).sum(), (states, weight))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_formats() -> None:
    """Products are in fp32 whatever comes in, under autocast too; gradients have the format of what they belong to."""
    states, weight = torch.randn(4, 2).bfloat16().requires_grad_(), torch.randn(5, 2).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        logits = sibling_logits(states, weight, torch.tensor([0, 1, 1, 0]), torch.tensor([2, 3]))
    assert logits.dtype == torch.float32
    assert logits[1].tolist() == pytest.approx((weight[2:] @ states[1].float()).tolist())
    logits.sum().backward()
    assert states.grad is not None and states.grad.dtype == torch.bfloat16
    assert weight.grad is not None and weight.grad.dtype == torch.float32
