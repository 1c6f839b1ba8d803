"""The blockwise softmax: its value and gradients beside those of plain cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from core.training import softmax
from core.training.softmax import Offsets, softmax_loss
from core.training.unit import unit_rows


def leaf(*shape: int, dtype: torch.dtype = torch.float32, scale: float = 1.0) -> Tensor:
    return (torch.randn(*shape, dtype=dtype) * scale).requires_grad_()


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(softmax, "BLOCK_ROWS", 4)
    monkeypatch.setattr(softmax, "ROUNDED", 2)


def plain(queries: Tensor, items: Tensor, targets: Tensor, weights: Tensor, offsets: Offsets, gains: Tensor) -> Tensor:
    """The same by the book, all logits at once."""
    logits = queries @ items.T + gains
    logits = logits.index_put((offsets.rows, offsets.columns), offsets.value.expand(len(offsets.rows)), accumulate=True)
    return -(logits.log_softmax(dim=1).gather(1, targets) * weights).sum(dim=1).mean()


@pytest.mark.parametrize("few", [0, 4])
def test_gradients_are_those_of_the_function(few: int, small_blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several targets a row, one of them twice, a row without weight, offsets that meet, gains; three blocks."""
    monkeypatch.setattr(softmax, "FEW_TARGETS", few)
    queries, items = leaf(9, 3, dtype=torch.float64), leaf(7, 3, dtype=torch.float64)
    value = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    targets, weights = torch.randint(7, (9, 3)), torch.rand(9, 3, dtype=torch.float64)
    targets[2, 1], weights[5] = targets[2, 0], 0.0
    rows, columns = torch.tensor([0, 0, 3, 8, 8]), torch.tensor([1, 1, 2, 6, 0])
    gains = torch.randn(7, dtype=torch.float64)

    def ours(queries: Tensor, items: Tensor, value: Tensor) -> Tensor:
        return softmax_loss(queries, items, targets, weights, Offsets(rows, columns, value), gains)

    assert torch.autograd.gradcheck(ours, (queries, items, value))
    by_the_book = plain(queries, items, targets, weights, Offsets(rows, columns, value), gains)
    assert ours(queries, items, value).item() == pytest.approx(by_the_book.item(), rel=1e-12)


def gradients(loss: Callable[[Tensor, Tensor], Tensor], bf16: bool, *inputs: Tensor) -> tuple[float, list[Tensor]]:
    fresh = [one.detach().clone().requires_grad_() for one in inputs]
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        value = loss(*fresh)
    value.backward()
    return value.item(), [one.grad for one in fresh if one.grad is not None]


@pytest.mark.parametrize(("bf16", "bound"), [(False, 1e-5), (True, 5e-3)])
def test_gradients_beside_the_fp32_reference(bf16: bool, bound: float) -> None:
    queries, items = unit_rows(leaf(201, 32)) / 0.07, unit_rows(leaf(1003, 32))
    targets = torch.randint(1003, (201,))

    def reference(queries: Tensor, items: Tensor) -> Tensor:
        return functional.cross_entropy(queries @ items.T, targets)

    value, wanted = gradients(reference, False, queries, items)
    ours, found = gradients(lambda queries, items: softmax_loss(queries, items, targets), bf16, queries, items)
    assert ours == pytest.approx(value, rel=bound / 5)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == torch.float32 and float((one - other).norm() / other.norm()) < bound


def test_soft_targets_beside_the_fp32_reference() -> None:
    queries, items = unit_rows(leaf(130, 16)) / 0.1, unit_rows(leaf(300, 16))
    targets, weights = torch.randint(300, (130, 20)), torch.rand(130, 20)
    weights /= weights.sum(dim=1, keepdim=True) * 1.3  # teachers name only some of what they expect
    none, zero = torch.zeros(0, dtype=torch.long), torch.zeros(300)
    nothing = Offsets(none, none, torch.zeros(()))

    def reference(queries: Tensor, items: Tensor) -> Tensor:
        return plain(queries, items, targets, weights, nothing, zero)

    value, wanted = gradients(reference, False, queries, items)
    _, usual = gradients(reference, True, queries, items)
    ours, found = gradients(lambda q, i: softmax_loss(q, i, targets, weights), True, queries, items)
    assert ours == pytest.approx(value, rel=1e-3)
    # bf16 logits show more where no single answer outweighs them: as much as under plain autocast.
    for one, other, right in zip(found, usual, wanted, strict=True):
        assert float((one - right).norm()) < min(0.01 * float(right.norm()), 1.1 * float((other - right).norm()))


