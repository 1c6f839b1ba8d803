"""Backbones that cannot be taken, each with its reason; and one that lies in the hub's cache."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    BertConfig,
    BertLMHeadModel,
    BloomConfig,
    BloomForCausalLM,
    CohereConfig,
    CohereForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from core.errors import EnvironmentFault, ProjectError
from core.model.backbone import build_backbone
from core.model.checkpoint import generator_of, load_checkpoint, save_checkpoint
from core.model.peft_layers import adapt, state_of
from core.model.pretrained import kernel_of, load_model
from core.model.trie import Trie
from core.model.vocabulary import build_vocabulary
from core.model_settings import BackboneSettings, LoraSettings
from core.recommend.beam import beam_search
from tests.core.engine_tools import exhaustive, small_index, uneven_codes
from tests.core.model.families import write_family

INDEX = small_index(uneven_codes(12, 2, 4, 0), (4, 4))
SMALL: dict[str, Any] = {
    "vocab_size": 60, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "pad_token_id": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_family("llama", tmp_path_factory.mktemp("llama") / "lm")


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def half_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def a_tensor_less(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def another_shape(folder: Path) -> None:
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**told, "intermediate_size": 50}), encoding="utf-8")


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (no_config, "no config.json"),
        (no_weights, r"no weights \(\*\.safetensors\)"),
        (half_weights, "damaged"),
        (a_tensor_less, r"1 of its weights .*up_proj"),
        (another_shape, "another shape|size mismatch|mismatch"),
        (pickled, "no weights"),
    ],
)
def test_a_broken_folder(damage: Callable[[Path], None], reason: str, llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lm"
    shutil.copytree(llama, folder)
    load_model(str(folder), "cpu")
    damage(folder)
    with pytest.raises(EnvironmentFault, match=reason) as caught:
        load_model(str(folder), "cpu")
    assert str(folder) in str(caught.value) and "backbone.model" in caught.value.remedy


def test_a_folder_without_a_tokenizer(llama: Path, tmp_path: Path) -> None:
    shutil.copytree(llama, tmp_path / "lm")
    for file in (tmp_path / "lm").glob("tokenizer*"):
        file.unlink()
    with pytest.raises(EnvironmentFault, match=r"tokenizer of .*lm"):
        build_vocabulary(BackboneSettings(str(tmp_path / "lm")), INDEX, [], "")


def test_not_decoder_only(tmp_path: Path) -> None:
    T5ForConditionalGeneration(
        T5Config(vocab_size=60, d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2)
    ).save_pretrained(tmp_path / "t5")
    with pytest.raises(EnvironmentFault, match="encoder-decoder"):
        load_model(str(tmp_path / "t5"), "cpu")
    sizes = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    bert = BertLMHeadModel(BertConfig(**sizes, intermediate_size=24, initializer_range=0.5))
    bert.save_pretrained(tmp_path / "bert")
    with pytest.raises(EnvironmentFault, match="reads ahead"):
        load_model(str(tmp_path / "bert"), "cpu")


def test_models_whose_beams_would_be_wrong(tmp_path: Path) -> None:
    """Recurrent layers, and positions that are counted from the cache (ALiBi)."""
    MambaForCausalLM(MambaConfig(vocab_size=60, hidden_size=16, num_hidden_layers=1, state_size=4)).save_pretrained(
        tmp_path / "mamba"
    )
    BloomForCausalLM(BloomConfig(vocab_size=60, hidden_size=16, n_layer=1, n_head=2)).save_pretrained(
        tmp_path / "bloom"
    )
    for name in ("mamba", "bloom"):
        with pytest.raises(EnvironmentFault, match=r"cannot decode several branches|cannot load"):
            load_model(str(tmp_path / name), "cpu")


@pytest.mark.parametrize("kind", ["gemma2", "granite", "cohere"])
def test_families_that_cap_or_scale(kind: str, tmp_path: Path) -> None:
    """Gemma 2 caps scores and logits, Granite and Cohere scale; beams are the plain model's all the same."""
    torch.manual_seed(0)
    lm: Any
    if kind == "gemma2":
        caps = {"final_logit_softcapping": 2.0, "attn_logit_softcapping": 1.0, "sliding_window": 4, "head_dim": 8}
        lm = Gemma2ForCausalLM(Gemma2Config(**{**SMALL, **caps}))
    elif kind == "granite":
        scales = {"logits_scaling": 3.0, "embedding_multiplier": 2.0, "attention_multiplier": 0.3}
        lm = GraniteForCausalLM(GraniteConfig(**{**SMALL, **scales}))
    else:
        lm = CohereForCausalLM(CohereConfig(**{**SMALL, "logit_scale": 0.3}))
    with torch.no_grad():
        for parameter in lm.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.5)
    write_family("llama", tmp_path)
    tokenizer_rows = {"vocab_size": 328}
    lm.resize_token_embeddings(tokenizer_rows["vocab_size"])
    lm.save_pretrained(tmp_path)
    settings = BackboneSettings(str(tmp_path))
    vocabulary = build_vocabulary(settings, INDEX, [], "")
    taken = build_backbone(settings, vocabulary, 0.0, "cpu", 0).eval()
    items, scores = beam_search(
        generator_of(taken, vocabulary, INDEX).eval(), Trie(INDEX.codes), np.array([[1, 5]]), 12
    )
    table = exhaustive(taken, vocabulary, INDEX, [1, 5]).sum(axis=1)
    assert scores[0] == pytest.approx(table[items[0]], abs=1e-3)


