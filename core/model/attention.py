"""An attention kernel for CPUs, registered with transformers under the name `eager_cpu`.

PyTorch's CPU attention is several times slower in bf16 than in fp32 on the way back, while matrix products are
several times faster in bf16. So attention alone is computed in fp32 here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

NAME = "eager_cpu"


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    softcap: float | None = None,
    is_causal: bool | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention in fp32; the signature is transformers' own.

    `softcap` bounds the scores (Gemma 2): `softcap * tanh(score / softcap)`.
    """
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    mask = None if attention_mask is None else attention_mask[..., : key.shape[2]]
    if mask is not None and mask.dtype != torch.bool:
        mask = mask.float()
    share = dropout if module.training else 0.0
    ahead = not (getattr(module, "is_causal", True) if is_causal is None else is_causal)
    causal = mask is None and query.shape[2] > 1 and not ahead
    with torch.autocast(query.device.type, enabled=False):
        if softcap is not None:
            mixed = _capped(query.float(), key.float(), value.float(), mask, share, scaling, softcap, causal)
        else:
            mixed = functional.scaled_dot_product_attention(
                query.float(),
                key.float(),
                value.float(),
                attn_mask=mask,
                dropout_p=share,
                scale=scaling,
                is_causal=causal,
            )
    return mixed.transpose(1, 2).contiguous().to(value.dtype), None


def _capped(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float, scaling: float | None, cap: float,
    causal: bool,
) -> Tensor:  # fmt: skip
    scores = query @ key.transpose(2, 3) * (scaling if scaling is not None else query.shape[-1] ** -0.5)
    scores = torch.tanh(scores / cap) * cap
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    return functional.dropout(scores.softmax(dim=-1), dropout) @ value


AttentionInterface.register(NAME, attention)
ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
