"""The size of a language model before it is there: from the settings, or from a folder's config.json."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import EnvironmentFault
from core.model.gguf_header import is_gguf, read_header


@dataclass(frozen=True)
class DecoderShape:
    """What decides the cost of a decoder.

    Attributes:
        hidden: width.
        layers: transformer layers.
        heads: attention heads.
        inner: width of the feed-forward part.
        rows: of the embeddings: tokens.
        queries: width of all queries together.
        keys: width of all keys together, and of all values.
        gated: whether the feed-forward part has a gate.
        tied: whether input and output embeddings are one matrix.
        half: whether its files hold bf16.
    """

    hidden: int
    layers: int
    heads: int
    inner: int
    rows: int
    queries: int
    keys: int
    gated: bool = True
    tied: bool = True
    half: bool = False

    @property
    def linear(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of a layer's matrices, by the names that Llama gave them."""
        wide = {"up_proj": (self.hidden, self.inner), "down_proj": (self.inner, self.hidden)}
        if self.gated:
            wide["gate_proj"] = (self.hidden, self.inner)
        return {
            "q_proj": (self.hidden, self.queries),
            "k_proj": (self.hidden, self.keys),
            "v_proj": (self.hidden, self.keys),
            "o_proj": (self.queries, self.hidden),
            **wide,
        }

    @property
    def body(self) -> int:
        """Parameters of the layers, without embeddings."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.linear.values())

    @property
    def embeddings(self) -> int:
        """Parameters of the input and output embeddings."""
        return self.rows * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.body + self.embeddings

    def adapted(self, targets: Sequence[str]) -> list[tuple[int, int]]:
        """Inputs and outputs of the matrices of a layer that get an adapter; names of another family mean all."""
        known = self.linear
        return [known[name] for name in targets if name in known] or list(known.values())


def weight_bytes(shape: DecoderShape, settings: Mapping[str, Any]) -> float:
    """Bytes of a loaded model's weights.

    Args:
        shape: the model.
        settings: of the stage `tune`: weights that no stage trains stay in bf16 where their files are.
    """
    frozen = all(stage["train"] != "all" for stage in settings["stages"])
    half = shape.half and frozen and settings["dtype"] != "fp32"
    return shape.parameters * (2.0 if half else 4.0)


def shape_of(settings: Mapping[str, Any], codes: int, resolve: Callable[[str], Path]) -> DecoderShape | None:
    """The shape of a backbone; None for a model that is not there yet.

    Args:
        settings: the project's backbone table.
        codes: code tokens of the item index.
        resolve: makes a path of the project file absolute.
    """
    model = str(settings["model"])
    if model != "tiny":
        found = _gguf_shape(resolve(model)) if is_gguf(model) else config_shape(_folder(model, resolve))
        return None if found is None else replace(found, rows=found.rows + codes)
    hidden, layers, inner = (int(settings[key]) for key in ("hidden_size", "layers", "intermediate_size"))
    rows = int(settings["text_vocabulary"]) + codes
    return DecoderShape(hidden, layers, int(settings["heads"]), inner, rows, hidden, hidden)


def config_shape(folder: Path) -> DecoderShape | None:
    """The shape of the model in a Hugging Face folder; None where its config.json tells too little."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        hidden = _number(config, "hidden_size", "n_embd", "d_model")
        layers = _number(config, "num_hidden_layers", "n_layer", "num_layers")
        heads = _number(config, "num_attention_heads", "n_head", "num_heads")
        inner = _number(config, "intermediate_size", "n_inner", "ffn_dim", default=4 * hidden)
        kv_heads = _number(config, "num_key_value_heads", default=heads)
        each = _number(config, "head_dim", default=max(1, hidden // heads))
        words = _number(config, "vocab_size")
        activation = config.get("hidden_act", config.get("hidden_activation"))  # Gemma has its own name for it
        gated = activation in ("silu", "gelu_pytorch_tanh") and "n_embd" not in config
        tied = bool(config.get("tie_word_embeddings", True))
        half = config.get("dtype", config.get("torch_dtype")) == "bfloat16"
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return DecoderShape(hidden, layers, heads, inner, words, heads * each, kv_heads * each, gated, tied, half)


def _gguf_shape(file: Path) -> DecoderShape | None:
    """The shape of the model in a GGUF file; None where its header cannot be read or tells too little."""
    try:
        header = read_header(file)
    except EnvironmentFault:
        return None
    hidden, layers, heads = (header.number(key) for key in ("embedding_length", "block_count", "attention.head_count"))
    table = header.tensors.get("token_embd.weight")
    if not hidden or not layers or not heads or table is None or len(table.shape) != 2:
        return None
    each = header.number("attention.key_length", hidden // heads)
    keys = header.number("attention.head_count_kv", heads) * each
    gated, tied = "blk.0.ffn_gate.weight" in header.tensors, "output.weight" not in header.tensors
    inner = header.number("feed_forward_length", 4 * hidden)
    return DecoderShape(hidden, layers, heads, inner, table.shape[1], heads * each, keys, gated, tied, half=True)


def _number(config: Mapping[str, Any], *names: str, default: int | None = None) -> int:
    """The first of some whole numbers above 0."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    if default is None:
        raise ValueError(f"no {names[0]}")
    return default


def _folder(model: str, resolve: Callable[[str], Path]) -> Path:
    """Where a model's config.json lies: in its folder, or where the hub's client keeps what was loaded before."""
    folder = resolve(model)
    if folder.is_dir():
        return folder
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    with contextlib.suppress(HFValidationError):  # a path, of a folder that is gone
        found = try_to_load_from_cache(model, "config.json")
        if isinstance(found, str):
            return Path(found).parent
    return folder
