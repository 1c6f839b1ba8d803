"""Adapters on disk, and the model without them: peft's own files, one folder an adapter."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import DataError
from core.model.forward import (
    embed_rows,
    head_layer,
    head_rows,
    input_layer,
    is_tied,
    plain,
    wrappers,
)
from core.model.peft_layers import Adapter, activate, adapter_parameters, inject, state_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
PREFIX = "base_model.model."
"""Before every name in peft's files."""
NEW_ROWS = "new_rows.safetensors"


def save_adapter(lm: PreTrainedModel, adapter: Adapter, folder: Path) -> None:
    """Write one adapter of a model as peft names things; the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: one.detach().cpu().contiguous() for name, one in _parameters(lm, adapter).items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    configs: Any = lm.peft_config
    config: dict[str, Any] = configs[adapter.key].to_dict()
    values = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
    (folder / CONFIG).write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load_adapter(lm: PreTrainedModel, adapter: Adapter, folder: Path) -> None:
    """Put a saved adapter on a model, on top of those it has.

    Raises:
        DataError: it does not fit the model.
    """
    from peft import LoraConfig

    with torch.random.fork_rng(devices=[]):
        inject(lm, adapter, LoraConfig.from_pretrained(str(folder)))
    tensors, places = load_file(folder / WEIGHTS), _parameters(lm, adapter)
    for name in sorted(set(tensors) | set(places)):
        if name not in tensors or name not in places or tensors[name].shape != places[name].shape:
            raise DataError(f"{folder}: the adapter does not belong to this model ({name})", "train again with --new")
        with torch.no_grad():
            places[name].copy_(tensors[name])
    state_of(lm).adapters.append(adapter)
    activate(lm)


def _parameters(lm: PreTrainedModel, adapter: Adapter) -> dict[str, nn.Parameter]:
    """An adapter's parameters under the names that peft's files give them.

    peft's own function wants every adapter to hold rows of tokens as soon as one does.
    """
    parameters = adapter_parameters(lm, adapter.key)
    return {f"{PREFIX}{name.replace(f'.{adapter.key}', '')}": parameter for name, parameter in parameters}


@contextlib.contextmanager
def without_adapters(lm: PreTrainedModel) -> Iterator[None]:
    """A context in which the model is what it was before any adapter, so that it saves itself as such."""
    layers = list(_peft_layers(lm))
    try:
        for parent, name, module in layers:
            setattr(parent, name, module.get_base_layer() if hasattr(module, "get_base_layer") else plain(module))
        yield
    finally:
        for parent, name, module in layers:
            setattr(parent, name, module)


@torch.no_grad()
def merge_adapters(lm: PreTrainedModel) -> None:
    """Merge all adapters into the weights for good; the model is then as plain as before the first of them."""
    from peft.tuners.lora import LoraLayer

    layers = list(_peft_layers(lm))
    new_ids = [torch.tensor(module.token_adapter.token_indices[module.active_adapters[0]]) for module in wrappers(lm)]
    ids = new_ids[0] if new_ids else torch.zeros(0, dtype=torch.long)
    rows, (heads, _) = embed_rows(lm, ids).clone(), head_rows(lm, ids)
    heads = heads.clone()
    for parent, name, module in layers:
        if isinstance(module, LoraLayer):
            module.merge(safe_merge=True, adapter_names=list(module.active_adapters))
            setattr(parent, name, module.get_base_layer())
        else:
            setattr(parent, name, plain(module))
    input_layer(lm).weight[ids] = rows
    if not is_tied(lm):
        head_layer(lm).weight[ids] = heads
    state_of(lm).adapters.clear()
    lm.__dict__.pop("peft_config", None)


def save_new_rows(lm: PreTrainedModel, file: Path) -> None:
    """Write the rows that the base does not have, as they stand below the adapters."""
    state = state_of(lm)
    ids = torch.from_numpy(state.new_ids)
    layers = {"input": input_layer(lm)}
    if not is_tied(lm):
        layers["output"] = head_layer(lm)
    tensors: dict[str, Tensor] = {"ids": ids}
    for name, layer in layers.items():
        tensors[name] = layer.weight.detach()[ids].cpu().contiguous()
    bias = getattr(head_layer(lm), "bias", None)
    if bias is not None:
        tensors["bias"] = bias.detach()[ids].cpu().contiguous()
    save_file(tensors, file, metadata={"format": "pt"})


@torch.no_grad()
def load_new_rows(lm: PreTrainedModel, file: Path) -> None:
    """Put the rows that `save_new_rows` wrote into a base that has room for them.

    Raises:
        DataError: they do not fit.
    """
    tensors = load_file(file)
    head = head_layer(lm)
    places: dict[str, Tensor] = {"input": input_layer(lm).weight}
    if not is_tied(lm):
        places["output"] = head.weight
    if getattr(head, "bias", None) is not None:
        places["bias"] = head.bias
    try:
        ids = tensors["ids"]
        for name, weight in places.items():
            weight[ids] = tensors[name].to(weight.dtype)
    except (KeyError, IndexError, RuntimeError) as error:
        raise DataError(f"{file}: the rows do not fit the base ({error})", "train again with --new") from error
    state_of(lm).new_ids = ids.numpy()


def _peft_layers(lm: PreTrainedModel) -> Iterator[tuple[nn.Module, str, Any]]:
    """What peft put into the model: parent, name in it, module."""
    from peft.tuners.lora import LoraLayer

    ours = {id(module) for module in wrappers(lm)}
    for path, module in list(lm.named_modules()):
        if isinstance(module, LoraLayer) or id(module) in ours:
            parent, _, name = path.rpartition(".")
            yield lm.get_submodule(parent), name, module
