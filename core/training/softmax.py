"""Cross-entropy over a whole catalogue by blocks of rows, with a backward of its own: no logits outlive their block.

Plain cross-entropy holds several matrices of (rows, items) until the way back. Here a block's logits become their own
gradient at once, so the loss costs the three matrix products that it needs and little else, as in Liger Kernel's fused
linear cross-entropy (Hsu et al. 2024, arXiv 2410.10989, section 3.2). On a CPU a block stays in its cache. The largest
logit of a row is searched for and taken off only where exponentials would leave the format's range, which those of
cosines never do: what remains is one pass, whose sums divide the rows of the products and not the block. Rows are
rounded up to few sizes, for oneDNN builds and keeps a kernel for every new bf16 shape; those that are added weigh
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

ROUNDED = 64
"""Rows are rounded up to a multiple of this."""
BLOCK_ROWS = 1024
"""Rows of a block, at most."""
BLOCK_LOGITS = {"cpu": 1 << 22}
"""Logits of a block, at most, by device: as many as stay in a CPU's cache. The smallest block may hold more."""
MANY_LOGITS = 1 << 24
"""The same of other devices."""
FEW_TARGETS = 4
"""Of a row, at most, that are cheaper beside the products than in them."""
PARTS = 64
"""Of a sum; their roundings are as good as independent."""
SUMS = 1e-10, 1e30
"""Between which sums of exponentials are safe: nothing overflows, and what is too small is nothing beside them."""


@dataclass(frozen=True)
class Offsets:
    """One learnt number that some logits gain.

    Attributes:
        rows: of those logits; (offsets,). A logit that is named twice gains twice.
        columns: of them; (offsets,).
        value: the number; no axes.
    """

    rows: Tensor
    columns: Tensor
    value: Tensor


def softmax_loss(
    queries: Tensor,
    items: Tensor,
    targets: Tensor,
    weights: Tensor | None = None,
    offsets: Offsets | None = None,
    gains: Tensor | None = None,
) -> Tensor:
    """The mean over the rows of `-sum_k weights[k] * log softmax(queries @ items.T)[targets[k]]`.

    Products are in autocast's format where autocast is on, else in that of `queries`; sums are in fp32, or finer. The
    gradient is worked out on the way forward and must be asked for once.

    Args:
        queries: a row each, at least one; shape (rows, dim). A temperature belongs in here.
        items: what the softmax runs over; shape (items, dim).
        targets: columns of the right items; shape (rows,), or (rows, targets) with a weight each. A column may stand
            there twice.
        weights: how much each target counts, not negative; shape of `targets`. None = 1.
        offsets: what single logits gain.
        gains: what every logit of an item gains, without gradient; shape (items,).

    Returns:
        A scalar in the format of `queries`.
    """
    if targets.ndim == 1:
        targets, weights = targets[:, None], None if weights is None else weights[:, None]
    if weights is None:
        weights = torch.ones(targets.shape, dtype=queries.dtype, device=queries.device)
    offsets = offsets or Offsets(targets[:0, 0], targets[:0, 0], queries.new_zeros(()))
    loss: Tensor = _SoftmaxLoss.apply(  # type: ignore[no-untyped-call]
        queries, items, offsets.value, targets, weights, offsets.rows, offsets.columns, gains
    )
    return loss


