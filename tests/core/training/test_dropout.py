"""Dropout from random bytes."""

from __future__ import annotations

import pytest
import torch

from core.training.dropout import Dropout, dropout


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_share_is_dropped_and_the_mean_is_kept(share: float, kind: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.ones(1001, 37, dtype=kind)
    found = dropout(x, share, True)
    assert found.shape == x.shape and found.dtype == kind
    dropped = found == 0
    assert dropped.float().mean() == pytest.approx(share, abs=0.01)
    assert found[~dropped].unique().numel() == 1
    assert found.float().mean() == pytest.approx(1.0, abs=0.03)
    # Neither rows nor columns are dropped together.
    assert dropped.float().mean(0).std() < 0.05 and dropped.float().mean(1).std() < 0.15


@pytest.mark.parametrize("share", [0.0, 0.001, 0.998, 0.999, 0.9999])
def test_shares_at_the_edges(share: float) -> None:
    found = dropout(torch.ones(4096), share, True)
    assert found.isfinite().all()
    assert found.bool().all() if share < 0.01 else found.bool().float().mean() < 0.02


@pytest.mark.parametrize("shape", [(0,), (1,), (7,), (3, 0, 2), (2, 3, 5)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    assert dropout(torch.ones(shape), 0.5, True).shape == shape


def test_the_seed_decides_and_evaluation_drops_nothing() -> None:
    x = torch.randn(50, 8)
    module = Dropout(0.4)
    torch.manual_seed(3)
    one = module(x)
    torch.manual_seed(3)
    assert torch.equal(module(x), one) and not torch.equal(module(x), one)
    assert torch.equal(module.eval()(x), x)


def test_the_gradient_passes_where_nothing_was_dropped() -> None:
    torch.manual_seed(0)
    x = torch.ones(200, requires_grad=True)
    found = dropout(x, 0.25, True)
    found.sum().backward()
    assert x.grad is not None and torch.equal(x.grad, found.detach())
