"""Which parameters learn: all of them, low-rank adapters, the rows of the new tokens, or both of these.

Adapters are peft's (LoRA: arXiv 2106.09685; trainable tokens), put into the model in place, so that whoever
has the model keeps a plain Hugging Face model. Several may follow one another: each learns on top of those before it,
which then stand still, and the weights below are never touched.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.errors import ProjectError
from core.model.forward import is_tied, is_wrapped, plain, wrappers
from core.model_settings import LoraSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STATE = "_eagertui"


@dataclass(frozen=True)
class Adapter:
    """What one stage added to a model.

    Attributes:
        name: of the stage; a folder of the checkpoint bears it.
        train: `lora`, `new-tokens` or `lora+new-tokens`.
        key: what peft calls it.
    """

    name: str
    train: str
    key: str

    @property
    def has_tokens(self) -> bool:
        """Whether it holds rows of tokens."""
        return "new-tokens" in self.train


@dataclass
class State:
    """What became of a model since it was loaded; it travels with the model.

    Attributes:
        adapters: in the order in which they were put on.
        base_trained: whether a stage trained the weights below.
        base: where unchanged weights come from, as `core.model.pretrained.Pretrained.to_dict`; None = from nowhere.
        new_ids: tokens whose rows are not those of the base.
    """

    adapters: list[Adapter] = field(default_factory=list)
    base_trained: bool = False
    base: dict[str, object] | None = None
    new_ids: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def keeps_base(self) -> bool:
        """Whether a checkpoint must hold the weights below the adapters."""
        return self.base is None or self.base_trained or not self.adapters


def state_of(lm: PreTrainedModel) -> State:
    """What became of a model; of one that nobody adapted, nothing."""
    state: State = lm.__dict__.setdefault(STATE, State())
    return state


def adapt(
    lm: PreTrainedModel, train: str, lora: LoraSettings, new_ids: Sequence[int] | npt.NDArray[np.int64], name: str,
    seed: int = 0,
) -> Adapter | None:  # fmt: skip
    """Let a stage's parameters learn, and no others.

    Args:
        lm: the model; it is changed in place.
        train: `all`, `lora`, `new-tokens` or `lora+new-tokens`.
        lora: of the low-rank adapters.
        new_ids: token ids whose rows are new (`Vocabulary.new_ids`).
        name: of the stage; adapters of one model bear different names.
        seed: of new low-rank weights.

    Returns:
        What was added; None for `all`, which adds nothing.

    Raises:
        ProjectError: a target that the model does not have, or a name twice.
    """
    state = state_of(lm)
    if train == "all":
        state.base_trained = True
        inside = {id(parameter) for _, parameter in adapter_parameters(lm)}
        for parameter in lm.parameters():
            parameter.requires_grad_(id(parameter) not in inside)
        return None
    if any(other.name == name for other in state.adapters):
        raise ProjectError(f"two stages that train adapters are called {name!r}", "give each stage a name of its own")
    key = f"stage{len(state.adapters)}_{re.sub(r'[^A-Za-z0-9_-]', '_', name)}"
    adapter = Adapter(name, train, key)
    targets = _targets(lm, lora) if "lora" in train else None
    ids = np.unique(np.asarray(new_ids, dtype=np.int64)) if adapter.has_tokens else None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _inject(lm, adapter, lora, targets, ids)
    state.adapters.append(adapter)
    activate(lm)
    return adapter


def activate(lm: PreTrainedModel) -> None:
    """Put all adapters to work and let the last one learn.

    Low-rank adapters add up. Of several that hold rows of tokens the last one counts: it began as the one before it.
    """
    from peft.tuners.lora import LoraLayer

    adapters = state_of(lm).adapters
    keys = [adapter.key for adapter in adapters]
    token_keys = [adapter.key for adapter in adapters if adapter.has_tokens]
    module: Any
    for module in lm.modules():
        if isinstance(module, LoraLayer):
            module.set_adapter([key for key in keys if key in module.scaling])
        elif is_wrapped(module):
            module.set_adapter(token_keys[-1])
    lm.train(lm.training)  # new dropout layers too
    for parameter in lm.parameters():
        parameter.requires_grad_(False)
    for _, parameter in adapter_parameters(lm, keys[-1] if keys else None):
        parameter.requires_grad_(True)


def linear_layers(lm: PreTrainedModel) -> dict[str, list[str]]:
    """The decoder's linear layers, those that an adapter may sit on: last name -> whole names."""
    from transformers.pytorch_utils import Conv1D

    outside = {id(lm.get_input_embeddings()), id(lm.get_output_embeddings())}
    layers: dict[str, list[str]] = {}
    for name, module in lm.named_modules():
        name = name.removesuffix(".base_layer")
        inside = name.partition(".")[0] == lm.base_model_prefix and id(module) not in outside
        if isinstance(module, (nn.Linear, Conv1D)) and inside and ".lora_" not in name and ".token_adapter" not in name:
            layers.setdefault(name.rpartition(".")[2], []).append(name)
    return layers


