"""Backbones from GGUF files: what a header says, what is refused and how, and a model that is read, tuned and moved."""

from __future__ import annotations

import importlib.util
import json
import shutil
import struct
from pathlib import Path

import pytest
import torch

from core.errors import EagerError, EnvironmentFault, ProjectError
from core.files import digest
from core.jobs.start import check_start
from core.model.gguf_header import check_gguf, is_gguf, read_header
from core.model.size import shape_of
from core.pipeline import recipes_of
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporting import NullReporter
from tests.core.model.gguf_tools import write_gguf

LORA = """
[backbone]
model = "models/tiny.gguf"
[lora]
dropout = 0.0
[tune]
batch_tokens = 256
validate_users = 10
[[tune.stages]]
name = "sequential"
train = "lora+new-tokens"
epochs = 1
"""


def header(*values: tuple[str, str | int], tensors: int = 1, version: int = 3) -> bytes:
    """A file of one small tensor of 16 numbers, by hand."""

    def text(words: str) -> bytes:
        return struct.pack("<Q", len(words.encode())) + words.encode()

    made = b"GGUF" + struct.pack("<IQQ", version, tensors, len(values))
    for key, value in values:
        kind = struct.pack("<I", 8 if isinstance(value, str) else 4)
        made += text(key) + kind + (text(value) if isinstance(value, str) else struct.pack("<I", value))
    for number in range(tensors):
        made += text(f"tensor{number}") + struct.pack("<IQQIQ", 2, 4, 4, 0, 64 * number)
    made += b"\0" * (-len(made) % 32)
    return made + b"\0" * 64 * tensors


