"""Attention masks for families whose layers look back a bounded number of tokens (Mistral, Gemma 2 and 3, Qwen)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Mask = Tensor | dict[str, Tensor]


def masks(config: Any, seen: Tensor, query: Tensor, key: Tensor, dtype: torch.dtype) -> Mask:
    """Additive masks in the form that the family wants.

    A mask of four axes is taken by transformers as it is, for all layers alike; so the windows must be cut here.

    Args:
        config: of the model.
        seen: which keys a query may see at all; bool, shape (rows, 1, queries, keys).
        query: position of every query; shape (rows, queries).
        key: position of every key; shape (rows, keys) or (keys,).
        dtype: of the states.

    Returns:
        One mask, or one for each kind of layer where there are two; shape of `seen`.
    """
    window = getattr(config, "sliding_window", None)
    kinds = set(getattr(config, "layer_types", None) or ())
    whole = _additive(seen, dtype)
    if not window or kinds == {"full_attention"}:
        return whole
    near = key[..., None, :] > query[..., None] - window
    cut = _additive(seen & near[:, None], dtype)
    if "full_attention" not in kinds:
        return cut
    return {"full_attention": whole, "sliding_attention": cut}


def _additive(seen: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, -torch.inf)
