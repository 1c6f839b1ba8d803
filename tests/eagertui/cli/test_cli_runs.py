"""`runs`: naming, pinning and deleting from a shell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.run.folder import RunFolder
from core.run.listing import list_runs
from core.run.status import Status
from eagertui.cli import main
from tests.eagertui.app_tools import PROJECT, new_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A finished run with an artefact of its own, in a project with one that no run uses."""
    (tmp_path / "project.toml").write_text(PROJECT)
    run = new_run(tmp_path)
    run.write_status(Status("finished"))
    for mark in ("a" * 20, "b" * 20):
        (tmp_path / "runs" / ".store" / mark).mkdir(parents=True)
        (tmp_path / "runs" / ".store" / mark / "x").write_bytes(bytes(1000))
    note = {"stage": "index", "artefact": f"../.store/{'a' * 20}"}
    (run.path / "stages" / "index.json").write_text(json.dumps(note))
    return run


def test_a_run_is_named_and_pinned(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    project = str(run.path.parents[1])
    assert main(["runs", project, "--name", run.id[-4:], "wide  beams"]) == 0
    assert "wide beams" in capsys.readouterr().out
    assert main(["runs", project, "--pin", "wide beams", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["runs"][0]
    assert (row["label"], row["pinned"]) == ("wide beams", True)
    assert main(["runs", project, "--rm", "wide beams", "--yes"]) == 2
    assert "is pinned\ntake the pin away first" in capsys.readouterr().err
    assert main(["runs", project, "--unpin", "wide beams"]) == 0
    assert main(["runs", project, "--rm", "wide beams", "--yes"]) == 0
    assert list_runs(run.path.parent) == []


def test_nothing_is_deleted_where_nobody_can_be_asked(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    project = str(run.path.parents[1])
    for option in (["--rm", run.id], ["--prune"]):
        assert main(["runs", project, *option]) == 2
        assert "--yes deletes it" in capsys.readouterr().err
    assert run.artefact("index").is_dir()


def test_the_bytes_are_told_and_a_store_without_waste_says_so(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    project = str(run.path.parents[1])
    assert main(["runs", project, "--prune", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deleted": {"runs": [], "artefacts": ["b" * 20]}, "bytes": 1000}
    assert main(["runs", project, "--prune"]) == 0
    assert "there is nothing that no run uses" in capsys.readouterr().err
    assert main(["runs", project, "--rm", run.id, "--yes"]) == 0
    assert "kB freed" in capsys.readouterr().err
    assert not run.path.exists()


def test_a_person_is_asked_and_may_say_no(
    run: RunFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = RunFolder(run.path.with_name("2026-01-01-000000_shop_0001"))
    shutil.copytree(run.path, other.path)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    for answer, stays in (("", True), ("n", True), ("yes", False)):
        monkeypatch.setattr("sys.stdin", Answering(answer))
        assert main(["runs", str(run.path.parents[1]), "--rm", other.id]) == 0
        said = capsys.readouterr().err
        assert f"run {other.id}" in said
        assert "1 artefact stays: another run uses it" in said
        assert other.path.exists() is stays
    assert run.artefact("index").is_dir()


class Answering:
    """A person at a terminal."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return f"{self._answer}\n"
