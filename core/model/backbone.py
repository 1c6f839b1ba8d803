"""The language model before tuning: `tiny`, made on the spot, or any decoder-only Hugging Face checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from core.index.table import ItemIndex
from core.model.forward import head_layer, input_layer, is_tied, wrappers
from core.model.peft_layers import state_of
from core.model.pretrained import Pretrained, kernel_of, load_model
from core.model.token_init import code_vectors, code_words, init_token_rows
from core.model.vocabulary import Vocabulary
from core.model_settings import BackboneSettings
from core.training.dropout import Dropout

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_POSITIONS = 4096


def build_backbone(
    settings: BackboneSettings,
    vocabulary: Vocabulary,
    dropout: float,
    device: str,
    seed: int,
    words: Sequence[Sequence[str]] | None = None,
    vectors: Sequence[npt.NDArray[np.floating] | None] | None = None,
    dtype: torch.dtype = torch.float32,
) -> PreTrainedModel:
    """The model with a row for every token of the vocabulary.

    Args:
        settings: which model, how its new rows start, and how it computes.
        vocabulary: tokenizer and codes.
        dropout: on the residual branches of `tiny`; a checkpoint keeps its own.
        device: where it will run; the CPU gets an attention kernel of its own.
        seed: of new weights.
        words: terms of every code, for `new_rows = "words"` (`core.model.token_init.code_words`).
        vectors: a vector of every code, for `new_rows = "aligned"` (`core.model.token_init.code_vectors`).
        dtype: of a checkpoint's weights; those that learn want fp32.

    Raises:
        EnvironmentFault: where a checkpoint cannot be loaded.
        ProjectError: settings that do not go with it.
    """
    torch.manual_seed(seed)
    size = vocabulary.size
    if settings.model == "tiny":
        kernel = kernel_of(settings.attention, device)
        lm = tiny_decoder(settings, vocabulary.tokenizer, size, dropout, kernel)
    else:
        lm = load_model(settings.model, device, dtype, settings.attention)
        state = state_of(lm)
        state.base = Pretrained.of(settings.model).to_dict()
        state.new_ids = vocabulary.new_ids
        grow(lm, size)
        init_token_rows(lm, vocabulary, settings.new_rows, seed, words, vectors)
    set_up_training(lm, settings, dropout)
    return lm


def set_up_training(lm: PreTrainedModel, settings: BackboneSettings, dropout: float) -> None:
    """Let a model that was made or loaded train the way the settings ask for."""
    from transformers import Phi3ForCausalLM

    if isinstance(lm, Phi3ForCausalLM) and settings.model == "tiny":
        for layer in lm.model.layers:
            layer.resid_attn_dropout = layer.resid_mlp_dropout = Dropout(dropout)
    if settings.gradient_checkpointing:
        lm.activation_checkpointing_enable({"use_reentrant": False})
    if settings.compile:
        torch.use_deterministic_algorithms(True, warn_only=True)  # what the compiler chooses too
        lm.base_model.compile(dynamic=True)  # in place: names and the checkpoint stay what they are


def token_init_inputs(
    settings: BackboneSettings, index: ItemIndex, folder: Path | None, titles: Sequence[str] = ()
) -> tuple[list[list[str]] | None, list[npt.NDArray[np.float32] | None] | None]:
    """What the rows of a checkpoint's new tokens may start from: words and vectors of every code.

    Args:
        settings: of the backbone; only what `new_rows` asks for is read.
        index: the codes.
        folder: the artefact of the index stage; None = there is none.
        titles: of the items, for last codes that are an item's own.

    Raises:
        DataError: the artefact is damaged.
    """
    if settings.model == "tiny" or folder is None:
        return None, None
    words = code_words(folder, index, titles) if settings.new_rows == "words" else None
    return words, code_vectors(folder, index) if settings.new_rows == "aligned" else None


def grow(lm: PreTrainedModel, size: int) -> None:
    """Make room for `size` tokens; a vocabulary that is padded to more already stays as it is."""
    more = size - len(input_layer(lm).weight)
    if more <= 0:
        return
    wrapped = list(wrappers(lm))
    if not wrapped:
        lm.resize_token_embeddings(size, mean_resizing=False)
        return
    # transformers cannot see through peft's wrapping. What comes after the learnt rows is nobody's: zeros.
    tied, ends = is_tied(lm), [(input_layer(lm), "num_embeddings"), (head_layer(lm), "out_features")]
    for layer, rows in ends:
        setattr(layer, rows, size)
        for name in ("weight", "bias"):
            if (old := getattr(layer, name, None)) is not None:
                new = torch.cat([old.data, old.data.new_zeros(more, *old.shape[1:])])
                setattr(layer, name, nn.Parameter(new, requires_grad=old.requires_grad))
    if tied:
        head_layer(lm).weight = input_layer(lm).weight
    for module in wrapped:
        module.places = torch.cat([module.places, module.places.new_full((more,), -1)])
    lm.config.get_text_config().vocab_size = size


def tiny_decoder(
    settings: BackboneSettings, tokenizer: PreTrainedTokenizerBase, size: int, dropout: float, kernel: str
) -> PreTrainedModel:
    """A small decoder of the Llama kind (RMSNorm, rotary positions, SwiGLU, tied embeddings).

    It is transformers' Phi-3 class, because that has dropout on the residual branches, which a model of this size
    trained from scratch on one log needs, and fused projections, which a CPU likes.
    """
    from transformers import Phi3Config, Phi3ForCausalLM

    config = Phi3Config(
        vocab_size=size,
        hidden_size=settings.hidden_size,
        intermediate_size=settings.intermediate_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.heads,
        max_position_embeddings=MAX_POSITIONS,
        original_max_position_embeddings=MAX_POSITIONS,
        resid_pdrop=dropout,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    config._attn_implementation = kernel
    return Phi3ForCausalLM(config)