class _SoftmaxLoss(torch.autograd.Function):
    """See `softmax_loss`."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, items: Tensor, value: Tensor, targets: Tensor, weights: Tensor, offset_rows: Tensor,
        offset_columns: Tensor, gains: Tensor | None,
    ) -> Tensor:  # fmt: skip
        rows, device = len(queries), queries.device.type
        kind = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else queries.dtype
        exact = queries.dtype if queries.dtype == torch.float64 else torch.float32
        # Rounded up with rows of zeros; (padded, dim), and targets and their weights, (padded, targets).
        more = -rows % ROUNDED
        padded, items_low = functional.pad(queries, (0, 0, 0, more)).to(kind), items.to(kind)
        targets, weights = functional.pad(targets, (0, 0, 0, more)), functional.pad(weights, (0, 0, 0, more)).to(exact)
        # What each row weighs, (padded, 1), and its targets' shares of it; a row then is an ordinary cross-entropy.
        row_weights = weights.sum(dim=1, keepdim=True)
        shares = weights / row_weights.clamp_min(torch.finfo(exact).tiny)
        row_weights = row_weights / rows
        query_grad = torch.empty_like(queries)
        item_grad: Tensor | None = None
        value_grad, loss = torch.zeros_like(value, dtype=exact), queries.new_zeros((), dtype=exact)
        with torch.autocast(device, enabled=False):
            shifted, few = False, targets.shape[1] <= FEW_TARGETS
            for start, stop in _blocks(rows, len(items), BLOCK_LOGITS.get(device, MANY_LOGITS)):
                block, columns = slice(start, stop), targets[start:stop]
                here = (offset_rows >= start) & (offset_rows < stop)
                places = (offset_rows[here] - start, offset_columns[here])
                while True:
                    # Logits of the block, (block, items), with what some of them gain.
                    logits = padded[block] @ items_low.T
                    if gains is not None:
                        logits += gains.to(kind)
                    if len(places[0]):
                        logits.index_put_(places, value.to(kind).expand(len(places[0])), accumulate=True)
                    if shifted:
                        logits -= logits.amax(dim=1, keepdim=True)
                    # Logits of the targets, (block, targets); sums of the exponentials of all, (block, 1).
                    chosen = logits.gather(1, columns).to(exact)
                    powers = logits.exp_()
                    sums = _sums(powers, exact)
                    if shifted or bool(((sums > SUMS[0]) & (sums < SUMS[1])).all()):
                        break
                    shifted = True  # this block again, and all that follow
                loss -= ((chosen - sums.log()) * shares[block] * row_weights[block]).sum()
                # The gradient of the logits: probabilities, whose row factors, (block, 1), the small sides of the
                # products bear, less the targets' shares, (block, targets). Few of these meet their own items alone,
                # which is finer; many are taken off first.
                factor, less = row_weights[block] / sums, shares[block] * row_weights[block]
                if not few:
                    powers.scatter_add_(1, columns, -(shares[block] * sums).to(kind))
                of_queries = (powers @ items_low).to(exact) * factor
                if few:
                    of_queries -= (items_low[columns].to(exact) * less[..., None]).sum(dim=1)
                query_grad[block] = of_queries[: rows - start]
                if ctx.needs_input_grad[1]:
                    own = padded[block].to(exact)
                    of_items = powers.T @ (own * factor).to(kind)
                    item_grad = of_items.to(exact) if item_grad is None else item_grad.add_(of_items)
                    if few:
                        of_targets = (own[:, None] * less[..., None]).flatten(0, 1)
                        item_grad.index_add_(0, columns.flatten(), of_targets, alpha=-1)
                if len(places[0]):
                    of_offsets = powers[places].to(exact) * factor[places[0], 0]
                    if few:
                        of_offsets -= (less[places[0]] * (columns[places[0]] == places[1][:, None])).sum(dim=1)
                    value_grad += of_offsets.sum()
        item_grad = None if item_grad is None else item_grad.to(items.dtype)
        ctx.save_for_backward(query_grad, item_grad, value_grad.to(value.dtype))
        return loss.to(queries.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (loss_grad,) = gradients
        scaled = ctx.saved_tensors
        if loss_grad.item() != 1.0:
            scaled = tuple(None if one is None else one * loss_grad for one in scaled)
        return *scaled, None, None, None, None, None


def _sums(rows: Tensor, exact: torch.dtype) -> Tensor:
    """Sums of rows in a finer format, (rows, 1); of parts that are rounded as the rows are, for a cast costs more."""
    whole = rows.shape[1] // PARTS * PARTS
    parts, rest = rows[:, :whole].unflatten(1, (PARTS, whole // PARTS)).sum(dim=2), rows[:, whole:].sum(dim=1)
    return torch.cat([parts, rest[:, None]], dim=1).to(exact).sum(dim=1, keepdim=True)


def _blocks(rows: int, items: int, most: int) -> list[tuple[int, int]]:
    """Where each block of rows starts and stops, the last one rounded up; few sizes, whatever `rows` is."""
    room = max(1, min(BLOCK_ROWS, most // max(items, 1)) // ROUNDED) * ROUNDED
    padded = rows + -rows % ROUNDED
    return [(start, min(start + room, padded)) for start in range(0, padded, room)]
