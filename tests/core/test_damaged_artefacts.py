"""Artefacts that were torn, changed by a bit or deleted: known as such, and made again, to the same figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.jobs.work import train_run
from core.pipeline import plan
from core.project import Project
from core.run.folder import RunFolder
from core.store import STAGE_FILE, Store


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def deleted(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("damage", [torn, flipped, deleted])
def test_every_file_of_every_artefact_is_watched(
    trained: RunFolder, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(trained.path.parent / ".store", tmp_path / "store")
    store, kinds = Store(tmp_path / "store"), set()
    for folder in sorted(path.parent for path in store.path.glob(f"*/{STAGE_FILE}")):
        mark = folder.name
        assert store.has(mark) and store.damaged(mark) is None
        for file in [path for path in folder.rglob("*") if path.is_file() and path.name != STAGE_FILE]:
            before = file.read_bytes()
            if not before:
                continue
            damage(file)
            assert store.damaged(mark) == file
            assert store.has(mark) is (damage is flipped)
            file.write_bytes(before)
            kinds.add(file.suffix)
        damage(folder / STAGE_FILE)
        assert not store.has(mark) or damage is flipped
    assert {".parquet", ".json", ".safetensors"} <= kinds


def test_a_damaged_artefact_is_made_again(trained: RunFolder, tmp_path: Path) -> None:
    """One bit in the data set, a torn index, a deleted table of ranks: the same command ends in the same figures."""
    home = trained.path.parent.parent
    shutil.copytree(home, tmp_path / "world", ignore=shutil.ignore_patterns("*.lock"))
    run = RunFolder(tmp_path / "world" / "runs" / trained.path.name)
    project = Project.load(tmp_path / "world" / "project.toml")
    folders = {stage.name: project.runs_dir / ".store" / stage.fingerprint for stage in plan(project)}
    flipped(folders["data"] / "sequences.parquet")
    torn(next(file for file in folders["index"].glob("*.parquet")))
    deleted(folders["evaluate"] / "ranks.parquet")
    again = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(again) == 0, again.status().error
    said = [json.loads(line) for line in (again.path / "events.jsonl").read_text().splitlines()]
    made = [one.get("stage", one.get("name")) for one in said if one["kind"] == "stage.started"]
    assert made == ["data", "index", "evaluate"]
    assert any(one["kind"] == "alert" and "sequences.parquet" in json.dumps(one) for one in said)
    assert (again.path / "metrics.json").read_bytes() == (run.path / "metrics.json").read_bytes()


def test_a_store_that_an_older_version_made_is_used(tmp_path: Path) -> None:
    """Without digests nothing can be said against its files."""
    folder = tmp_path / "abc"
    folder.mkdir()
    (folder / STAGE_FILE).write_text(json.dumps({"seconds": 1.0, "summary": {}}))
    assert Store(tmp_path).has("abc") and Store(tmp_path).damaged("abc") is None
