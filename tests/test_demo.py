"""The demo that ships with the program: small, whole, of no machine, good, and read-only."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from core.assets import assets_path, demo_path, is_demo
from core.errors import ProjectError
from core.evaluate.comparison.measured_run import load_run
from core.index.revisions.add import add_items, remove_items
from core.jobs.housekeeping import pruning, removal
from core.jobs.start import create_run, start_training
from core.jobs.work import evaluate_run
from core.project import Project
from core.recommend.cache.list_jobs import build_cache
from core.recommend.recommender import Recommender
from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.listing import find_run
from core.run.rankings import FUSED
from core.run.reducer import reduce_all
from core.run.state import RunState
from eagertui.plain import project_file
from tests.benchmarks.terminal.demo import MOST, packed

ABSOLUTE = re.compile(r"(?<![\w.:/<])/(?:[\w.-]+/)+|\b[A-Z]:\\")
"""A path from a machine's root."""


@pytest.fixture(scope="module")
def run() -> RunFolder:
    return find_run(Project.load(demo_path()).runs_dir)


def test_it_is_small(run: RunFolder) -> None:
    assert sum(packed(demo_path()).values()) <= MOST


def test_it_is_of_no_machine(run: RunFolder) -> None:
    """No path, no host, no process of whoever made it."""
    for file in demo_path().rglob("*"):
        if file.suffix in (".json", ".jsonl", ".toml"):
            text = file.read_text(encoding="utf-8")
            assert not ABSOLUTE.search(text) and '"argv"' not in text, file
    assert run.status().host == "" and run.status().pid == 0


def test_every_stage_is_there_and_the_story_is_whole(run: RunFolder) -> None:
    for note in (run.path / "stages").iterdir():
        assert run.artefact(note.stem).is_relative_to(demo_path())
    reader = EventReader(run.events_path)
    state = reduce_all(RunState(), reader.poll())
    assert state.missing == reader.bad == state.unknown == 0 and state.state == "finished"
    assert len(state.watched) == 16 and all(len(lists) > 5 for lists in state.watched.values())


def test_its_lists_are_good_ones(run: RunFolder) -> None:
    """Seen items kept, all users: it is at least as good as SASRec, and far from chance."""
    test = run.metrics()["test"]
    assert test[FUSED]["recall@10"] > test["model"]["recall@10"] > 0.3
    assert test[FUSED]["recall@10"] >= test["sasrec"]["recall@10"]
    recommender = Recommender.load(run.path)
    answer = recommender.recommend(recommender.users()[0], k=5)
    assert len(answer.items) == 5 and not answer.notes
    assert recommender.explain(user=recommender.users()[0]).path
    assert len(load_run(run).kept[FUSED]) == 2000


REFUSED: dict[str, Callable[[RunFolder], object]] = {
    "train": lambda run: start_training(Project.load(demo_path())),
    "train anew": lambda run: start_training(Project.load(demo_path()), new=True),
    "a run": lambda run: create_run(Project.load(demo_path())),
    "evaluate": lambda run: evaluate_run(run, ["evaluate.bootstrap=7"]),
    "delete": lambda run: removal(run.path.parent, [run]),
    "prune": lambda run: pruning(run.path.parent),
    "name": lambda run: run.set_label(label="mine"),
    "add": lambda run: add_items(run, assets_path() / "sample" / "items.parquet"),
    "remove": lambda run: remove_items(run, ["b0001"]),
    "cache": lambda run: build_cache(run.path, {}, lambda text: None, lambda *args: None),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_not_changed(what: str, run: RunFolder) -> None:
    before = sorted(demo_path().rglob("*"))
    with pytest.raises(ProjectError, match="the demo ships with the program and stays as it is") as told:
        REFUSED[what](run)
    assert "eagertui init --sample" in told.value.remedy
    assert sorted(demo_path().rglob("*")) == before


def test_the_word_demo_is_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_file(Path("demo")) == demo_path() / "project.toml"
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "project.toml").write_text('name = "mine"\n')
    assert project_file(Path("demo")) == Path("demo/project.toml")
    assert is_demo(demo_path() / "runs" / "x") and not is_demo(tmp_path / "demo") and not is_demo(assets_path())


def test_what_it_was_made_from_is_the_sample_that_ships(run: RunFolder) -> None:
    data = json.loads((run.artefact("data") / "stage.json").read_text())
    assert data["summary"]["users"] == 2000 and data["summary"]["items"] == 900
