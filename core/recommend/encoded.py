"""Histories that the model has read: what a search and exact scores go on from, without reading them again."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.model.generator import Generator
from core.model.masks import masks

if TYPE_CHECKING:
    from transformers import Cache

SHARED_FRAME = 4
"""Tokens of a frame from which on it is read once for all users of a batch."""

Histories = npt.NDArray[np.integer]
"""Item numbers, oldest first, shape (users, length); -1 before the first of a shorter one."""


@dataclass(frozen=True)
class Encoded:
    """Histories that were read.

    Attributes:
        states: before the next item's first code; shape (users, hidden).
        cache: keys and values of the tokens that were read.
        is_token: which of the cache's places hold a token and no padding; bool, shape (users, length).
        position: of each of them; shape (users, length).
        next_position: where the next item's first code stands; shape (users,).
    """

    states: Tensor
    cache: Cache
    is_token: Tensor
    position: Tensor
    next_position: Tensor

    def branch(self) -> Cache:
        """A cache that goes on from the histories; what is written into it does not reach this one."""
        cache = copy.copy(self.cache)
        cache.layers = [copy.copy(layer) for layer in cache.layers]  # a layer that grows gets new tensors
        return cache


@torch.inference_mode()
def encode(model: Generator, histories: Histories) -> Encoded:
    """Read histories.

    Padding stands between the frame and the first item. No token sees it and it takes no position, so a history is
    read alike whatever it shares its rows with.

    Args:
        model: the generator, in evaluation mode.
        histories: see `Histories`.
    """
    from transformers.cache_utils import DynamicCache

    items = torch.as_tensor(np.ascontiguousarray(histories), dtype=torch.long, device=model.item_tokens.device)
    prompt = model.prompt(items.clamp_min(0))
    users, length = prompt.shape
    # Which tokens are no padding, and how many of these stand before each; (users, length).
    is_item = (items >= 0).repeat_interleave(model.levels, dim=1)
    is_token = torch.cat([is_item.new_ones(users, len(model.frame)), is_item], dim=1)
    position = (is_token.cumsum(dim=1) - 1).clamp_min(0)
    # A token sees itself and the tokens before it; (users, 1, length, length).
    before = is_token.new_ones(length, length).tril()
    itself = torch.eye(length, dtype=torch.bool, device=items.device)
    seen = (before & is_token[:, None, None, :]) | itself
    # Without the configuration: layers of a sliding window would drop keys by their place, which is no position here.
    cache = DynamicCache()
    shared = len(model.frame) if len(model.frame) >= SHARED_FRAME and items.shape[1] else 0
    if shared:  # a worded frame is read once, and its keys and values are everybody's
        model.states(model.embed(prompt[:1, :shared]), cache=cache)
        cache.batch_repeat_interleave(users)
    embedded = model.embed(prompt[:, shared:])
    mask = masks(model.lm.config, seen[:, :, shared:], position[:, shared:], position, embedded.dtype)
    states = model.states(embedded, cache=cache, mask=mask, position=position[:, shared:])[:, -1]
    return Encoded(states, cache, is_token, position, is_token.sum(dim=1))


@torch.inference_mode()
def encode_tokens(model: Generator, prompt: Tensor) -> Encoded:
    """Read token ids that ask for an item in words, instead of a history; int64, shape (users, tokens), no padding."""
    from transformers.cache_utils import DynamicCache

    cache, position = DynamicCache(), torch.arange(prompt.shape[1], device=prompt.device).expand_as(prompt)
    states = model.states(model.embed(prompt), cache=cache)[:, -1]
    is_token = torch.ones_like(prompt, dtype=torch.bool)
    return Encoded(states, cache, is_token, position, is_token.sum(dim=1))
