"""Adapters: what they sit on, what learns, and what a checkpoint with them refuses."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from core.errors import DataError, ProjectError
from core.model.backbone import build_backbone
from core.model.checkpoint import load_checkpoint, save_checkpoint
from core.model.export import export_model
from core.model.peft_layers import adapt, linear_layers, state_of
from core.model.vocabulary import Vocabulary, build_vocabulary
from core.model_settings import BackboneSettings, LoraSettings
from core.recommend.beam import beam_search
from tests.core.engine_tools import small_index, uneven_codes
from tests.core.model.families import write_family

INDEX = small_index(uneven_codes(12, 2, 4, 0), (4, 4))
LLAMA = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_family("llama", tmp_path_factory.mktemp("llama") / "lm")


def taken(folder: Path) -> tuple[PreTrainedModel, Vocabulary]:
    settings = BackboneSettings(str(folder))
    vocabulary = build_vocabulary(settings, INDEX, [], "")
    return build_backbone(settings, vocabulary, 0.0, "cpu", 0), vocabulary


def learning(lm: PreTrainedModel) -> set[str]:
    return {name for name, parameter in lm.named_parameters() if parameter.requires_grad}


def stir(lm: PreTrainedModel, seed: int = 3) -> None:
    """As if the parameters that learn had learned something."""
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in lm.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=noise) * 0.1)


def saved(folder: Path, llama: Path, *stages: str) -> Path:
    lm, vocabulary = taken(llama)
    for number, train in enumerate(stages):
        adapt(lm, train, LoraSettings(rank=2), vocabulary.new_ids, f"stage {number}")
        stir(lm, number)
    save_checkpoint(folder, lm, vocabulary, INDEX, {"epoch": 1})
    return folder


def test_linear_layers_by_architecture(tmp_path: Path) -> None:
    for family, names in (("llama", LLAMA), ("gemma3", LLAMA), ("gpt2", {"c_attn", "c_proj", "c_fc"})):
        lm, vocabulary = taken(write_family(family, tmp_path / family))
        assert set(linear_layers(lm)) == names
        adapt(lm, "lora+new-tokens", LoraSettings(), vocabulary.new_ids, "one")
        assert set(linear_layers(lm)) == names  # an adapted model has the same
        on = {name.split(".lora_")[0].rpartition(".")[2] for name in learning(lm) if ".lora_" in name}
        assert on == names


@pytest.mark.parametrize(
    ("train", "inside"),
    [("lora", {"lora_A", "lora_B"}), ("new-tokens", {"trainable_tokens_delta"}),
     ("lora+new-tokens", {"lora_A", "lora_B", "trainable_tokens_delta"})],
)  # fmt: skip
def test_what_learns(train: str, inside: set[str], llama: Path) -> None:
    lm, vocabulary = taken(llama)
    adapter = adapt(lm, train, LoraSettings(rank=2), vocabulary.new_ids, "one")
    assert adapter is not None and adapter.has_tokens == ("trainable_tokens_delta" in inside)
    found = learning(lm)
    assert {kind for name in found for kind in inside if kind in name.split(".")} == inside
    assert all(any(kind in name.split(".") for kind in inside) for name in found)
    counts = [p.numel() for n, p in lm.named_parameters() if n in found and "delta" in n]
    assert counts == ([8 * 32] * 2 if adapter.has_tokens else [])  # input and output: the head is its own
    adapt(lm, "all", LoraSettings(), vocabulary.new_ids, "two")
    assert not learning(lm) & found and any("base_layer" in name for name in learning(lm))


def test_own_targets(llama: Path) -> None:
    lm, vocabulary = taken(llama)
    adapt(lm, "lora", LoraSettings(targets=("q_proj", "mlp.up_proj")), vocabulary.new_ids, "one")
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in learning(lm)} == {"q_proj", "up_proj"}
    with pytest.raises(ProjectError, match="names query, lm_head, which") as caught:
        adapt(lm, "lora", LoraSettings(targets=("q_proj", "query", "lm_head")), vocabulary.new_ids, "two")
    assert all(name in caught.value.remedy for name in LLAMA)


def test_names_are_told_apart(llama: Path) -> None:
    lm, vocabulary = taken(llama)
    for name in ("layers", "a.b/c d", "lora_A"):  # whatever peft thinks of such a name
        adapt(lm, "lora", LoraSettings(), vocabulary.new_ids, name)
    assert [adapter.name for adapter in state_of(lm).adapters] == ["layers", "a.b/c d", "lora_A"]
    with pytest.raises(ProjectError, match="two stages"):
        adapt(lm, "new-tokens", LoraSettings(), vocabulary.new_ids, "layers")


def test_weights_are_the_seeds_and_nobody_elses(llama: Path) -> None:
    found = []
    for seed in (0, 0, 1):
        lm, vocabulary = taken(llama)
        torch.manual_seed(99)
        adapt(lm, "lora", LoraSettings(), vocabulary.new_ids, "one", seed)
        found.append(torch.cat([p.flatten() for n, p in lm.named_parameters() if "lora_A" in n]))
        assert torch.rand(1) == torch.rand(1, generator=torch.Generator().manual_seed(99))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_the_same_bytes_every_time(llama: Path, tmp_path: Path) -> None:
    one, two = (saved(tmp_path / name, llama, "lora+new-tokens", "lora") for name in ("one", "two"))
    names = sorted(path.relative_to(one).as_posix() for path in one.rglob("*") if path.is_file())
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    told = json.loads((one / "manifest.json").read_text())
    assert sorted([*told["files"], "manifest.json"]) == names
    assert [adapter["name"] for adapter in told["adapters"]] == ["stage 0", "stage 1"]
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names) and "model.safetensors" not in names


def test_adapters_on_trained_weights(llama: Path, tmp_path: Path) -> None:
    """As the annealing adapter: everything first, then LoRA; the base stays as it was trained."""
    lm, vocabulary = taken(llama)
    adapt(lm, "all", LoraSettings(), vocabulary.new_ids, "tasks")
    stir(lm)
    save_checkpoint(tmp_path / "before", lm, vocabulary, INDEX, {})
    adapt(lm, "lora", LoraSettings(), vocabulary.new_ids, "annealing")
    stir(lm)
    save_checkpoint(tmp_path / "after", lm, vocabulary, INDEX, {})
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("before", "after")]
    assert weights[0] == weights[1]
    shutil.move(llama, tmp_path / "away")  # it needs nobody else
    try:
        before = load_checkpoint(tmp_path / "before")
        below, whole = (load_checkpoint(tmp_path / "after", adapters=wanted) for wanted in (False, True))
    finally:
        shutil.move(tmp_path / "away", llama)
    scores = [beam_search(one.model, one.trie, np.array([[1, 2]]), 12)[1] for one in (before, below, whole)]
    assert np.array_equal(scores[0], scores[1]) and np.abs(scores[2] - scores[1]).max() > 1e-3


def test_damaged_adapters_are_refused(llama: Path, tmp_path: Path) -> None:
    whole = saved(tmp_path / "whole", llama, "lora+new-tokens")
    names = sorted(path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file())
    assert "new_rows.safetensors" in names and any(name.startswith("adapters/") for name in names)
    for name in names:
        for damage in ("missing", "truncated"):
            folder = tmp_path / f"{damage}-{name.replace('/', '-')}"
            shutil.copytree(whole, folder)
            content = (folder / name).read_bytes()
            (folder / name).unlink()
            if damage == "truncated":
                (folder / name).write_bytes(content[: len(content) // 2])
            with pytest.raises(DataError, match=r"missing-|truncated-"):
                load_checkpoint(folder)
            with pytest.raises((DataError, ProjectError)):  # without a manifest it is no checkpoint at all
                export_model(folder, tmp_path / "out")
            assert not (tmp_path / "out").exists()
    with pytest.raises(DataError, match="no adapter nonsense") as caught:
        load_checkpoint(whole, adapters=["stage 0", "nonsense"])
    assert "stage 0" in caught.value.remedy


def test_prompts_travel_with_the_model(llama: Path, tmp_path: Path) -> None:
    (tmp_path / "sequential.toml").write_text("wordings = []\n", encoding="utf-8")
    lm, vocabulary = taken(llama)
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {}, [tmp_path / "sequential.toml"])
    assert "prompts/sequential.toml" in json.loads((tmp_path / "best" / "manifest.json").read_text())["files"]
    load_checkpoint(tmp_path / "best")
    out = export_model(tmp_path / "best", tmp_path / "plain")
    assert (out / "prompts" / "sequential.toml").read_text() == "wordings = []\n"
    (tmp_path / "best" / "prompts" / "sequential.toml").write_text("wordings = [1]\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"sequential\.toml: changed"):
        load_checkpoint(tmp_path / "best")


def test_an_export_touches_nothing_that_is_there(llama: Path, tmp_path: Path) -> None:
    saved(tmp_path / "best", llama, "lora")
    (tmp_path / "out").mkdir()
    with pytest.raises(ProjectError, match="there already"):
        export_model(tmp_path / "best", tmp_path / "out")
    with pytest.raises(ProjectError, match="neither a run nor a checkpoint"):
        export_model(tmp_path / "out", tmp_path / "plain")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "out"]


@pytest.mark.parametrize(("umask", "file", "inside"), [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750)])
def test_an_export_can_be_read_by_whom_the_umask_lets(
    umask: int, file: int, inside: int, llama: Path, tmp_path: Path
) -> None:
    """Libraries write weights for one person alone; a folder that is handed on must not be like that."""
    (tmp_path / "sequential.toml").write_text("wordings = []\n", encoding="utf-8")
    (tmp_path / "sequential.toml").chmod(0o600)
    lm, vocabulary = taken(llama)
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {}, [tmp_path / "sequential.toml"])
    before = os.umask(umask)
    try:
        out = export_model(tmp_path / "best", tmp_path / "plain")
    finally:
        os.umask(before)
    modes = {path.relative_to(out).as_posix(): path.stat().st_mode & 0o777 for path in (out, *out.rglob("*"))}
    assert {"model.safetensors", "tokenizer.json", "index.json", "prompts/sequential.toml"} <= set(modes)
    assert modes == {name: inside if (out / name).is_dir() else file for name in modes}
