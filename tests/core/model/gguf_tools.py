"""A tiny GGUF file with lively weights, written by the package `gguf`, which not every machine has."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from tests.core.model.families import HIDDEN, write_family

NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
"""What llama.cpp calls the parts of a layer of Gemma 3."""
CONTROL, NORMAL = 3, 1


def write_gguf(file: Path, folder: Path) -> dict[str, torch.Tensor]:
    """Write a model of the family Gemma 3 in blocks of 8 bits, and the same model in a folder.

    Returns:
        The weights that the file holds, by the names that transformers gives them.
    """
    import gguf
    from transformers import AutoTokenizer

    write_family("gemma3", folder, intermediate_size=64)
    pieces = AutoTokenizer.from_pretrained(folder).get_vocab()
    words = sorted(pieces, key=pieces.__getitem__)
    writer = gguf.GGUFWriter(file, "gemma3")
    writer.add_string("general.license", "apache-2.0")
    writer.add_context_length(128)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(2)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_key_length(8)
    writer.add_value_length(8)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10_000.0)
    writer.add_sliding_window(8)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(words)
    writer.add_token_scores([-float(place) for place in range(len(words))])
    writer.add_token_types([CONTROL if word in ("<unk>", "<s>", "</s>") else NORMAL for word in words])
    for kind in ("unk", "bos", "eos", "pad"):
        name = {"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<unk>"}[kind]
        getattr(writer, f"add_{kind}_token_id")(pieces[name])
    writer.add_add_bos_token(True)
    held = {}
    for name, weight in load_file(folder / "model.safetensors").items():
        inner = name.removeprefix("model.").removesuffix(".weight")
        if inner.startswith("layers."):
            _, number, part = inner.split(".", 2)
            stored = f"blk.{number}.{NAMES[part]}.weight"
        else:
            stored = {"embed_tokens": "token_embd.weight", "norm": "output_norm.weight"}[inner]
        if weight.ndim == 1:  # llama.cpp adds the one that Gemma adds when it computes
            writer.add_tensor(stored, weight.float().numpy() + 1)
            held[name] = weight.float()
            continue
        kind = gguf.GGMLQuantizationType.Q8_0
        blocks = gguf.quants.quantize(weight.float().numpy(), kind)
        writer.add_tensor(stored, blocks, raw_dtype=kind)
        held[name] = torch.from_numpy(gguf.quants.dequantize(blocks, kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held
