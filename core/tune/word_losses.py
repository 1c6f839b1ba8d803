"""Cross-entropy of words over a vocabulary whose rows stand still, but for a few: no logits outlive their block.

Of a pretrained head of 262,144 rows the logits of 500 words take half a gigabyte, and plain cross-entropy holds three
copies until the way back. Here a block's logits become the gradient of its states at once, as in
`core.training.softmax`; each word keeps a loss of its own, since tasks weigh differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from core.model.forward import caps_logits, head_layer, head_logits, learned_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BLOCK_LOGITS = 1 << 25
"""Logits of a block, at most."""


def word_losses(lm: PreTrainedModel, states: Tensor, words: Tensor) -> Tensor:
    """Minus the log-probability of each word among the whole vocabulary.

    Args:
        lm: the model, adapted or not.
        states: that predict the words; shape (words, hidden).
        words: token ids; shape (words,).

    Returns:
        fp32, shape (words,).
    """
    head = head_layer(lm)
    if head.weight.requires_grad or getattr(head, "bias", None) is not None or caps_logits(lm):
        return functional.cross_entropy(head_logits(lm, states).float(), words, reduction="none")
    ids, learned = learned_rows(lm.get_output_embeddings()) or (words[:0], head.weight[:0])
    losses: Tensor = _WordLosses.apply(states, learned, head.weight, ids, words)  # type: ignore[no-untyped-call]
    return losses


class _WordLosses(torch.autograd.Function):
    """See `word_losses`."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, learned: Tensor, frozen: Tensor, ids: Tensor, words: Tensor) -> Tensor:
        kind = states.dtype
        if torch.is_autocast_enabled(states.device.type):
            kind = torch.get_autocast_dtype(states.device.type)
        states_low, frozen_low, own = states.to(kind), frozen.to(kind), learned.to(kind)
        losses = torch.empty(len(words), dtype=torch.float32, device=states.device)
        of_states = torch.empty(states.shape, dtype=kind, device=states.device)
        # Gradient of the learnt rows' logits, which waits for the words' weights; (words, learned).
        of_own = torch.empty(len(words), len(ids), dtype=kind, device=states.device)
        room = max(1, BLOCK_LOGITS // len(frozen))
        with torch.autocast(states.device.type, enabled=False):
            for start in range(0, len(words), room):
                block = slice(start, start + room)
                # Logits of the block, the learnt rows in the place of those below them; (block, vocabulary).
                logits = states_low[block] @ frozen_low.t()
                logits.index_copy_(1, ids, states_low[block] @ own.t())
                log_probs = torch.log_softmax(logits, dim=1, dtype=torch.float32)
                losses[block] = -log_probs.gather(1, words[block, None])[:, 0]
                # Probabilities less the answer: the gradient of the logits.
                grad = log_probs.exp_()
                grad.scatter_add_(1, words[block, None], grad.new_full((len(grad), 1), -1.0))
                low = grad.to(kind)
                of_own[block] = low[:, ids]
                low.index_fill_(1, ids, 0.0)
                of_states[block] = low @ frozen_low + of_own[block] @ own
        ctx.save_for_backward(states, learned, of_states, of_own)
        return losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights = gradients[0][:, None]
        states, learned, of_states, of_own = ctx.saved_tensors
        of_learned = ((of_own * weights).to(of_own.dtype).t() @ states.to(of_own.dtype)).to(learned.dtype)
        return (of_states * weights).to(states.dtype), of_learned, None, None, None
