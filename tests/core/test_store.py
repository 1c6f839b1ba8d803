"""Artefacts by fingerprint: whole or not there, and resumable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.files import digest
from core.store import Store, fingerprint

RECIPE = {"stage": "index", "version": 1, "settings": {"width": 8, "sources": ["a", "b"]}, "inputs": {"data": "d0"}}


def write(text: str) -> Any:
    def work(folder: Path) -> dict[str, int]:
        (folder / "inner").mkdir(exist_ok=True)
        (folder / "inner" / "file").write_text(text)
        return {"length": len(text)}

    return work


def test_made_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert not store.has("f0")
    about = store.make("f0", RECIPE, write("hello"))
    assert store.has("f0") and about == store.about("f0")
    assert (store.artefact("f0") / "inner" / "file").read_text() == "hello"
    assert about["summary"] == {"length": 5} and about["settings"] == RECIPE["settings"]
    assert about["fingerprint"] == "f0" and about["seconds"] >= 0 and about["versions"]["torch"]
    assert [path.name for path in store.path.iterdir()] == ["f0"]


def test_a_failure_leaves_no_artefact_but_what_was_done(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def half(folder: Path) -> dict[str, int]:
        (folder / "checkpoint").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.make("f0", RECIPE, half)
    assert not store.has("f0") and not store.artefact("f0").exists()

    def rest(folder: Path) -> dict[str, int]:
        assert (folder / "checkpoint").read_text() == "half"
        (folder / "checkpoint").unlink()
        return {}

    store.make("f0", RECIPE, rest)
    assert store.has("f0") and not (store.artefact("f0") / "checkpoint").exists()
    assert [path.name for path in store.path.iterdir()] == ["f0"]


def test_a_folder_without_its_last_file_is_no_artefact(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.artefact("f0").mkdir()
    (store.artefact("f0") / "old").write_text("left by a kill")
    assert not store.has("f0")
    store.make("f0", RECIPE, write("new"))
    assert store.has("f0") and not (store.artefact("f0") / "old").exists()


def test_a_fingerprint_names_content_not_order() -> None:
    assert fingerprint(RECIPE) == fingerprint(dict(reversed(RECIPE.items())))
    assert fingerprint(RECIPE) == fingerprint(json.loads(json.dumps(RECIPE)))
    assert len(fingerprint(RECIPE)) == 20 and set(fingerprint(RECIPE)) <= set("0123456789abcdef")
    for change in ({"version": 2}, {"inputs": {"data": "d1"}}, {"settings": {"width": 8, "sources": ["b", "a"]}}):
        assert fingerprint({**RECIPE, **change}) != fingerprint(RECIPE)


def test_a_files_digest_is_its_contents(tmp_path: Path) -> None:
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).write_text(text)
    digests = {name: digest(tmp_path / name) for name in "abc"}
    assert digests["a"] == digests["b"] != digests["c"]


def test_what_a_killed_process_was_writing_is_no_part_of_the_artefact(tmp_path: Path) -> None:
    """`kill -9` in the middle of a checkpoint of a stage leaves its temporary file behind."""
    store = Store(tmp_path)
    left = tmp_path / "f0.partial" / "inner" / ".loop-6.safetensors.5u2dxnom"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    assert "inner/file" in store.make("f0", RECIPE, write("hello"))["files"]
    assert sorted(store.about("f0")["files"]) == ["inner/file"]
    assert not (store.artefact("f0") / "inner" / left.name).exists()
