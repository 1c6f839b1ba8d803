"""The verb `export`: a trained run as a plain Hugging Face folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.model.checkpoint import load_checkpoint
from core.project import Project
from core.run.folder import RunFolder
from tests.core.engine_tools import walks, write_world
from tests.eagertui.cli.cli_tools import eager


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run of the small world."""
    from core.jobs.work import train_run

    project = Project.load(write_world(tmp_path_factory.mktemp("world"), walks()), ["evaluate.bootstrap=0"])
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(folder) == 0, folder.status().error
    return folder


def test_a_run_is_exported(run: RunFolder, tmp_path: Path) -> None:
    done = eager("export", run.path, "--out", tmp_path / "model", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"run": str(run.path.resolve()), "folder": str(tmp_path / "model")}
    held = load_checkpoint(run.artefact("tune") / "best")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    lm = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    text = held.index.text(3) + held.index.text(5)
    about = json.loads((tmp_path / "model" / "eagertui.json").read_text())
    ids = torch.tensor([about["frame"] + tokenizer.encode(text, add_special_tokens=False)])
    assert ids.tolist() == held.model.prompt(torch.tensor([[3, 5]])).tolist()
    with torch.no_grad():
        assert torch.allclose(lm(input_ids=ids).logits, held.model.lm(input_ids=ids).logits, atol=1e-5)
    codes = json.loads((tmp_path / "model" / "index.json").read_text())
    table = pl.read_parquet(tmp_path / "model" / "index.parquet")
    assert list(codes) == table["item_id"].to_list() == held.index.item_ids.to_list()
    assert "".join(codes["i03"]) == held.index.text(held.index.item_ids.to_list().index("i03"))
    assert np.array_equal(np.array(table["codes"].to_list()), held.index.codes)


def test_what_is_there_is_never_touched(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    done = eager("export", run.path, "--out", tmp_path / "model")
    assert done.returncode == 2 and "there already" in done.stderr
    assert list((tmp_path / "model").iterdir()) == []


def test_usage(tmp_path: Path) -> None:
    assert eager("export", tmp_path, cwd=tmp_path).returncode == 2
    done = eager("export", tmp_path, "--out", tmp_path / "x", cwd=tmp_path)
    assert done.returncode == 2 and "no project in" in done.stderr and not (tmp_path / "x").exists()


@pytest.mark.slow  # a process that loads the model; core/model/test_checkpoint.py damages every file
def test_a_damaged_checkpoint_leaves_nothing(run: RunFolder, tmp_path: Path) -> None:
    """A project stands for its newest finished run."""
    manifest = run.artefact("tune") / "best" / "manifest.json"
    kept = manifest.read_text()
    manifest.write_text("{")
    try:
        done = eager("export", run.path.parent.parent, "--out", tmp_path / "model")
    finally:
        manifest.write_text(kept)
    assert done.returncode == 4 and "cannot be loaded" in done.stderr and str(run.path) in done.stderr
    assert list(tmp_path.iterdir()) == []
