"""The list of runs that is looked at once a second: right after every change, and nearly free without one."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from core.run import launch
from core.run.folder import RunFolder
from core.run.identity import identity
from core.run.listing import RunList, list_runs, run_info
from core.run.status import Status, write_status
from tests.core.run.run_tools import FOREVER, command, follow, wait_until


def many(runs: Path, count: int) -> list[RunFolder]:
    folders = [RunFolder.create(runs, "", "shop", recipe="light") for _ in range(count)]
    for folder in folders:
        folder.write_status(Status(state="finished", started=1e9, ended=1e9 + 60, best={"ndcg@10": 0.1}))
        (folder.path / "metrics.json").write_text(json.dumps({"test": {"model": {"recall@10": 0.2}}}))
    return folders


def test_it_says_what_a_fresh_look_says(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    known = RunList(runs)
    assert known.look() == []
    one, two, three = many(runs, 3)
    (runs / ".store").mkdir()
    (runs / "notes.txt").write_text("no run")
    (runs / "no run either").mkdir()
    assert known.look() == list_runs(runs)
    assert len(known.look()) == 3
    one.write_status(Status(state="failed", error="row 7"))
    (two.path / "metrics.json").unlink()
    write_status(three.status_path, Status(state="finished", best={"ndcg@10": 0.3}))
    assert known.look() == list_runs(runs)
    (three.path / "metrics.json").write_text('{"test": {"model": {"recall@10": 1e999, "x": "y", "ndcg@10": 0.5}}}')
    assert next(r for r in known.look() if r.id == three.id).metrics == {"ndcg@10": 0.5}
    (three.path / "run.json").write_text("{")
    assert known.look() == list_runs(runs)
    four = many(runs, 1)[0]
    assert known.look()[0].id == four.id
    shutil.rmtree(runs)
    assert known.look() == []


def test_what_did_not_change_is_the_same_object(tmp_path: Path) -> None:
    first, second = many(tmp_path, 2)
    known = RunList(tmp_path)
    before = {run.id: run for run in known.look()}
    first.write_status(Status(state="stopped"))
    after = {run.id: run for run in known.look()}
    assert after[second.id] is before[second.id]
    assert after[first.id].status.state == "stopped"


def test_an_engine_that_dies_is_seen_though_no_file_changed(folder: RunFolder) -> None:
    known = RunList(folder.path.parent)
    assert [run.status.state for run in known.look()] == ["queued"]
    child = launch.start(folder, command=command(*FOREVER))
    assert known.look()[0].status.live
    wait_until(lambda: known.look()[0].status.state == "running")
    child.kill()
    child.wait()
    status = known.look()[0].status
    assert (status.state, status.error) == ("lost", "its process is gone")
    launch.launch(folder, command=command("--steps", "5", "--tick", "0"))
    assert follow(folder).status.state == "finished"
    assert known.look()[0].metrics["recall@10"] == 0.0648


def test_a_silent_engine_is_seen_though_no_file_changed(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    me = os.getpid()
    folder.write_status(Status(state="running", pid=me, process=identity(me), heartbeat=time.time()))
    known = RunList(folder.path.parent)
    assert known.look()[0].status.responding
    monkeypatch.setattr("core.run.folder.STALE", -1.0)
    assert not known.look()[0].status.responding
    folder.write_status(Status())  # the fixture must not kill the test itself


def test_a_run_that_vanishes_during_the_look_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = many(tmp_path, 3)
    known, asked = RunList(tmp_path), []

    def deleted_first(folder: RunFolder, status: Status | None = None) -> object:
        asked.append(folder)
        if len(asked) == 2:
            shutil.rmtree(folder.path)
        return run_info(folder, status)

    monkeypatch.setattr("core.run.listing.run_info", deleted_first)
    monkeypatch.setattr("core.run.listing.run_info", deleted_first)
    assert len(known.look()) == 2
    assert len(known.look()) == 2
    asked.clear()
    assert len(list_runs(tmp_path)) == 1
    assert len(folders) == 3


def test_a_look_at_a_hundred_runs_costs_little(tmp_path: Path) -> None:
    many(tmp_path, 100)
    known = RunList(tmp_path)
    assert len(known.look()) == 100
    seconds = []
    for _ in range(30):
        began = time.perf_counter()
        known.look()
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.003
