"""What version 0.1.0 trained stays usable: a run that it made, kept with what it printed of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.jobs.start import find_unfinished
from core.pipeline import plan
from core.project import Project
from core.run.listing import list_runs

AS_THEN = [
    "vectors.align=none", "index.conflicts=matching", "tune.drawn=0.0", "tune.distill=0.8",
    "tune.transitions_share=0.5",
]  # fmt: skip
"""What the recipe says otherwise today."""
ROOT = Path(__file__).resolve().parents[1]
FIXTURES = Path(__file__).with_name("fixtures")
METHODS = ("model", "dense", "popularity", "transitions", "itemknn", "sasrec")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder that holds the project `shop` with its run, and what 0.1.0 printed."""
    shutil.unpack_archive(FIXTURES / "run-0.1.0.zip", tmp_path)
    return tmp_path


def eager(*args: object) -> str:
    """What a verb prints on stdout, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, "-m", "eagertui.cli", "--headless", *map(str, args)]
    done = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


def words(text: str) -> list[list[str]]:
    """The words of every line; how wide the columns are does not matter."""
    return [line.split() for line in text.splitlines() if line.strip(" ─")]


def test_a_list_is_what_it_was(kept: Path) -> None:
    """0.1.0 left the held-out item out of a user's history without saying so: its list is the one as tested."""
    printed = eager("recommend", kept / "shop", "--user", "u001", "--as-tested")
    assert printed.startswith("user u001 as tested, ")
    # Since then a list shows codes, too; what stood there still does, in its order.
    left = iter(printed.replace(" as tested", "").split())
    missing = [word for word in (kept / "recommend.txt").read_text().split() if word.strip("─") and word not in left]
    assert missing == []


def test_the_figures_are_what_they_were(kept: Path) -> None:
    """Measured anew, beside methods that 0.1.0 did not have; what it fused was the dense head alone.

    The model's own lists are computed in other batches than by 0.1.0, and in bf16: one of a hundred users may change.
    """
    printed = words(eager("evaluate", kept / "shop"))
    rows = {line[0]: line[1:7] for line in reversed(printed) if line[0] in METHODS}  # seen items kept stand first
    for line in words((kept / "train.txt").read_text()):
        if line[0] in METHODS:
            near = 0.011 if line[0] in ("model", "dense") else 0.0
            now, before = ([float(word) for word in some[:5]] for some in (rows.pop(line[0]), line[1:7]))
            assert now == pytest.approx(before, abs=near), line[0]
    assert not rows


def test_nothing_is_trained_anew(kept: Path) -> None:
    project = Project.load(kept / "shop", AS_THEN)
    same = ("data", "semantic", "sasrec", "behavior", "teacher", "index", "tune")
    measured = dict.fromkeys(("steer", "baselines", "evaluate"), "run")  # 0.1.0 had no `steer`, which nothing reads
    assert {one.name: one.state for one in plan(project)} == {**dict.fromkeys(same, "reuse"), **measured}
    assert find_unfinished(project) is None
    assert [run.status.state for run in list_runs(project.runs_dir)] == ["finished"]


def test_its_project_loads_without_a_word_and_export_works(kept: Path, tmp_path: Path) -> None:
    (run,) = list_runs(Project.load(kept / "shop").runs_dir)
    resolved = Project.load(run.folder.project_path)
    assert "[rq_vae]" in run.folder.project_path.read_text() and resolved.notes == ()
    assert (resolved.vectors.align, Project.load(kept / "shop").vectors.align) == ("none", "contrast")
    eager("export", kept / "shop", "--out", tmp_path / "model")
    assert (tmp_path / "model" / "config.json").is_file()


def test_a_training_that_it_left_goes_on(kept: Path, tmp_path: Path) -> None:
    """From the step where it stood, not from the beginning; its sums are rounded otherwise than those of 0.1.0."""
    shutil.unpack_archive(FIXTURES / "unfinished-run-0.1.0.zip", tmp_path / "left")
    shop = tmp_path / "left" / "shop"
    (run,) = list_runs(Project.load(shop).runs_dir)
    assert run.status.state == "stopped" and find_unfinished(Project.load(shop, AS_THEN)) is not None
    eager("train", shop, *(part for text in AS_THEN for part in ("--set", text)))
    (same,) = list_runs(Project.load(shop).runs_dir)
    assert same.id == run.id and same.status.state == "finished"
    events = [json.loads(line) for line in run.folder.events_path.read_text().splitlines()]
    steps = [one["step"] for one in events if one["kind"] == "metric" and "loss" in one.get("values", {})]
    assert steps == sorted(set(steps))  # none is made twice
    (whole,) = list_runs(Project.load(kept / "shop").runs_dir)
    now, before = (run.folder.metrics()["test"] for run in (same, whole))
    baselines = [name for name in METHODS if name not in ("model", "dense")]
    assert {name: now[name] for name in baselines} == {name: before[name] for name in baselines}
    assert now["dense"]["recall@10"] == pytest.approx(before["dense"]["recall@10"], abs=0.2)
