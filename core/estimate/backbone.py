"""The size of a language model before it is there: from the settings, or from a folder's config.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Shape:
    """What decides the cost of a decoder.

    Attributes:
        hidden: width.
        layers: transformer layers.
        heads: attention heads.
        inner: width of the feed-forward part.
        body: parameters of the layers, without embeddings.
        embeddings: parameters of the input and output embeddings.
    """

    hidden: int
    layers: int
    heads: int
    inner: int
    body: int
    embeddings: int

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.body + self.embeddings


def shape_of(settings: Mapping[str, Any], codes: int, resolve: Callable[[str], Path]) -> Shape | None:
    """The shape of a backbone; None for a model that is not there yet.

    Args:
        settings: the project's backbone table.
        codes: code tokens of the item index.
        resolve: makes a path of the project file absolute.
    """
    if settings["model"] != "tiny":
        found = config_shape(resolve(str(settings["model"])))
        return None if found is None else _with_rows(found, codes)
    hidden, layers, inner = (int(settings[key]) for key in ("hidden_size", "layers", "intermediate_size"))
    body = layers * (4 * hidden**2 + 3 * hidden * inner)
    return Shape(
        hidden, layers, int(settings["heads"]), inner, body, (int(settings["text_vocabulary"]) + codes) * hidden
    )


def config_shape(folder: Path) -> Shape | None:
    """The shape of the model in a Hugging Face folder; None where its config.json tells too little."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        hidden = _number(config, "hidden_size", "n_embd", "d_model")
        layers = _number(config, "num_hidden_layers", "n_layer", "num_layers")
        heads = _number(config, "num_attention_heads", "n_head", "num_heads")
        inner = _number(config, "intermediate_size", "n_inner", "ffn_dim", default=4 * hidden)
        kv_heads = _number(config, "num_key_value_heads", default=heads)
        words = _number(config, "vocab_size")
        gated = config.get("hidden_act") in ("silu", "gelu_pytorch_tanh") and "n_embd" not in config
        tied = bool(config.get("tie_word_embeddings", True))
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    each = 2 * hidden**2 * (1 + kv_heads / heads) + (3 if gated else 2) * hidden * inner
    return Shape(hidden, layers, heads, inner, round(layers * each), words * hidden * (1 if tied else 2))


def _number(config: Mapping[str, Any], *names: str, default: int | None = None) -> int:
    """The first of some whole numbers above 0."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    if default is None:
        raise ValueError(f"no {names[0]}")
    return default


def _with_rows(shape: Shape, codes: int) -> Shape:
    return Shape(
        shape.hidden, shape.layers, shape.heads, shape.inner, shape.body, shape.embeddings + codes * shape.hidden
    )
