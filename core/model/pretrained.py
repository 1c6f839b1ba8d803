"""Where a checkpoint's weights come from: a Hugging Face folder or hub id, loaded whole or refused."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from core.errors import EnvironmentFault, ProjectError
from core.files import digest
from core.model.forward import embed, head_layer, head_logits, hidden_states, input_layer
from core.model.masks import masks
from core.safe_json import read_object

if TYPE_CHECKING:
    from transformers import PreTrainedModel

SOURCE = "source.json"
"""Of a folder that was made from a GGUF file: its name and SHA-256."""
PROBE = 6
"""Tokens of the sentence on which a model is tried."""


@dataclass(frozen=True)
class Pretrained:
    """Weights that lie elsewhere, and how to see that they are still the same.

    Attributes:
        model: hub id, or the folder's path.
        revision: the hub's commit; empty for a folder.
        files: SHA-256 of the configuration and of every file of weights.
        source: name and SHA-256 of the GGUF file that the folder was made from; empty where there is none.
    """

    model: str
    revision: str
    files: dict[str, str]
    source: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of(model: str, revision: str = "") -> Pretrained:
        """Digest the files of a folder, or of a hub id that was loaded before.

        Raises:
            EnvironmentFault: they are not on this machine.
        """
        folder = _folder(model, revision)
        names = [path for path in sorted(folder.iterdir()) if path.suffix == ".safetensors" or path.name in _INDICES]
        if Path(model).is_dir():
            model, revision = str(folder.resolve()), ""
        else:
            revision = folder.name  # the cache names a snapshot by its commit
        source = {name: str(value) for name, value in read_object(folder / SOURCE).items()}
        return Pretrained(model, revision, {path.name: digest(path) for path in names}, source)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Pretrained:
        """Read what `to_dict` made."""
        files = {str(name): str(mark) for name, mark in values["files"].items()}
        return Pretrained(str(values["model"]), str(values["revision"]), files, dict(values.get("source", {})))

    def to_dict(self) -> dict[str, object]:
        """As plain JSON values."""
        values = asdict(self)
        return values if self.source else {name: value for name, value in values.items() if name != "source"}

    def load(self, device: str, dtype: torch.dtype) -> PreTrainedModel:
        """Load the weights.

        Raises:
            EnvironmentFault: they are missing or not what they were.
        """
        present = Pretrained.of(self.model, self.revision)
        if present.files != self.files:
            other = sorted(name for name, mark in self.files.items() if present.files.get(name) != mark)
            raise EnvironmentFault(
                f"{self.model}: {', '.join(other) or 'its files'} changed since adapters were trained on it",
                "bring the old files back, or train again with --new",
            )
        return load_model(self.model, device, dtype, revision=self.revision)


_INDICES = ("config.json", "model.safetensors.index.json")


def load_model(
    model: str, device: str, dtype: torch.dtype = torch.float32, attention: str = "auto", revision: str = ""
) -> PreTrainedModel:
    """Load a decoder-only language model.

    Args:
        model: hub id or folder.
        device: where it will run; it stays on the CPU here. The CPU gets an attention kernel of its own.
        dtype: of the weights.
        attention: `auto`, `eager`, `sdpa` or `flash_attention_2`.
        revision: commit of the hub.

    Raises:
        EnvironmentFault: it cannot be had, is not whole, or is not decoder-only.
        ProjectError: the attention kernel does not go with the device.
    """
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    extra = {"revision": revision} if revision else {}
    try:
        config = AutoConfig.from_pretrained(model, **extra)
        if config.is_encoder_decoder:
            raise EnvironmentFault(
                f"{model!r} is an encoder-decoder ({config.model_type}), not a decoder-only language model", _REMEDY
            )
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            model,
            dtype=dtype,
            attn_implementation=kernel_of(attention, device, config),
            use_safetensors=True,
            output_loading_info=True,
            **extra,
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        raise EnvironmentFault(f"cannot load the backbone {model!r}: {_reason(model, error)}", _REMEDY) from error
    lm: PreTrainedModel = loaded[0]
    report = loaded[1]
    missing = sorted([*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])])
    if missing:
        raise EnvironmentFault(
            f"cannot load the backbone {model!r}: {len(missing):,} of its weights are missing or of another shape, "
            f"e.g. {missing[0]}",
            _REMEDY,
        )
    if not lm._supports_sdpa and lm.config._attn_implementation != "eager":
        lm.set_attn_implementation("eager")
    _try(model, lm)
    return lm


_REMEDY = "name another folder or hub id in backbone.model, or use backbone.model = 'tiny'"


def own_dtype(model: str) -> torch.dtype:
    """What a checkpoint's weights that stand still are kept in: bf16 where its files are, which loses nothing.

    Raises:
        EnvironmentFault: it cannot be had.
    """
    from transformers import AutoConfig

    try:
        dtype = getattr(AutoConfig.from_pretrained(model), "dtype", None)
    except (OSError, ValueError, KeyError) as error:
        raise EnvironmentFault(f"cannot load the backbone {model!r}: {_reason(model, error)}", _REMEDY) from error
    return torch.bfloat16 if dtype == torch.bfloat16 else torch.float32


def kernel_of(attention: str, device: str, config: Any = None) -> str:
    """The attention kernel to ask transformers for.

    Raises:
        ProjectError: it needs another device.
        EnvironmentFault: it is not installed.
    """
    if attention == "flash_attention_2":
        if device == "cpu":
            raise ProjectError("backbone.attention = 'flash_attention_2' needs a GPU", "use 'auto', or run.device cuda")
        if importlib.util.find_spec("flash_attn") is None:
            raise EnvironmentFault(
                "backbone.attention = 'flash_attention_2': flash-attn is not installed", "use 'sdpa'"
            )
    if attention != "auto":
        return attention
    if device == "cpu":
        from core.model.attention import NAME  # registers it; a second and more, where no model is asked for

        return NAME
    # PyTorch's kernel knows no soft cap on the scores (Gemma 2).
    return "eager" if getattr(config, "attn_logit_softcapping", None) is not None else "sdpa"


def longest(lm: PreTrainedModel) -> int | None:
    """Tokens that the model can read at most; None where nothing but memory bounds it.

    Only learned positions (GPT-2, OPT) end somewhere; a rotary model reads on, if worse.
    """
    embeddings = lm.get_input_embeddings()
    tables = [m for m in lm.base_model.modules() if isinstance(m, nn.Embedding) and m is not embeddings]
    tables = [m for m in tables if m.embedding_dim == lm.config.hidden_size]
    if not tables:
        return None
    limit = getattr(lm.config, "max_position_embeddings", None)
    return min([table.num_embeddings for table in tables] + ([int(limit)] if limit else []))


def check_length(lm: PreTrainedModel, frame: int, levels: int, max_history: int) -> None:
    """Refuse histories that the model's positions do not reach.

    Args:
        lm: the model.
        frame: tokens before a history.
        levels: codes an item.
        max_history: items of history; one more item follows them.

    Raises:
        ProjectError: too many; names what fits.
    """
    most = longest(lm)
    needed = frame + (max_history + 1) * levels
    if most is None or needed <= most:
        return
    fits = (most - frame) // levels - 1
    raise ProjectError(
        f"the backbone reads {most:,} tokens at most, and {max_history:,} items of {levels} codes need {needed:,}",
        f"data.max_history = {fits} would fit" if fits > 0 else "use a backbone with more positions",
    )


def _folder(model: str, revision: str) -> Path:
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    file = None
    with contextlib.suppress(HFValidationError):  # a path, of a folder that is gone
        file = try_to_load_from_cache(model, "config.json", revision=revision or None)
    if not isinstance(file, str):
        raise EnvironmentFault(f"the backbone {model!r} is not on this machine", "download it, or check the path")
    return Path(file).parent


def _reason(model: str, error: Exception) -> str:
    """The cause in one line; transformers tells several stories around it."""
    text, first = str(error), _line(error)
    folder = Path(model)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            return "the folder has no config.json"
        if not any(folder.glob("*.safetensors")):
            return "the folder has no weights (*.safetensors)"
        if isinstance(error, SafetensorError):
            return f"a file of weights is damaged ({first})"
        return first
    lowered = text.lower()
    if "gated repo" in lowered or "401 client" in lowered or "403 client" in lowered:
        return "it is gated: accept its licence on the hub and log in with `hf auth login`"
    if any(word in lowered for word in ("offline", "connect to", "outgoing traffic", "name resolution")):
        return "it is not on this machine, and the hub cannot be reached"
    return first


def _line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


@torch.no_grad()
def _try(name: str, lm: PreTrainedModel) -> None:
    """Refuse a model that reads ahead, makes its logits otherwise than `head_logits`, or cannot decode in branches.

    Each would train and recommend without a complaint, and wrongly: encoders with a head, unknown scales of logits,
    recurrent layers, positions that are counted instead of given.
    """
    lm.eval()
    kernel = lm.config._attn_implementation
    if kernel == "flash_attention_2":  # needs a GPU, and the model is not there yet
        lm.set_attn_implementation("sdpa")
    size = len(input_layer(lm).weight)
    ids = torch.arange(2 * PROBE).reshape(2, PROBE).remainder(size)
    ids[1, :-1] = ids[0, :-1]
    expected = lm(input_ids=ids).logits.float()  # of two rows that differ in their last token; (2, PROBE, vocabulary)
    tolerance = 1e-3 if lm.dtype == torch.float32 else 0.1
    if not torch.allclose(expected[0, :-1], expected[1, :-1], atol=tolerance, rtol=tolerance):
        raise EnvironmentFault(f"{name!r} reads ahead: it is not a decoder-only language model", _REMEDY)
    try:
        logits = _branches(lm, ids)  # (PROBE + 1, vocabulary)
    except (TypeError, ValueError, RuntimeError, AttributeError, IndexError) as error:
        raise EnvironmentFault(f"{name!r} cannot decode several branches at once ({_line(error)})", _REMEDY) from error
    if not torch.allclose(expected[0, : PROBE - 1], logits[: PROBE - 1], atol=tolerance, rtol=tolerance):
        raise EnvironmentFault(f"{name!r} makes its logits in a way that is not supported", _REMEDY)
    if not torch.allclose(expected[:, -1], logits[PROBE - 1 :], atol=tolerance, rtol=tolerance):
        raise EnvironmentFault(f"{name!r} cannot decode several branches at once: its layers are not all attention "
                               "over given positions", _REMEDY)  # fmt: skip
    lm.set_attn_implementation(kernel)


def _branches(lm: PreTrainedModel, ids: Tensor) -> Tensor:
    """Logits of the common beginning of two rows, then of the last token of each as a branch of it, as beams are.

    Returns:
        Shape (PROBE + 1, vocabulary): PROBE - 1 common tokens, and the two branches.
    """
    from transformers.cache_utils import DynamicCache

    cache = DynamicCache()
    common = hidden_states(lm, embed(lm, ids[:1, :-1]), cache)
    # Both branches see all that is common and themselves, not one another; (1, 1, 2, PROBE + 1).
    seen = torch.ones(1, 1, 2, PROBE + 1, dtype=torch.bool)
    seen[0, 0, 0, PROBE] = seen[0, 0, 1, PROBE - 1] = False
    at = torch.arange(PROBE + 1).clamp_max(PROBE - 1)  # both stand at the same place, the last one
    query = at[-2:][None]
    mask = masks(lm.config, seen, query, at, lm.dtype)
    branches = hidden_states(lm, embed(lm, ids[:, -1][None]), cache, mask, query)
    states = torch.cat([common[0], branches[0]])
    return head_logits(lm, states, torch.arange(len(head_layer(lm).weight))).float()