NAMED = header(("general.architecture", "gemma3"), ("gemma3.block_count", 2))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"PK\x03\x04" + b"\0" * 100, "does not begin with the letters GGUF"),
        (NAMED[:3], "does not begin"),
        (NAMED[:20], "list of tensors ends too early"),
        (NAMED[:70], "list of tensors ends too early"),
        (header(("general.architecture", "gemma3"), version=1), "of version 1"),
        (header(("general.name", "nothing")), "no language model"),
        (header(("general.architecture", "gemma3"), tensors=0), "no language model"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60), "list of tensors ends too early"),
    ],
)
def test_a_foreign_or_damaged_file_is_refused_in_a_sentence(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(EnvironmentFault, match=reason) as caught:
        read_header(tmp_path / "model.gguf")
    assert str(tmp_path / "model.gguf") in caught.value.message and "backbone.model" in caught.value.remedy


def test_what_a_header_says(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(NAMED)
    found = read_header(tmp_path / "model.gguf")
    assert (found.family, found.number("block_count"), found.number("head_count", 7)) == ("gemma3", 2, 7)
    assert found.tensors["tensor0"].shape == (4, 4) and found.start + 64 == found.size
    assert is_gguf("folder/Model.GGUF") and not is_gguf("gguf/model")


def test_without_the_package_the_fault_names_it(monkeypatch: pytest.MonkeyPatch, world: Path) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gguf" else known(name))
    (world.parent / "model.gguf").write_bytes(NAMED)
    project = Project.load(world, ["backbone.model=model.gguf"])
    with pytest.raises(EnvironmentFault, match="is a GGUF file, and the package gguf") as caught:
        check_start(project)
    assert caught.value.exit_code == 3 and caught.value.remedy == "pip install 'eagertui[gguf]'"
    assert not project.runs_dir.exists()


def test_a_file_that_is_not_there(world: Path) -> None:
    with pytest.raises(ProjectError, match=r"there is no file .*gone\.gguf"):
        check_start(Project.load(world, ["backbone.model=gone.gguf"]))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model in a GGUF file; the same in the folder beside it."""
    pytest.importorskip("gguf", reason="the package gguf is not installed: pip install 'eagertui[gguf]'")
    folder = tmp_path_factory.mktemp("gguf")
    torch.save(write_gguf(folder / "tiny.gguf", folder / "plain"), folder / "held.pt")
    return folder / "tiny.gguf"


def test_what_is_read_is_what_the_file_holds_in_bf16(file: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    from core.model.gguf_conversion import convert_gguf

    told = convert_gguf(file, tmp_path / "model", NullReporter())
    held, found = torch.load(file.parent / "held.pt"), load_file(tmp_path / "model" / "model.safetensors")
    assert set(found) == set(held)
    for name, weight in held.items():
        assert found[name].dtype == torch.bfloat16
        torch.testing.assert_close(found[name].float(), weight, rtol=2**-8, atol=2**-9)
    assert told["parameters"] == sum(weight.numel() for weight in held.values())
    source = json.loads((tmp_path / "model" / "source.json").read_text())
    assert source == {"file": "tiny.gguf", "sha256": digest(file)}
    assert "quantization_config" not in json.loads((tmp_path / "model" / "config.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert tokenizer.decode(tokenizer.encode("The amber book, part 3"), skip_special_tokens=True).strip() == (
        "The amber book, part 3"
    )
    shape = shape_of({"model": file.name}, 0, lambda name: file.parent / name)
    assert shape is not None and (shape.hidden, shape.layers, shape.rows) == (32, 2, 328)
    assert shape.gated and shape.tied and shape.parameters + 2 * (4 * 32 + 16) + 32 == told["parameters"]


def test_a_file_that_is_cut_short(file: Path, tmp_path: Path) -> None:
    content = file.read_bytes()
    check_gguf(file)
    for length in (len(content) - 33, len(content) // 2):
        (tmp_path / "cut.gguf").write_bytes(content[:length])
        with pytest.raises(EnvironmentFault, match=f"is cut short: it has {length:,} bytes, and its weights need"):
            check_gguf(tmp_path / "cut.gguf")


def test_an_architecture_that_nobody_reads_and_a_tensor_less(file: Path, tmp_path: Path) -> None:
    from core.model.gguf_conversion import convert_gguf

    content = file.read_bytes()
    (tmp_path / "other.gguf").write_bytes(content.replace(b"gemma3", b"gemmaX"))
    with pytest.raises(EnvironmentFault, match="GGUF file of the architecture 'gemmaX'"):
        convert_gguf(tmp_path / "other.gguf", tmp_path / "one", NullReporter())
    (tmp_path / "less.gguf").write_bytes(content.replace(b"blk.1.ffn_up", b"blk.1.ffn_XX"))
    with pytest.raises(EnvironmentFault, match=r"1 of its weights .*layers\.1\.mlp\.up_proj"):
        convert_gguf(tmp_path / "less.gguf", tmp_path / "two", NullReporter())


@pytest.mark.slow  # a whole run
def test_a_whole_run_from_a_file_its_project_moved_afterwards(file: Path, world: Path) -> None:
    from core.jobs.work import train_run
    from core.model.adapters import NEW_ROWS
    from core.model.export import export_model
    from core.recommend.recommender import Recommender

    (world.parent / "models").mkdir()
    shutil.copy(file, world.parent / "models" / "tiny.gguf")
    text = world.read_text()
    world.write_text(text[: text.index("[backbone]")] + LORA + text[text.index("[recommend]") :])
    project = Project.load(world, ["run.dtype=bf16", "tune.softmax=legal", "recommend.beams=8"])
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(folder) == 0, folder.status().error
    assert next(iter(recipes_of(project))) == "backbone"
    best = folder.artefact("tune") / "best"
    base = json.loads((best / "manifest.json").read_text())["base"]
    assert base["source"] == {"file": "tiny.gguf", "sha256": digest(file)}
    assert (best / NEW_ROWS).is_file() and not (best / "model.safetensors").exists()
    lists = Recommender.load(folder.path).recommend(history=["i01", "i02"], k=5)
    shutil.move(world.parent, world.parent.with_name("elsewhere"))
    moved = world.parent.with_name("elsewhere") / "runs" / folder.path.name
    assert Recommender.load(moved).recommend(history=["i01", "i02"], k=5) == lists
    out = export_model(RunFolder(moved), moved.parent.parent / "out")
    assert "tiny.gguf, under apache-2.0" in (out / "README.md").read_text()
    (moved.parent.parent / "models" / "tiny.gguf").write_bytes(b"changed")
    with pytest.raises(EagerError, match="GGUF"):
        check_start(Project.load(moved.parent.parent / "project.toml", ["run.dtype=bf16"]))
