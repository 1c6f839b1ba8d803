"""Short jobs in a process of their own: what they answer, and that they change nothing they should not."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli

from core import pipeline
from core.jobs.errands import CACHED, data, guessed_fields
from core.project import Project
from core.run.launch import engine_environment
from core.store import Store, fingerprint

LOG = "user_id,item_id,timestamp\n" + "".join(
    f"u{user},i{(user + step) % 7},{1700000000 + 1000 * step}\n" for user in range(12) for step in range(6)
)


def errand(*argv: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and messages of one errand."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "core", "errand", *argv],
        capture_output=True, text=True, env=engine_environment(), check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "logs.csv").write_text(LOG)
    file = tmp_path / "project.toml"
    file.write_text('name = "shop"\n[data]\ninteractions = "logs.csv"\ntime = "timestamp"\n')
    return file


def test_data_are_read_once_and_kept_for_training(shop: Path) -> None:
    code, said = errand("data", str(shop))
    assert code == 0
    assert [next(iter(message)) for message in said] == ["progress", "progress", "result"]
    result = said[-1]["result"]
    assert not result["reused"]
    assert result["profile"]["users"] == 12
    project = Project.load(shop)
    mark = fingerprint(pipeline.recipes_of(Project.load(shop))["data"])
    assert Path(result["artefact"]) == Store(project.runs_dir / ".store").artefact(mark).resolve()
    assert [stage.state for stage in pipeline.plan(project) if stage.name == "data"] == ["reuse"]
    again = errand("data", str(shop))[1][-1]["result"]
    assert again["reused"]
    assert again["profile"] == result["profile"]


def test_what_is_wrong_arrives_as_message_and_remedy(shop: Path) -> None:
    (shop.parent / "logs.csv").write_text("a,b\n1,2\n")
    code, said = errand("data", str(shop))
    assert code == 2
    assert "user_id" in said[-1]["error"]["message"]
    assert said[-1]["error"]["exit_code"] == 2
    assert not list((shop.parent / "runs").glob(".store/*/stage.json"))


def test_settings_count_that_the_project_file_does_not_hold(shop: Path) -> None:
    result = errand("data", str(shop), "--set", "data.min_user_interactions=0", "--set", "data.max_history=3")[1][-1]
    assert result["result"]["max_history"] == 3


def test_a_plan_changes_nothing(shop: Path) -> None:
    before = sorted(path.name for path in shop.parent.rglob("*"))
    code, said = errand("plan", str(shop))
    assert code == 0
    result = said[-1]["result"]
    assert {stage["name"] for stage in result["stages"]} >= {"data", "index", "tune"}
    assert result["continues"] is None
    assert sorted(path.name for path in shop.parent.rglob("*")) == before


def test_a_guess_names_every_field_and_why(shop: Path, tmp_path: Path) -> None:
    code, said = errand(
        "guess", "--interactions", str(tmp_path / "logs.csv"), "--directory", str(tmp_path / "not" / "there")
    )
    assert code == 0
    result = said[-1]["result"]
    fields = {field["key"]: field for field in result["fields"]}
    assert fields["data.user"]["value"] == '"user_id"'
    assert fields["data.user"]["why"]
    tree = tomli.loads(result["text"])
    for key, field in fields.items():
        table, _, name = key.rpartition(".")
        assert (tree[table] if table else tree)[name] == tomli.loads(f"x = {field['value']}")["x"]


def test_a_remark_is_told_from_a_value_that_holds_a_hash() -> None:
    fields = guessed_fields('name = "a # b"  # the folder\n[data]\nuser = "u"\n# note = 1\n')
    assert [(field["key"], field["value"], field["why"]) for field in fields] == [
        ("name", '"a # b"', "the folder"),
        ("data.user", '"u"', ""),
    ]


def test_data_of_a_folder_that_cannot_be_written_are_read_all_the_same(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr("os.access", lambda path, mode: not Path(path).is_relative_to(shop.parent))
    for seed in range(CACHED + 2):
        (shop.parent / "logs.csv").write_text(LOG + f"u99,i{seed},1700000000\n")
        told = data(argparse.Namespace(project=shop, overrides=[]), lambda text: None)
        assert Path(told["artefact"]).is_relative_to(cache)
    assert data(argparse.Namespace(project=shop, overrides=[]), lambda text: None)["reused"]
    assert not (shop.parent / "runs").exists()
    assert len(list((cache / "eagertui" / "data").iterdir())) <= CACHED + 1


def test_a_plan_says_why_the_training_would_be_refused(shop: Path) -> None:
    assert errand("plan", str(shop))[1][-1]["result"]["refused"] is None
    told = errand("plan", str(shop), "--set", "backbone.model=/nowhere")[1][-1]["result"]["refused"]
    assert "/nowhere" in told["message"]
