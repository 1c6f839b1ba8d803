"""Tiny checkpoints of four families, made on the spot the way their makers lay them out.

| family | tokenizer | head | special |
|---|---|---|---|
| llama | Metaspace BPE, BOS added | untied | grouped queries |
| qwen3 | byte-level BPE, no BOS | tied | padded vocabulary |
| gpt2 | byte-level BPE, BOS = EOS, not added | tied | learned positions, Conv1D |
| gemma3 | Metaspace BPE, BOS added | tied | sliding windows, scaled embeddings |
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerFast

from tests.core.engine_tools import TEXTS

FOUR = ("llama", "qwen3", "gpt2", "gemma3")
HIDDEN, POSITIONS, PADDING = 32, 96, 40


def pieces_tokenizer() -> PreTrainedTokenizerFast:
    """SentencePiece-like: Metaspace, byte fallback, a begin token put before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    names = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=400, special_tokens=names, show_progress=False))
    begin = made.token_to_id("<s>")
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", begin)])
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def bytes_tokenizer(begin: bool) -> PreTrainedTokenizerFast:
    """Byte-level BPE as GPT-2 has it (begin and end are one token, never added) or Qwen (no begin token)."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    made.train_from_iterator(TEXTS, trainer)
    first = {"bos_token": "<|endoftext|>"} if begin else {}
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|endoftext|>", **first)


def write_family(family: str, folder: Path, seed: int = 0, window: int = 8, **extra: Any) -> Path:
    """Write a checkpoint with lively random weights.

    Args:
        family: one of `FOUR`.
        folder: where to write it.
        seed: of the weights.
        window: of Gemma's sliding layers, in tokens.
        extra: more for the configuration.
    """
    from transformers import (
        Gemma3ForCausalLM,
        Gemma3TextConfig,
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        Qwen3Config,
        Qwen3ForCausalLM,
    )

    tokenizer = pieces_tokenizer() if family in ("llama", "gemma3") else bytes_tokenizer(family == "gpt2")
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": None,
    }
    torch.manual_seed(seed)
    lm: Any
    if family == "llama":
        lm = LlamaForCausalLM(LlamaConfig(**{**shape, "tie_word_embeddings": False, **extra}))
    elif family == "qwen3":
        shape |= {"vocab_size": len(tokenizer) + PADDING, "head_dim": 8, "tie_word_embeddings": True}
        lm = Qwen3ForCausalLM(Qwen3Config(**{**shape, **extra}))
    elif family == "gpt2":
        for name in ("intermediate_size", "num_key_value_heads"):
            del shape[name]
        still = {"n_positions": POSITIONS, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        lm = GPT2LMHeadModel(GPT2Config(**{**shape, **still, **extra}))
    else:
        shape |= {
            "head_dim": 8, "query_pre_attn_scalar": 16, "sliding_window": window,
            "layer_types": ["sliding_attention", "full_attention"],
        }  # fmt: skip
        lm = Gemma3ForCausalLM(Gemma3TextConfig(**{**shape, **extra}))
    noise = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, parameter in lm.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=noise) * 0.15)
            elif name.endswith("bias"):
                parameter.copy_(torch.randn(parameter.shape, generator=noise) * 0.05)
    lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