@pytest.mark.parametrize("bf16", [False, True])
def test_a_target_without_probability_has_its_true_loss(bf16: bool) -> None:
    """e^-300 is no number of the format; the loss still is 300."""
    queries, items = torch.tensor([[1.0]], requires_grad=True), torch.tensor([[0.0], [300.0]], requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = softmax_loss(queries, items, torch.tensor([0]))
    loss.backward()
    assert loss.item() == pytest.approx(300.0, rel=5e-3)
    assert items.grad is not None and items.grad.flatten().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize("level", [-400.0, -95.0, -60.0, 60.0, 95.0, 400.0])
@pytest.mark.parametrize("bf16", [False, True])
def test_what_all_logits_have_in_common_changes_nothing(small_blocks: None, bf16: bool, level: float) -> None:
    """However far from zero they lie, and from the second block on alone: no exponential overflows or is lost."""
    queries, items = leaf(9, 8), leaf(30, 8)
    targets = torch.randint(30, (9,))
    there, everywhere = torch.arange(5, 9).repeat_interleave(30), torch.arange(30).repeat(4)

    def reference(queries: Tensor, items: Tensor) -> Tensor:
        return functional.cross_entropy(queries @ items.T, targets)

    def ours(queries: Tensor, items: Tensor) -> Tensor:
        return softmax_loss(queries, items, targets, offsets=Offsets(there, everywhere, torch.tensor(level)))

    value, wanted = gradients(reference, False, queries, items)
    loss, found = gradients(ours, bf16, queries, items)
    rounding = abs(level) / 64 if bf16 else 1e-4  # of logits so far from zero, in bf16
    assert loss == pytest.approx(value, abs=rounding)
    for one, right in zip(found, wanted, strict=True):
        assert float((one - right).norm() / right.norm()) < (rounding if bf16 else 1e-4)


def test_few_sizes_of_blocks() -> None:
    """Kernels are kept by shape: whatever the batch, there are no more than multiples in a block."""
    most = softmax.BLOCK_LOGITS["cpu"]
    for items in (900, 12_000, 10**6):
        counts = range(1, 3000, 7)
        blocks = [softmax._blocks(rows, items, most) for rows in counts]
        sizes = {stop - start for some in blocks for start, stop in some}
        assert len(sizes) <= softmax.BLOCK_ROWS // softmax.ROUNDED
        assert max(sizes) * items <= most or max(sizes) == softmax.ROUNDED
        for rows, some in zip(counts, blocks, strict=True):
            assert some[0][0] == 0 and rows <= some[-1][1] < rows + softmax.ROUNDED
            assert all(one[1] == other[0] for one, other in pairwise(some))


def test_what_does_not_learn_costs_nothing() -> None:
    queries, items = leaf(3, 4), torch.randn(5, 4)
    softmax_loss(queries, items, torch.tensor([0, 1, 4])).backward()
    assert queries.grad is not None and items.grad is None
    with torch.no_grad():
        assert not softmax_loss(queries, items, torch.tensor([0, 1, 4])).requires_grad


def test_unit_rows() -> None:
    rows = leaf(5, 7, dtype=torch.float64)
    assert torch.autograd.gradcheck(unit_rows, rows)
    # Of any number of axes, and however they lie in memory: rows side by side, and a single one.
    for other in (leaf(3, 4, 2, dtype=torch.float64).transpose(0, 1), leaf(4, 3, dtype=torch.float64).T, rows[0]):
        assert torch.autograd.gradcheck(unit_rows, other.detach().requires_grad_())
    assert torch.equal(unit_rows(rows), functional.normalize(rows, dim=-1))
    assert unit_rows(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2
