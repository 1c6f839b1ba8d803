"""DaRec's losses: what is shared is aligned in its structure, what is not stays apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from core.vectors import ItemVectors
from core.vectors.align import ITEMS, NodeTexts
from core.vectors.align.disentangled import DisentangledAlignment
from core.vectors.disentangled_model import (
    DisentangledAligner,
    centre_gap,
    group_means,
    orthogonality,
    spread,
    structure_gap,
)


def rows(count: int, width: int, seed: int = 0) -> Tensor:
    return normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(seed)), dim=1)


def rotation(width: int) -> Tensor:
    return torch.linalg.qr(torch.randn(width, width, generator=torch.Generator().manual_seed(9)))[0]


def groups() -> Tensor:
    """Twelve rows in four groups that are at right angles."""
    return normalize(torch.eye(4).repeat_interleave(3, dim=0) + 0.01 * rows(12, 4), dim=1)


def test_parts_at_right_angles_cost_nothing() -> None:
    one = normalize(torch.cat([rows(6, 3), torch.zeros(6, 3)], dim=1), dim=1)
    other = normalize(torch.cat([torch.zeros(6, 3), rows(6, 3, 1)], dim=1), dim=1)
    assert orthogonality(one, other).item() == 0.0
    assert orthogonality(one, one).item() == pytest.approx(1.0)


def test_structure_is_seen_and_directions_are_not() -> None:
    one = rows(9, 5)
    assert structure_gap(one, one).item() == pytest.approx(0.0, abs=1e-6)
    assert structure_gap(one, one @ rotation(5)).item() == pytest.approx(0.0, abs=1e-6)
    other = rows(9, 5, 1)
    assert structure_gap(one, other).item() > 0.05
    assert structure_gap(one, other).item() == pytest.approx((one @ one.T - other @ other.T).square().mean().item())
    # Another width than that of the other side is compared, too.
    assert structure_gap(one, normalize(torch.cat([one, torch.zeros(9, 2)], dim=1), dim=1)).item() < 1e-6


def test_spread_against_its_formula() -> None:
    one = rows(5, 4).numpy()
    pairs = [np.exp(-2 * np.square(one[a] - one[b]).sum()) for a in range(5) for b in range(5) if a != b]
    assert spread(rows(5, 4)).item() == pytest.approx(np.log(np.mean(pairs)), abs=1e-5)
    assert spread(torch.ones(4, 1)).item() == pytest.approx(0.0)


def test_the_gradient_of_spread_against_its_formula() -> None:
    one, other = (rows(5, 4).requires_grad_() for _ in range(2))
    spread(one).backward()
    pairs = [(-2 * (other[a] - other[b]).square().sum()).exp() for a in range(5) for b in range(5) if a != b]
    # Of unit rows the squared distance is 2 - 2 x cosine; only the part along the sphere is the same.
    torch.stack(pairs).mean().log().backward()
    assert one.grad is not None and other.grad is not None
    along = [grad - (grad * at).sum(dim=1, keepdim=True) * at for grad, at in ((one.grad, one), (other.grad, other))]
    assert torch.allclose(along[0], along[1], atol=1e-5)


def test_separated_groups_that_agree_cost_nothing() -> None:
    one = groups()
    assert centre_gap(one, one, 4).item() == pytest.approx(0.0, abs=1e-3)
    assert centre_gap(one, normalize(one + torch.ones(12, 4), dim=1), 4).item() > 0.1


def test_the_numbers_of_centres_do_not_matter() -> None:
    """The same rows in another order make other first centres."""
    one, other = groups(), normalize(groups() + 0.3 * rows(12, 4, 5), dim=1)
    order = torch.tensor([11, 3, 7, 0, 1, 2, 4, 5, 6, 8, 9, 10])
    assert centre_gap(one, other, 4).item() == pytest.approx(centre_gap(one[order], other[order], 4).item(), abs=1e-5)


def test_means_of_groups_pass_gradients_to_their_members() -> None:
    one = groups().requires_grad_()
    means = group_means(one, 4)
    expected = one.detach().view(4, 3, 4).mean(dim=1)
    assert torch.allclose(means.detach().sort(dim=0).values, expected.sort(dim=0).values, atol=1e-5)
    means[0].sum().backward()
    assert one.grad is not None and sorted(one.grad.any(dim=1).tolist()) == [False] * 9 + [True] * 3


def test_all_parts_are_added_up_and_every_network_learns() -> None:
    torch.manual_seed(0)
    texts = NodeTexts.of_items(
        ItemVectors.of(np.random.default_rng(0).normal(size=(20, 7)), np.ones(20, bool), "drawn")
    )
    module = DisentangledAlignment().build({ITEMS: texts}, 6)
    assert isinstance(module, DisentangledAligner)
    loss, figures = module(ITEMS, torch.randn(20, 6), torch.arange(20))
    names = ("orthogonal", "spread", "structure", "centres")
    assert loss.item() == pytest.approx(sum(figures[f"{name}_items"] for name in names), abs=1e-5)
    assert 0 <= figures["overlap_items"] <= 1
    loss.backward()
    assert all(parameter.grad is not None and bool(parameter.grad.any()) for parameter in module.parameters())


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_nodes(count: int) -> None:
    texts = NodeTexts.of_items(ItemVectors.of(np.random.default_rng(0).normal(size=(3, 7)), np.ones(3, bool), "drawn"))
    module = DisentangledAligner({ITEMS: texts}, 6, 4)
    loss, _ = module(ITEMS, torch.randn(count, 6, requires_grad=True), torch.arange(count))
    loss.backward()
    assert bool(loss.isfinite())
