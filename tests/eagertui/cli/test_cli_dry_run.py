"""`train --dry-run`: what would run and what it would cost, in under two seconds of one core, changing nothing."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from core.estimate.paces import StageTime, keep_times, this_machine
from tests.eagertui.cli.cli_tools import PROJECT, eager, eager_process

STAGES = ["data", "semantic", "sasrec", "behavior", "index", "teacher", "tune", "steer", "baselines", "evaluate"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))  # nothing was trained on this machine
    assert eager("--headless", "init", tmp_path / "shop", "--sample").returncode == 0
    return tmp_path / "shop"


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder with its size and time."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")]}


def children_seconds() -> float:
    """Seconds of a processor that children have used, which do not depend on who else wants it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_sample_at_once_and_without_a_trace(shop):
    before = everything(shop)
    began = children_seconds()
    done = eager_process("--headless", "train", shop, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    assert children_seconds() - began < 2
    assert everything(shop) == before
    told = json.loads(done.stdout)
    assert [stage["name"] for stage in told["stages"]] == STAGES
    assert {stage["state"] for stage in told["stages"]} == {"run"}
    assert all(len(stage["fingerprint"]) == 20 and stage["weight"] > 0 for stage in told["stages"])
    assert told["project"] == str(shop / "project.toml") and told["continues"] is None
    assert told["seconds"] is None and {stage["seconds"] for stage in told["stages"]} == {None}
    assert told["memory_mb"] > 500 and told["disk_mb"] > 1 and told["spread"] > 1


def test_the_table_for_people(shop):
    done = eager("--headless", "train", shop, "--dry-run", "--set", "tune.stages.0.epochs=400")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == STAGES
    assert all(line.split()[1] == "run" for line in lines[:-1])
    tune = next(line for line in lines if line.startswith("tune"))
    assert "unknown" in tune and "at most 400 epochs" in tune
    once = eager("train", shop, "--dry-run", "--set", "tune.stages.epochs=1").stdout
    assert "one epoch" in once and "1 epochs" not in once
    assert lines[-1].startswith("time not known before a first run, up to 1.2 GB of memory, ")
    assert "would start a new run" in done.stderr


def test_after_a_run_time_is_told_with_its_span(shop):
    keep_times([StageTime("sasrec", 1, 20.0, 1.0, 40.0, 30.0, 1, False, this_machine())])
    done = eager("train", shop, "--dry-run", "--set", "tune.stages.0.epochs=400")
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("about ") and "GB of memory" in lines[-1] and "of disk" in lines[-1]
    assert "h" in next(line for line in lines if line.startswith("tune")).split()


def test_warnings_are_narration(tmp_path):
    (tmp_path / "project.toml").write_text(PROJECT)
    (tmp_path / "logs.csv").write_text("user_id,item_id\n,\n,\n")
    done = eager("--headless", "train", tmp_path, "--dry-run")
    assert done.returncode == 0
    assert "warning: the data cannot be used as they are" in done.stderr
    assert "unknown" in done.stdout


def test_a_hostile_name_stays_text(tmp_path):
    folder = tmp_path / "a\x1b[31mb"
    folder.mkdir()
    (folder / "project.toml").write_text(PROJECT)
    (folder / "logs.csv").write_text("user_id,item_id\n,\n")
    done = eager("--headless", "train", folder, "--dry-run")
    assert "\x1b" not in done.stdout + done.stderr
    assert "␛" in done.stderr


def test_missing_files_are_the_projects_fault(tmp_path):
    (tmp_path / "project.toml").write_text(PROJECT)
    done = eager("--headless", "train", tmp_path, "--dry-run")
    assert done.returncode == 2
    assert "logs.csv" in done.stderr


def test_what_train_refuses_the_dry_run_refuses_in_the_same_words(shop, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for sets in (["backbone.model=/nonexist"], ["recipe=lc-rec"]):
        overrides = [part for text in sets for part in ("--set", text)]
        dry = eager("--headless", "train", shop, "--dry-run", *overrides)
        told = eager("--headless", "train", shop, "--dry-run", "--json", *overrides)
        real = eager("--headless", "train", shop, "--new", *overrides)
        assert dry.returncode == told.returncode == real.returncode == 3
        words = [line for line in real.stderr.splitlines() if line.startswith("error: ")]
        assert len(words) == 1 and words[0] in dry.stderr and words[0] in told.stderr
        assert json.loads(told.stdout)["stages"]
