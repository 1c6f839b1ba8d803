"""The forward pass of a model, adapted or not: input vectors, states, logits, and the layers at its two ends.

Where trainable tokens sit on an end, `core.model.peft_layers` has left there which row is which token (`places`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from core.model.masks import Mask

if TYPE_CHECKING:
    from transformers import Cache, PreTrainedModel


def head_rows(lm: PreTrainedModel, ids: Tensor) -> tuple[Tensor, Tensor | None]:
    """Rows of the output head, as the adapters leave them; gradients reach whatever learns.

    Args:
        lm: the model, adapted or not.
        ids: token ids; shape (tokens,).

    Returns:
        Weights of shape (tokens, hidden), and biases of shape (tokens,) where the head has them.
    """
    bias = getattr(head_layer(lm), "bias", None)
    return rows_of(lm.get_output_embeddings(), ids), None if bias is None else bias[ids]


def head_logits(lm: PreTrainedModel, states: Tensor, ids: Tensor | None = None) -> Tensor:
    """Logits of some tokens or of all, exactly as the whole model would give them.

    Besides the head's rows and biases, that is what a family does to its logits: Gemma's soft cap, Granite's and
    Cohere's scale.

    Args:
        lm: the model, adapted or not.
        states: last-layer states; shape (..., hidden).
        ids: token ids; shape (tokens,). None = the whole vocabulary.

    Returns:
        Shape (..., tokens).
    """
    if ids is not None:
        weight, bias = head_rows(lm, ids)
        return cap_logits(lm, functional.linear(states, weight, bias))
    head: Any = head_layer(lm)
    bias = getattr(head, "bias", None)
    logits = functional.linear(states, head.weight, bias)
    found = learned_rows(lm.get_output_embeddings())
    if found is not None:  # the matrix is never copied to put them in
        ids, learned = found
        own = functional.linear(states, learned.to(head.weight.dtype), None if bias is None else bias[ids])
        logits = logits.index_copy(-1, ids, own.to(logits.dtype))
    return cap_logits(lm, logits)


def cap_logits(lm: PreTrainedModel, logits: Tensor) -> Tensor:
    """What a family does to the products of states and head rows; any shape."""
    config = lm.config
    scale = getattr(config, "logit_scale", None)  # Cohere
    if scale is not None:
        logits = logits * scale
    scale = getattr(config, "logits_scaling", None)  # Granite
    if scale is not None:
        logits = logits / scale
    cap = getattr(config, "final_logit_softcapping", None)  # Gemma 2, 3n
    return logits if cap is None else torch.tanh(logits / cap) * cap


def caps_logits(lm: PreTrainedModel) -> bool:
    """Whether a family does anything to these products."""
    names = ("logit_scale", "logits_scaling", "final_logit_softcapping")
    return any(getattr(lm.config, name, None) is not None for name in names)


def embed(lm: PreTrainedModel, tokens: Tensor) -> Tensor:
    """Input vectors of token ids, as the adapters leave them; (...) -> (..., hidden).

    peft copies the whole matrix at every look-up to put its rows in; this reads only the rows that are asked for.
    """
    module: Any = lm.get_input_embeddings()
    if not is_wrapped(module):
        return torch.as_tensor(module(tokens))
    rows = rows_of(module, tokens)
    scale = module.token_adapter._get_embed_scale()  # Gemma multiplies inside the embedding
    return rows if scale is None else rows * scale.to(rows.dtype)


def hidden_states(
    lm: PreTrainedModel,
    embedded: Tensor,
    cache: Cache | None = None,
    mask: Mask | None = None,
    position: Tensor | None = None,
) -> Tensor:
    """Last-layer states, before the output head; (rows, tokens, hidden), shape of `embedded`.

    Args:
        lm: the model, adapted or not.
        embedded: input vectors; shape (rows, tokens, hidden).
        cache: keys and values of the tokens before; is extended. None = there are none, and none are kept.
        mask: as `core.model.masks.masks` makes it; None = every token sees those before it.
        position: of every token; shape (rows, tokens). None = they are counted.
    """
    base: Any = lm.base_model
    kept = {} if cache is None else {_cache_parameter(type(base).forward): cache}
    out = base(inputs_embeds=embedded, attention_mask=mask, position_ids=position, use_cache=cache is not None, **kept)
    return torch.as_tensor(out.last_hidden_state)


@functools.cache
def _cache_parameter(forward: Callable[..., Any]) -> str:
    """What a model's forward calls its cache: transformers renamed it in 5.24, and drops the old name in 5.40."""
    return "cache" if "cache" in inspect.signature(forward).parameters else "past_key_values"


def embed_rows(lm: PreTrainedModel, ids: Tensor) -> Tensor:
    """Rows of the input embeddings as the adapters leave them, before a family scales them; (...) -> (..., hidden)."""
    return rows_of(lm.get_input_embeddings(), ids)


def plain(module: Any) -> Any:
    """A layer without peft's wrapping."""
    return module.token_adapter.get_base_layer() if is_wrapped(module) else module


def input_layer(lm: PreTrainedModel) -> Any:
    """The input embeddings, without peft's wrapping."""
    return plain(lm.get_input_embeddings())


def head_layer(lm: PreTrainedModel) -> Any:
    """The output head, without peft's wrapping."""
    return plain(lm.get_output_embeddings())


def rows_of(module: Any, ids: Tensor) -> Tensor:
    """Rows of a matrix with those that trainable tokens put in their place; (...) -> (..., hidden)."""
    rows: Tensor = plain(module).weight[ids]
    if not is_wrapped(module):
        return rows
    learned = module.token_adapter.trainable_tokens_delta[module.active_adapters[0]]
    place = module.places[ids]  # row of `learned`, -1 for a token that is not learnt; shape of `ids`
    return torch.where((place >= 0)[..., None], learned[place.clamp_min(0)].to(rows.dtype), rows)


def learned_rows(module: Any) -> tuple[Tensor, Tensor] | None:
    """The rows that trainable tokens put in the place of a matrix's own: ids, (tokens,), and rows, (tokens, hidden)."""
    if not is_wrapped(module):
        return None
    learned: Tensor = module.token_adapter.trainable_tokens_delta[module.active_adapters[0]]
    ids = torch.nonzero(module.places >= 0)[:, 0]
    return ids, learned[module.places[ids]]


def is_wrapped(module: Any) -> bool:
    """Whether peft's trainable tokens sit on a layer; asked without importing peft, which takes a second."""
    return "token_adapter" in module._modules


def wrappers(lm: PreTrainedModel) -> Iterator[Any]:
    """The input embeddings and the output head, where trainable tokens sit on them."""
    return (module for module in (lm.get_input_embeddings(), lm.get_output_embeddings()) if is_wrapped(module))


def is_tied(lm: PreTrainedModel) -> bool:
    """Whether the output head shares the input embeddings' matrix."""
    return input_layer(lm).weight is head_layer(lm).weight
