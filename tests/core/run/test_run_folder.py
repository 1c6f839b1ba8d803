"""Run folders with real child processes: start, attach, ask, stop, crash, lose, go on."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import EnvironmentFault, ProjectError
from core.run import launch
from core.run.folder import RunFolder
from core.run.follow import Follower
from core.run.identity import identity
from core.run.listing import find_run, list_runs
from core.run.status import Status, read_status
from tests.core.run.run_tools import command, follow, is_alive, wait_until


def test_a_new_run(folder: RunFolder) -> None:
    assert "my-shop" in folder.id
    assert folder.status().state == "queued"
    assert not is_alive(folder)
    assert folder.manifest()["recipe"] == "light"
    assert folder.project_path.read_text() == 'name = "shop"\n'


def test_from_start_to_end(folder: RunFolder) -> None:
    pid = launch.launch(folder, command=command("--steps", "20", "--tick", "0"))
    follower = follow(folder)
    assert follower.status.state == "finished"
    assert follower.status.exit_code == 0
    assert follower.state.state == "finished"
    assert [s.state for s in follower.state.stages.values()] == ["finished"] * 4
    assert follower.state.missing == 0
    assert follower.status.pid == pid
    info = list_runs(folder.path.parent)[0]
    assert info.metrics["recall@10"] == 0.0648
    assert find_run(folder.path.parent).id == folder.id


def test_stop_by_control_and_go_on(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--steps", "100000"))
    launch.stop(folder)  # before the engine is up: it must not be missed
    follower = follow(folder)
    assert (follower.status.state, follower.status.exit_code) == ("stopped", 130)
    assert follower.status.checkpoint.startswith("checkpoints/step-")
    launch.launch(folder, command=command("--steps", "5", "--tick", "0"))  # the old stop is not granted again
    follower = follow(folder)
    assert follower.status.state == "finished"
    assert follower.state.missing == 0


def test_stop_by_signal(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--steps", "100000"))
    wait_until(lambda: folder.status().task == "tune")
    launch.stop(folder, escalate=True)
    follower = follow(folder)
    assert (follower.status.state, follower.status.exit_code) == ("stopped", 130)


def test_second_signal_ends_at_once(folder: RunFolder) -> None:
    code = (
        "import sys, time; from pathlib import Path; from core.run.folder import RunFolder\n"
        "from core.run.engine import run_engine\n"
        "deaf = lambda r: [r.log('deaf'), *(time.sleep(0.01) for _ in range(60000))]\n"
        "sys.exit(run_engine(RunFolder(Path(sys.argv[2])), deaf))"
    )
    child = launch.start(folder, command=[sys.executable, "-c", code])
    follower = Follower(folder)
    wait_until(lambda: follower.poll() and follower.state.logs)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    follower = follow(folder)
    assert (follower.status.state, follower.status.exit_code, child.wait()) == ("stopped", 130, 130)


def test_pause_checkpoint_resume(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--steps", "100000"))
    follower = Follower(folder)
    launch.send(folder, "pause")
    wait_until(lambda: follower.poll() and follower.state.paused)
    launch.send(folder, "checkpoint")
    launch.send(folder, "resume")
    wait_until(lambda: follower.poll() and follower.state.checkpoints)
    assert not follower.state.paused
    launch.stop(folder)
    assert follow(folder).status.state == "stopped"
    with pytest.raises(ProjectError):
        launch.send(folder, "dance")


def test_failed_in_an_orderly_way(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--fail-at", "3"))
    status = follow(folder).status
    assert (status.state, status.exit_code, status.remedy) == ("failed", 4, "check the file with eagertui check")


def test_crashed_is_lost_and_can_go_on(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--crash-at", "3"))
    follower = follow(folder)
    assert follower.status.state == "lost"
    assert "told to crash" in folder.log_tail()[-1]
    launch.launch(folder, command=command("--steps", "5", "--tick", "0"))
    follower = follow(folder)
    assert follower.status.state == "finished"
    assert follower.state.missing == 0


def test_died_before_it_began(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--no-start"))
    assert follow(folder).status.state == "lost"
    assert "ImportError" in folder.log_tail()[-1]
    with pytest.raises(EnvironmentFault):
        launch.launch(folder, command=["/nowhere/python"])
    assert folder.status().state == "failed"


def test_hanging_engine_is_killed(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--hang-at", "3"))
    follower = Follower(folder)
    wait_until(lambda: follower.poll() and follower.state.progress and follower.state.progress.done >= 2)
    launch.stop(folder)
    launch.stop(folder, escalate=True)
    assert is_alive(folder)
    status = launch.kill(folder)
    assert (status.state, status.exit_code) == ("stopped", -9)
    assert not folder.locked()


def test_two_engines_on_one_run(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--steps", "100000"))
    with pytest.raises(EnvironmentFault, match="at work already"):
        launch.launch(folder, command=command())
    wait_until(folder.locked)
    second = subprocess.run(
        [*command("train"), str(folder.path)],
        env=launch.engine_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode != 0
    assert "at work on run" in second.stderr
    assert folder.status().state == "running"


def test_liveness_needs_the_same_process_and_a_fresh_heartbeat_elsewhere(folder: RunFolder) -> None:
    me = Status(
        state="running",
        pid=os.getpid(),
        process=identity(os.getpid()),
        host=socket.gethostname(),
        heartbeat=time.time(),
    )
    folder.write_status(me)
    assert folder.status().live
    folder.write_status(replace(me, heartbeat=time.time() - 1000))
    assert (folder.status().state, folder.status().responding) == ("running", False)
    folder.write_status(replace(me, process="another boot:1"))
    assert folder.status().state == "lost"
    folder.write_status(replace(me, host="elsewhere", pid=1))
    assert folder.status().state == "running"
    folder.write_status(replace(me, host="elsewhere", heartbeat=time.time() - 1000))
    assert folder.status().state == "lost"
    folder.write_status(Status())  # the fixture must not kill the test itself


def test_damaged_files_are_told_not_raised(folder: RunFolder) -> None:
    folder.status_path.write_text('{"state": 7, "pid": "x"')
    assert folder.status().state == "lost"
    folder.status_path.write_text(json.dumps({"state": "finished", "pid": "x", "best": 3, "new": 1}))
    assert folder.status() == Status(state="finished")
    (folder.path / "run.json").write_text("{")
    assert list_runs(folder.path.parent)[0].id == folder.id
    folder.status_path.unlink()
    assert folder.status().state == "lost"
    assert list_runs(folder.path / "nowhere") == []
    assert read_status(folder.path / "nowhere") is None


def test_numbers_beyond_reason_in_a_status(folder: RunFolder) -> None:
    ages = "1" + "0" * 400
    folder.status_path.write_text(
        f'{{"state": "finished", "pid": {ages}, "heartbeat": {ages}, "started": 1e300, "ended": NaN, "done": Infinity,'
        f' "total": {ages}, "elapsed": -Infinity, "eta": NaN, "best": {{"ndcg@10": "x", "recall": NaN, "mrr": 0.5}}}}'
    )
    status = folder.status()
    assert (status.state, status.started, status.ended, status.heartbeat) == ("finished", 0.0, 0.0, 0.0)
    assert (status.done, status.total, status.best, status.seconds) == (0.0, 0.0, {"mrr": 0.5}, 0.0)
    folder.status_path.write_text(f'{{"state": "running", "process": "x:1", "pid": {ages}}}')
    assert folder.status().state == "lost"
    (folder.path / "run.json").write_text(f'{{"created": {ages}}}')
    assert list_runs(folder.path.parent)[0].created == 0.0


def test_find_run(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    with pytest.raises(ProjectError, match="no finished run"):
        find_run(runs)
    one, two = (RunFolder.create(runs, "", name) for name in ("one", "two"))
    one.write_status(Status(state="finished"))
    assert find_run(runs).id == one.id
    assert find_run(runs, "_two_").id == two.id
    assert find_run(runs, str(two.path)).id == two.id
    with pytest.raises(ProjectError, match="2 runs fit"):
        find_run(runs, "-")
    with pytest.raises(ProjectError, match="no run x"):
        find_run(runs, "x!")


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(EnvironmentFault):
        RunFolder.create(tmp_path / "runs", "", "x")


def test_a_users_own_core_does_not_shadow_ours(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "core.py").write_text("raise SystemExit('the wrong core')")
    monkeypatch.chdir(tmp_path)
    argv = [*launch.engine_command()[:-2], "-c", "import core.run; print(core.run.__file__)"]
    out = subprocess.run(argv, env=launch.engine_environment(), capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("core/run/__init__.py")


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, core.run.folder, core.run.follow, core.run.launch, core.run.reporter, core.run.engine\n"
        "bad = {'torch', 'faiss', 'sklearn', 'textual', 'transformers', 'polars', 'numpy'} & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=launch.engine_environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_engine_spins_little_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in launch.COMPUTING:
        monkeypatch.delenv(name, raising=False)
    assert launch.COMPUTING.items() <= launch.engine_environment().items()
    monkeypatch.setenv("GOMP_SPINCOUNT", "infinite")
    assert launch.engine_environment()["GOMP_SPINCOUNT"] == "infinite"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")
def test_the_threads_of_an_engine_share_one_heap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each keeps to itself what it let go, and a training on two threads grows with every epoch."""
    told = tmp_path / "heaps.xml"
    program = f"""
import ctypes, threading
libc = ctypes.CDLL(None)
libc.fopen.restype = libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(4)
def take():
    libc.malloc(5000)
    together.wait()
some = [threading.Thread(target=take) for _ in range(4)]
[one.start() for one in some], [one.join() for one in some]
stream = ctypes.c_void_p(libc.fopen({str(told)!r}.encode(), b"w"))
libc.malloc_info(0, stream), libc.fclose(stream)
"""
    heaps = {}
    for most in ("", "8"):
        if most:
            monkeypatch.setenv("MALLOC_ARENA_MAX", most)
        else:
            monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
        subprocess.run([sys.executable, "-c", program], env=launch.engine_environment(), check=True)
        heaps[most] = told.read_text(encoding="utf-8").count("<heap nr=")
    assert heaps == {"": 1, "8": 5}
