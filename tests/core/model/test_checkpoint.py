"""A checkpoint is loaded whole or refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.model.checkpoint import generator_of, load_checkpoint, save_checkpoint
from core.model.trie import Trie
from core.recommend.beam import beam_search
from tests.core.engine_tools import FAMILIES, small_index, small_lm, uneven_codes

INDEX = small_index(uneven_codes(20, 3, 4, 0), (4, 4, 4))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    lm, vocabulary = small_lm("tiny", folder, INDEX)
    save_checkpoint(folder / "best", lm, vocabulary, INDEX, {"epoch": 3})
    return folder / "best"


@pytest.mark.parametrize("family", FAMILIES)
def test_round_trip(family: str, tmp_path: Path) -> None:
    lm, vocabulary = small_lm(family, tmp_path / "lm", INDEX, "a coral story")
    before = beam_search(generator_of(lm, vocabulary, INDEX).eval(), Trie(INDEX.codes), np.array([[3, 4], [9, 9]]), 20)
    save_checkpoint(tmp_path / "best", lm, vocabulary, INDEX, {})
    held = load_checkpoint(tmp_path / "best")
    assert held.index.base_id == INDEX.base_id and not held.model.training
    after = beam_search(held.model, held.trie, np.array([[3, 4], [9, 9]]), 20)
    assert before[0].tobytes() == after[0].tobytes() and before[1].tobytes() == after[1].tobytes()


def test_weights_are_safetensors_and_the_manifest_names_every_file(saved: Path) -> None:
    names = {path.name for path in saved.iterdir()}
    assert "model.safetensors" in names and not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)
    manifest = json.loads((saved / "manifest.json").read_text())
    assert set(manifest["files"]) == names - {"manifest.json"}
    assert manifest["epoch"] == 3 and manifest["index"] == INDEX.base_id


def test_saving_twice_writes_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    held = load_checkpoint(saved)
    lm, vocabulary = small_lm("tiny", tmp_path, INDEX)
    save_checkpoint(tmp_path / "best", lm, vocabulary, held.index, {"epoch": 3})
    for path in saved.iterdir():
        assert (tmp_path / "best" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("how", ["changed", "truncated", "missing"])
def test_any_file_that_is_not_as_it_was_is_refused(how: str, saved: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in saved.iterdir())
    for name in names:
        if name == "manifest.json" and how == "changed":
            continue  # below
        folder = tmp_path / name
        shutil.copytree(saved, folder)
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        if how == "truncated":
            (folder / name).write_bytes(content[: len(content) // 2])
        elif how == "changed":
            (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(DataError, match=tmp_path.name):
            load_checkpoint(folder)
    load_checkpoint(saved)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"files": []}', '{"files": {"config.json": 3}}'])
def test_a_broken_manifest_is_refused(text: str, saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "best"
    shutil.copytree(saved, folder)
    (folder / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError):
        load_checkpoint(folder)


def test_another_models_index_is_refused(saved: Path, tmp_path: Path) -> None:
    """Also where somebody made the digests fit."""
    folder = tmp_path / "best"
    shutil.copytree(saved, folder)
    other = small_index(uneven_codes(20, 3, 4, 1), (4, 4, 4))
    other.save(folder / "index.parquet")
    with pytest.raises(DataError):
        load_checkpoint(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    import hashlib

    manifest["files"]["index.parquet"] = hashlib.sha256((folder / "index.parquet").read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(DataError, match="index"):
        load_checkpoint(folder)


def test_no_folder_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        load_checkpoint(tmp_path / "nowhere")