def _targets(lm: PreTrainedModel, lora: LoraSettings) -> list[str]:
    there = linear_layers(lm)
    if not lora.targets:
        return sorted(there)
    names = [name for names in there.values() for name in names]
    unknown = [one for one in lora.targets if not any(name == one or name.endswith(f".{one}") for name in names)]
    if unknown:
        raise ProjectError(
            f"lora.targets names {', '.join(unknown)}, which this model does not have",
            f"its linear layers are {', '.join(sorted(there))}",
        )
    return sorted(lora.targets)


def _inject(
    lm: PreTrainedModel, adapter: Adapter, lora: LoraSettings, targets: list[str] | None,
    ids: npt.NDArray[np.int64] | None,
) -> None:  # fmt: skip
    from peft import LoraConfig
    from transformers.pytorch_utils import Conv1D

    layers: dict[str, list[int]] | None = None
    if ids is not None:
        layers = {_name_of(lm, lm.get_input_embeddings()): ids.tolist()}
        if not is_tied(lm):  # peft keeps a tied head in step by itself
            layers[_name_of(lm, lm.get_output_embeddings())] = ids.tolist()
    names = [name for group in linear_layers(lm).values() for name in group]
    columns = any(isinstance(lm.get_submodule(name), Conv1D) for name in names)
    alpha: Any = lora.alpha  # peft says int, and takes any number
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=alpha,
        lora_dropout=lora.dropout,
        target_modules=targets if targets is not None else "dummy-target-modules",  # peft's word for none
        fan_in_fan_out=columns,
        trainable_token_indices=layers,
    )
    inject(lm, adapter, config)


def inject(lm: PreTrainedModel, adapter: Adapter, config: Any) -> None:
    """Put an adapter of a peft configuration into a model.

    Args:
        lm: the model.
        adapter: its name.
        config: a `peft.LoraConfig`.
    """
    from peft import inject_adapter_in_model

    from core.model.lora_linear import LoraLinear

    config._register_custom_module({nn.Linear: LoraLinear})
    # What an adapter before this one learnt, to go on from; peft starts from the base's rows.
    before = [(module, _current(module)) for module in wrappers(lm)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a second adapter, and Conv1D, are what we mean
        inject_adapter_in_model(config, lm, adapter.key)
    for _, parameter in adapter_parameters(lm, adapter.key):  # what learns is fp32, whatever the frozen weights are
        parameter.data = parameter.data.float()
    if not adapter.has_tokens:
        return
    for module in wrappers(lm):
        # Place of every token's row among the learnt ones, -1 for all others; (vocabulary,).
        ids = torch.tensor(module.token_adapter.token_indices[adapter.key])
        weight: Tensor = plain(module).weight
        places = torch.full((len(weight),), -1, dtype=torch.long)
        places[ids] = torch.arange(len(ids))
        learned = module.token_adapter.trainable_tokens_delta[adapter.key]
        for wrapped, earlier in before:
            if wrapped is module and earlier is not None:
                earlier_rows, earlier_places = earlier
                own = earlier_places[ids.to(earlier_places.device)]  # where the earlier adapter has these; (tokens,)
                with torch.no_grad():
                    learned[own >= 0] = earlier_rows[own[own >= 0]]
        module.register_buffer("places", places.to(weight.device), persistent=False)


def _current(module: Any) -> tuple[Tensor, Tensor] | None:
    """Learned rows, (tokens, hidden), and the place of each token's in them, (vocabulary,); None before the first."""
    names = module.active_adapters
    if not names:
        return None
    return module.token_adapter.trainable_tokens_delta[names[0]].detach().clone(), module.places.clone()


def adapter_parameters(lm: PreTrainedModel, key: str | None = None) -> Iterator[tuple[str, nn.Parameter]]:
    """Names and parameters of one adapter, or of all."""
    for name, parameter in lm.named_parameters():
        parts = name.split(".")
        inside = any(part.startswith(("lora_", "trainable_tokens_delta")) for part in parts)
        if inside and (key is None or key in parts):
            yield name, parameter


def _name_of(lm: PreTrainedModel, wanted: Any) -> str:
    for name, module in lm.named_modules():
        if module is wanted:
            return str(name)
    raise ValueError("the model has no such layer")
