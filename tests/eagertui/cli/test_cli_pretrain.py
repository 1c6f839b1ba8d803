"""The verb `pretrain`: a decoder from several logs."""

from __future__ import annotations

import json
from pathlib import Path

from core.sample.shop import write_shops
from tests.eagertui.cli.cli_tools import eager


def test_a_decoder_is_made_of_two_shops(tmp_path: Path) -> None:
    write_shops(tmp_path, readers=40)
    sets = ["backbone.hidden_size=16", "backbone.layers=1", "backbone.heads=2", "backbone.intermediate_size=16",
            "backbone.text_vocabulary=300", "run.device=cpu", "run.dtype=fp32", "run.threads=1"]  # fmt: skip
    given = [part for text in sets for part in ("--set", text)]
    corpora = ["--corpus", tmp_path / "fact", "--corpus", tmp_path / "fiction" / "project.toml"]
    out = tmp_path / "decoder"
    argv = ["pretrain", tmp_path / "fiction", *corpora, "--out", out, *given, "--shared-users", "--epochs", "1"]
    argv += ["--json"]
    done = eager(*argv)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["folder"] == str(out) and told["corpora"].keys() == {"fact", "fiction"}
    assert told["corpora"]["fact"]["cut"] > 0 and json.loads((out / "pretrained.json").read_text())["seed"] == 0
    assert (out / "model.safetensors").is_file() and (out / "tokenizer.json").is_file()

    again = eager(*argv)
    assert again.returncode == 2 and "is there already" in again.stderr
    wrong = eager("pretrain", tmp_path / "fiction", "--corpus", tmp_path / "nowhere", "--out", tmp_path / "other")
    assert wrong.returncode == 2 and "nowhere" in wrong.stderr and not (tmp_path / "other").exists()
