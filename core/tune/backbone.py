"""The language model before tuning: `tiny`, made on the spot, or any decoder-only Hugging Face checkpoint."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from transformers import AutoModelForCausalLM, Phi3Config, Phi3ForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from core.errors import EnvironmentFault
from core.index.table import ItemIndex
from core.settings import BackboneSettings
from core.tune.attention import NAME as CPU_ATTENTION
from core.tune.dropout import Dropout
from core.tune.vocabulary import Vocabulary, load_tokenizer, train_tokenizer

MAX_POSITIONS = 4096


def build_vocabulary(settings: BackboneSettings, index: ItemIndex, texts: Iterable[str], frame: str) -> Vocabulary:
    """The tokenizer with all codes: trained on the catalogue for `tiny`, else the backbone's own."""
    if settings.model == "tiny":
        return Vocabulary.build(train_tokenizer(texts, settings.text_vocabulary), index, frame)
    return Vocabulary.build(load_tokenizer(settings.model), index, frame)


def build_backbone(
    settings: BackboneSettings, vocabulary: Vocabulary, dropout: float, device: str, seed: int
) -> PreTrainedModel:
    """The model with a row for every token of the vocabulary.

    Args:
        settings: which model.
        vocabulary: tokenizer and codes.
        dropout: on the residual branches of `tiny`; a checkpoint keeps its own.
        device: where it will run; the CPU gets an attention kernel of its own.
        seed: of new weights.

    Raises:
        EnvironmentFault: where a checkpoint cannot be loaded.
    """
    torch.manual_seed(seed)
    size = len(vocabulary.tokenizer)
    kernel = CPU_ATTENTION if device == "cpu" else "sdpa"
    if settings.model == "tiny":
        return _tiny(settings, vocabulary.tokenizer, size, dropout, kernel)
    try:
        model = AutoModelForCausalLM.from_pretrained(settings.model, dtype=torch.float32, attn_implementation=kernel)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EnvironmentFault(
            f"cannot load the backbone {settings.model!r}: {reason}",
            "name a folder that holds it, or use backbone.model = 'tiny'",
        ) from error
    if size > int(model.config.vocab_size):
        model.resize_token_embeddings(size)
    return model


def _tiny(
    settings: BackboneSettings, tokenizer: PreTrainedTokenizerBase, size: int, dropout: float, kernel: str
) -> PreTrainedModel:
    """A small decoder of the Llama kind (RMSNorm, rotary positions, SwiGLU, tied embeddings).

    It is transformers' Phi-3 class, because that has dropout on the residual branches, which a model of this size
    trained from scratch on one log needs, and fused projections, which a CPU likes.
    """
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
    model = Phi3ForCausalLM(config)
    for layer in model.model.layers:
        layer.resid_attn_dropout = layer.resid_mlp_dropout = Dropout(dropout)
    return model
