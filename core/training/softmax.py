"""Cross-entropy over a whole catalogue by blocks of rows, with a backward of its own: no logits outlive their block.

Plain cross-entropy holds several matrices of (rows, items) until the way back. Here a block's logits become their own
gradient at once, so the loss costs the three matrix products that it needs and little else, as in Liger Kernel's fused
linear cross-entropy (Hsu et al. 2024, arXiv 2410.10989, section 3.2). Rows are rounded up to few sizes, for oneDNN
builds and keeps a kernel for every new bf16 shape; those that are added weigh nothing.
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
BLOCK_ROWS, BLOCK_LOGITS = 1024, 1 << 24
"""Rows and logits of a block, at most; the smallest block, of `ROUNDED` rows, may hold more logits."""


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
        weighted = (padded.to(exact) * row_weights).to(kind)  # (padded, dim)
        query_grad, item_grad = torch.empty_like(queries), None
        value_grad, loss = torch.zeros_like(value, dtype=exact), queries.new_zeros((), dtype=exact)
        with torch.autocast(device, enabled=False):
            for start, stop in _blocks(rows, len(items)):
                block, columns = slice(start, stop), targets[start:stop]
                # Logits of the block, (block, items), with what some of them gain.
                logits = padded[block] @ items_low.T
                if gains is not None:
                    logits += gains.to(kind)
                here = (offset_rows >= start) & (offset_rows < stop)
                places = (offset_rows[here] - start, offset_columns[here])
                if len(places[0]):
                    logits.index_put_(places, value.to(kind).expand(len(places[0])), accumulate=True)
                # Probabilities, (block, items): the largest logit is taken off, and the sum is fp32, inside the kernel.
                probs = torch.softmax(logits, dim=1)
                log_probs = probs.gather(1, columns).to(exact).log()
                if log_probs.isinf().any():  # a probability that is too small for the format
                    whole = logits.to(exact).logsumexp(dim=1, keepdim=True)
                    log_probs = logits.gather(1, columns).to(exact) - whole
                loss -= (log_probs * shares[block] * row_weights[block]).sum()
                # They become the gradient of the logits, but for the rows' weights.
                grad = probs.scatter_add_(1, columns, -shares[block].to(kind))
                of_queries = (grad @ items_low).to(exact) * row_weights[block]
                query_grad[block] = of_queries[: rows - start]
                if ctx.needs_input_grad[1]:
                    of_items = (grad.T @ weighted[block]).to(exact)
                    item_grad = of_items if item_grad is None else item_grad.add_(of_items)
                if len(places[0]):
                    value_grad += (grad[places].to(exact) * row_weights[block][places[0], 0]).sum()
        item_grad = None if item_grad is None else item_grad.to(items.dtype)
        ctx.save_for_backward(query_grad, item_grad, value_grad.to(value.dtype))
        return loss.to(queries.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (loss_grad,) = gradients
        query_grad, item_grad, value_grad = ctx.saved_tensors
        item_grad = None if item_grad is None else item_grad * loss_grad
        return query_grad * loss_grad, item_grad, value_grad * loss_grad, None, None, None, None, None


def _blocks(rows: int, items: int) -> list[tuple[int, int]]:
    """Where each block of rows starts and stops, the last one rounded up; few sizes, whatever `rows` is."""
    room = max(1, min(BLOCK_ROWS, BLOCK_LOGITS // max(items, 1)) // ROUNDED) * ROUNDED
    padded = rows + -rows % ROUNDED
    return [(start, min(start + room, padded)) for start in range(0, padded, room)]
