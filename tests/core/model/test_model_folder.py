"""A backbone that could only fail late is refused from its small files, before anything is computed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import EagerError, EnvironmentFault, ProjectError
from core.jobs.start import check_start
from core.model.model_folder import check_backbone
from core.project import Project

GPT2 = {"model_type": "gpt2", "n_positions": 512, "n_embd": 16, "n_layer": 1, "n_head": 1, "vocab_size": 300}
WORDS = {"model": {"type": "BPE", "vocab": {f"w{n}": n for n in range(300)}}}


def project(folder: Path, model: str = "lm", **more: Any) -> Project:
    sets = [f"backbone.model={model}", *(f"{key.replace('__', '.')}={value}" for key, value in more.items())]
    (folder / "project.toml").write_text('[data]\ninteractions = "log.csv"\n')
    return Project.load(folder, sets)


def write(folder: Path, config: Any = GPT2, tokenizer: Any = WORDS, weights: bool = True) -> None:
    lm = folder / "lm"
    lm.mkdir()
    if config is not None:
        (lm / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    if tokenizer is not None:
        (lm / "tokenizer.json").write_text(tokenizer if isinstance(tokenizer, str) else json.dumps(tokenizer))
    if weights:
        (lm / "model.safetensors").write_bytes(b"\0" * 8)


def test_a_whole_folder_is_taken(tmp_path: Path) -> None:
    write(tmp_path)
    check_backbone(project(tmp_path))
    check_backbone(project(tmp_path, "tiny"))


BERT = {"model_type": "bert", "hidden_size": 16, "max_position_embeddings": 512}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"tokenizer": None}, "has no tokenizer"),
        ({"tokenizer": {"model": {"vocab": {"<s>": 0}}}}, "has a tokenizer of 1 tokens"),
        ({"tokenizer": "{"}, r"has a tokenizer\.json that cannot be read"),
        ({"config": None}, r"has no config\.json"),
        ({"config": "{"}, r"has a config\.json that cannot be read"),
        ({"config": "[]"}, r"has a config\.json that holds no settings"),
        ({"config": BERT}, r"is an encoder \(bert\)"),
        ({"config": {**BERT, "model_type": "modernbert"}}, r"is an encoder \(modernbert\)"),
        ({"config": {"model_type": "t5", "is_encoder_decoder": True}}, r"is an encoder-decoder \(t5\)"),
        ({"weights": False}, "has no weights"),
        ({"config": {**GPT2, "n_positions": 32}}, "reads 32 tokens at most, and 20 items of history need at least 43"),
        ({"config": {"model_type": "opt", "max_position_embeddings": 40}}, "reads 40 tokens at most"),
    ],
)
def test_what_is_refused_before_the_first_stage(tmp_path: Path, parts: dict[str, Any], message: str) -> None:
    write(tmp_path, **parts)
    with pytest.raises(EagerError, match=f"^backbone.model: 'lm' {message}") as caught:
        check_start(project(tmp_path))
    assert caught.value.exit_code in (2, 3)


def test_the_history_that_fits_is_taken(tmp_path: Path) -> None:
    write(tmp_path, {**GPT2, "n_positions": 32})
    check_backbone(project(tmp_path, data__max_history=14))
    with pytest.raises(ProjectError, match=r"data\.max_history = 14 may fit"):
        check_backbone(project(tmp_path, data__max_history=15))


@pytest.mark.parametrize(
    "name", ["./ln", "/no/such/folder", "~/no such folder", "a/b/c", "ln", "tinny", "models/qwen", "..x"]
)
def test_a_mistyped_path_is_no_hub_id(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    (tmp_path / "models").mkdir()
    with pytest.raises(ProjectError, match=r"^backbone\.model: there is no folder") as caught:
        check_backbone(project(tmp_path, name))
    assert name not in ("ln", "./ln", "tinny") or "did you mean" in str(caught.value)


def test_a_hub_id_is_left_to_the_hub_unless_that_is_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    check_backbone(project(tmp_path, "someone/large"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EnvironmentFault, match="is not on this machine"):
        check_backbone(project(tmp_path, "someone/large"))


def test_the_dry_run_refuses_too(tmp_path: Path) -> None:
    write(tmp_path, tokenizer=None)
    project(tmp_path)
    rows = [f"u{row % 9},i{row % 7}" for row in range(63)]
    (tmp_path / "log.csv").write_text("\n".join(["user_id,item_id", *rows]) + "\n")
    argv = [sys.executable, "-m", "eagertui.cli", "--headless", "train", str(tmp_path), "--dry-run"]
    done = subprocess.run([*argv, "--set", "backbone.model=lm"], capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "has no tokenizer" in done.stderr and "Traceback" not in done.stderr


def test_looking_loads_no_torch(tmp_path: Path) -> None:
    code = "import sys, core.model.model_folder; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
