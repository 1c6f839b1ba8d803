"""Deleting runs and artefacts: what is shared, at work or pinned stays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.errors import EnvironmentFault, ProjectError
from core.files import locked
from core.jobs.housekeeping import GOING, delete, pruning, removal
from core.project import Project
from core.run.folder import RunFolder
from core.run.listing import RunList, find_run, list_runs
from core.run.status import Status
from core.store import Store
from tests.core.engine_tools import copied_run


@pytest.fixture
def first(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """The trained run in a copy of its project."""
    return copied_run(trained, tmp_path / "shop" / "runs")


@pytest.fixture
def runs_dir(first: RunFolder) -> Path:
    return first.path.parent


def beside(first: RunFolder, *, state: str = "finished", but: str = "") -> RunFolder:
    """Another run with the same artefacts, one of which, `but`, is its own."""
    other = RunFolder.create(first.path.parent, first.project_path.read_text(), "shop")
    for note in (first.path / "stages").iterdir():
        (other.path / "stages" / note.name).write_bytes(note.read_bytes())
    if but:
        mark = "0123456789abcdef0123"
        shutil.copytree(first.artefact(but), first.path.parent / ".store" / mark)
        (other.path / "stages" / f"{but}.json").write_text(json.dumps({"artefact": f"../.store/{mark}"}))
    other.write_status(Status(state=state))
    return other


def test_what_another_run_uses_stays(first: RunFolder, runs_dir: Path) -> None:
    other = beside(first, but="tune")
    deletion = removal(runs_dir, [other])
    stages = len(list((first.path / "stages").iterdir()))
    assert (len(deletion.artefacts), deletion.shared) == (1, stages - 1)
    assert deletion.bytes == sum(file.stat().st_size for folder in (other.path, other.artefact("tune"))
                                 for file in folder.rglob("*") if file.is_file())  # fmt: skip
    delete(deletion)
    assert [run.folder for run in list_runs(runs_dir)] == [first]
    assert first.artefact("tune").is_dir()
    assert not list(runs_dir.glob(f"{GOING}*"))
    delete(removal(runs_dir, [first]))
    assert list((runs_dir / ".store").iterdir()) == []


def test_a_run_at_work_or_pinned_is_never_deleted(first: RunFolder, runs_dir: Path) -> None:
    first.set_label(pinned=True)
    with pytest.raises(ProjectError, match="pinned"):
        removal(runs_dir, [first])
    first.set_label(pinned=False)
    deletion = removal(runs_dir, [first])
    with first.lock(), pytest.raises(EnvironmentFault, match="another engine is at work"):
        delete(deletion)
    assert first.artefact("tune").is_dir()


@pytest.mark.parametrize("key", ["base", "chosen"])
def test_what_another_run_builds_on_stays(first: RunFolder, runs_dir: Path, key: str) -> None:
    later = beside(first)
    text = later.project_path.read_text()
    later.project_path.write_text(text.replace(f'\n{key} = ""', f'\n{key} = "{first.id}"'))
    assert getattr(Project.load(later.project_path).run, key) == first.id
    with pytest.raises(ProjectError, match=f"run {later.id} builds on run {first.id}"):
        removal(runs_dir, [first])
    assert len(removal(runs_dir, [first, later]).runs) == 2


def test_what_an_unfinished_run_would_go_on_from_stays(first: RunFolder, runs_dir: Path) -> None:
    tune = first.artefact("tune")
    tune.rename(tune.with_suffix(".partial"))
    beside(first, state="stopped")
    deletion = removal(runs_dir, [first])
    assert deletion.artefacts == ()
    delete(deletion)
    assert tune.with_suffix(".partial").is_dir()


def test_pruning_takes_what_no_run_uses(first: RunFolder, runs_dir: Path) -> None:
    assert pruning(runs_dir).artefacts == ()
    store = Store(runs_dir / ".store")
    for name in ("a" * 20, "b" * 20 + ".partial"):
        store.artefact(name).mkdir()
        (store.artefact(name) / "x").write_bytes(bytes(100))
    (runs_dir / f"{GOING}old").mkdir()  # a deletion that was cut off
    with locked(store.artefact("b" * 20 + ".partial")):  # a process works on it
        deletion = pruning(runs_dir)
        assert (deletion.bytes, len(deletion.artefacts)) == (100, 2)
        delete(deletion)
    assert not store.artefact("a" * 20).exists()
    assert store.artefact("b" * 20 + ".partial").is_dir()
    assert not (runs_dir / f"{GOING}old").exists()
    assert first.artefact("tune").is_dir()
    assert pruning(runs_dir).bytes == 100


def test_a_label_is_shown_found_and_taken_away(first: RunFolder, runs_dir: Path) -> None:
    listed = RunList(runs_dir)
    assert listed.look()[0].label == ""
    first.set_label(label="wide beams", pinned=True)
    info = listed.look()[0]
    assert (info.label, info.pinned) == ("wide beams", True)
    assert find_run(runs_dir, "wide beams") == first
    first.set_label(label="")
    assert (listed.look()[0].label, listed.look()[0].pinned) == ("", True)


def test_the_store_of_a_run_at_work_that_cannot_be_read_is_left_alone(
    first: RunFolder, runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = beside(first, but="tune", state="queued")
    monkeypatch.setattr(RunFolder, "judge", lambda self, status: Status("running", process="x"))
    other.project_path.write_text("recipe = 3")
    with pytest.raises(ProjectError, match="is not known what run"):
        pruning(runs_dir)
    assert Project.load(first.project_path)