def test_a_hub_that_is_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def gated(*_: Any, **__: Any) -> None:
        raise OSError("You are trying to access a gated repo.\nMake sure to have access to it.")

    def lost(*_: Any, **__: Any) -> None:
        raise OSError("We couldn't connect to 'https://huggingface.co' to load the files")

    for fault, reason in ((gated, "gated: accept its licence"), (lost, "hub cannot be reached")):
        monkeypatch.setattr(AutoConfig, "from_pretrained", fault)
        with pytest.raises(EnvironmentFault, match=reason):
            load_model("nobody/nothing", "cpu")


def test_kernels(llama: Path) -> None:
    assert kernel_of("auto", "cuda") == "sdpa" and kernel_of("sdpa", "cpu") == "sdpa"
    assert kernel_of("auto", "cuda", Gemma2Config(**SMALL)) == "eager"
    with pytest.raises(ProjectError, match="needs a GPU"):
        load_model(str(llama), "cpu", attention="flash_attention_2")
    assert load_model(str(llama), "cpu", attention="eager").config._attn_implementation == "eager"


def test_how_it_computes(llama: Path) -> None:
    settings = BackboneSettings(str(llama), gradient_checkpointing=True, compile=True, attention="sdpa")
    vocabulary = build_vocabulary(settings, INDEX, [], "")
    lm = build_backbone(settings, vocabulary, 0.0, "cpu", 0, dtype=torch.bfloat16)
    assert lm.is_activation_checkpointing and lm.base_model._compiled_call_impl is not None
    assert lm.config._attn_implementation == "sdpa" and lm.dtype == torch.bfloat16


def test_recomputed_activations_give_the_same_gradients(llama: Path) -> None:
    """Also where nothing at the input learns."""
    grads = []
    for again in (False, True):
        settings = BackboneSettings(str(llama), gradient_checkpointing=again)
        vocabulary = build_vocabulary(settings, INDEX, [], "")
        lm = build_backbone(settings, vocabulary, 0.0, "cpu", 0).train()
        adapt(lm, "lora", LoraSettings(dropout=0.0), vocabulary.new_ids, "one")
        model = generator_of(lm, vocabulary, INDEX)
        model.states(model.embed(model.prompt(torch.tensor([[1, 2, 3]])))).square().sum().backward()
        grads.append({name: p.grad for name, p in lm.named_parameters() if p.grad is not None})
    assert grads[0].keys() == grads[1].keys() and grads[0]
    assert all(torch.allclose(grads[0][name], grads[1][name], atol=1e-5) for name in grads[0])


def test_adapters_know_their_base(llama: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lm"
    shutil.copytree(llama, folder)
    settings = BackboneSettings(str(folder))
    vocabulary = build_vocabulary(settings, INDEX, [], "")
    lm = build_backbone(settings, vocabulary, 0.0, "cpu", 0)
    adapt(lm, "lora", LoraSettings(), vocabulary.new_ids, "one")
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {})
    told = json.loads((tmp_path / "best" / "manifest.json").read_text())["base"]
    assert told == state_of(lm).base and told["model"] == str(folder) and set(told["files"]) == {
        "config.json", "model.safetensors",
    }  # fmt: skip
    load_checkpoint(tmp_path / "best")
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(EnvironmentFault, match=r"model\.safetensors changed since"):
        load_checkpoint(tmp_path / "best")
    shutil.rmtree(folder)
    with pytest.raises(EnvironmentFault, match="not on this machine"):
        load_checkpoint(tmp_path / "best")


def test_a_base_in_the_hubs_cache(llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub id is pinned to its commit."""
    commit, place = "0123456789abcdef0123456789abcdef01234567", tmp_path / "models--some--lm"
    shutil.copytree(llama, place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    import huggingface_hub.constants
    import transformers.utils.hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(transformers.utils.hub.constants, "HF_HUB_CACHE", str(tmp_path))
    settings = BackboneSettings("some/lm")
    vocabulary = build_vocabulary(settings, INDEX, [], "")
    lm = build_backbone(settings, vocabulary, 0.0, "cpu", 0)
    assert state_of(lm).base is not None and state_of(lm).base["revision"] == commit
    adapt(lm, "lora", LoraSettings(), vocabulary.new_ids, "one")
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {})
    load_checkpoint(tmp_path / "best")
    with pytest.raises(EnvironmentFault, match=r"hub cannot be reached|not on this machine"):
        load_model("some/other", "cpu")
