"""What may go wrong with an engine, its disk, its folder and the clocks: a truthful state each time, and a way on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import EnvironmentFault
from core.run import launch
from core.run.disk import Reserve, is_full
from core.run.engine import exit_state, run_engine
from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.follow import Follower
from core.run.identity import boot, identity
from core.run.reducer import reduce_all
from core.run.reporter import Reporter, RunReporter
from core.run.state import RunState
from core.run.status import Status
from tests.core.run.run_tools import FOREVER, QUICK, at_work, command, follow, wait_until

HOURS = 3600.0
LIVELY = ("--heartbeat", "0.05")


def goes_on(folder: RunFolder) -> None:
    """The run that failed can be finished, and its story has no hole."""
    launch.launch(folder, command=command(*QUICK))
    follower = follow(folder)
    assert (follower.status.state, follower.status.error, follower.status.remedy) == ("finished", "", "")
    assert (follower.state.missing, follower.bad_lines) == (0, 0)


def reaped(folder: RunFolder) -> Status:
    """How a run stands once whoever started its engine has taken note of the end."""
    wait_until(lambda: launch.reap() or folder.status().exit_code is not None)
    return folder.status()


def leftovers(folder: RunFolder) -> list[str]:
    """Files that a writer should have taken away."""
    return [path.name for path in folder.path.rglob(".*")]


# --- the process ----------------------------------------------------------------------------------------------------


def test_killed_is_lost_with_the_reason_and_can_go_on(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--kill-at", "3"))
    assert follow(folder).status.state == "lost"
    status = reaped(folder)
    assert (status.state, status.exit_code) == ("lost", -9)
    assert "its process is gone: killed (SIGKILL)" in status.error
    assert "checkpoint" in status.remedy
    goes_on(folder)
    assert leftovers(folder) == []


def test_killed_by_somebody_else_seen_by_a_stranger(folder: RunFolder) -> None:
    child = launch.start(folder, command=command(*FOREVER))
    follower = at_work(folder)
    child.kill()
    child.wait()
    assert follower.poll()
    assert (follower.status.state, follower.status.error) == ("lost", "its process is gone")
    assert follower.status.remedy
    assert follower.over
    assert "SIGKILL" in reaped(folder).error


def test_a_crash_says_how_it_ended(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--crash-at", "2"))
    assert follow(folder).status.state == "lost"
    status = reaped(folder)
    assert (status.state, status.exit_code) == ("lost", 9)
    assert "exit code 9" in status.error


def test_a_frozen_engine_does_not_respond_and_can_be_killed(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.run.folder.STALE", 0.5)
    launch.launch(folder, command=command("--freeze-at", "3", *LIVELY))
    follower = at_work(folder)
    wait_until(lambda: follower.poll() and not follower.status.responding)
    assert follower.status.state == "running"
    assert "stop it" in follower.status.remedy
    assert follower.status.live
    assert launch.kill(folder).state == "stopped"
    goes_on(folder)


def test_work_that_hangs_while_the_heart_beats_is_quiet(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--hang-at", "2", *LIVELY))
    wait_until(lambda: folder.status().quiet > 0.5)
    status = folder.status()
    assert (status.state, status.responding) == ("running", True)


# --- the disk -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--disk-full-at", "--checkpoint-full-at"])
def test_a_full_disk_fails_in_words_and_leaves_nothing_half_written(folder: RunFolder, option: str) -> None:
    child = launch.start(folder, command=command(option, "6"))
    status = follow(folder).status
    assert (status.state, status.exit_code, child.wait()) == ("failed", 3, 3)
    assert status.error.startswith("no space left on the disk of ")
    assert "make room" in status.remedy
    assert folder.events_path.read_bytes().endswith(b"\n")
    assert (leftovers(folder), [path.name for path in (folder.path / "checkpoints").iterdir()]) == ([], [])
    goes_on(folder)


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    own_mount = ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*own_mount, "true"], check=False).returncode:
        pytest.skip("this system allows nobody a mount of his own")
    script = Path(__file__).with_name("full_disk.py")
    argv = [*own_mount, sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(argv, env=launch.engine_environment(), capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert (said["state"], said["codes"]) == ("failed", [3, 3])
    assert said["error"].startswith("no space left")
    assert said["last words"] == "failed"  # there was room for them
    assert said["left"] == []
    assert "No space left" in said["second"]
    assert "no space left" in said["start"]
    assert said["afterwards"] == ["finished", 0, 0]


def test_libraries_say_it_in_their_own_words() -> None:
    assert is_full(OSError(errno.EDQUOT, "quota"))
    assert is_full(RuntimeError('IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })'))
    wrapped = ValueError("cannot save")
    wrapped.__cause__ = OSError(errno.ENOSPC, "x")
    assert is_full(wrapped)
    assert not is_full(ValueError("a bug"))
    assert not is_full(OSError(errno.EACCES, "No space left on device is not what this is"))


def test_a_device_without_memory_is_no_bug(tmp_path: Path) -> None:
    state, code, message, remedy = exit_state(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), tmp_path)
    assert (state, code, message) == ("failed", 3, "out of memory")
    assert remedy


def test_room_is_kept_and_given_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path)
    reserve.take()
    assert reserve.path.stat().st_blocks * 512 >= 1 << 16
    reserve.release()
    reserve.release()
    assert not reserve.path.exists()
    Reserve(tmp_path / "nowhere").take()


def test_a_run_that_cannot_be_taken_fails_in_words(folder: RunFolder) -> None:
    folder.events_path.unlink()
    folder.events_path.symlink_to("/dev/full")
    with pytest.raises(EnvironmentFault, match="no space left"):
        run_engine(folder, lambda reporter: None)
    assert (folder.status().state, folder.status().exit_code) == ("failed", 3)
    assert not folder.locked()


# --- the folder -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["deleted", "moved"])
def test_a_folder_that_goes_away_ends_the_engine_and_does_not_harm_a_viewer(
    folder: RunFolder, tmp_path: Path, how: str
) -> None:
    child = launch.start(folder, command=command(*FOREVER, *LIVELY))
    follower = at_work(folder)
    seen = follower.state.last_seq
    aside = tmp_path / "aside"
    folder.path.rename(aside)
    if how == "deleted":
        shutil.rmtree(aside)
    assert follower.poll()
    assert (follower.status.state, follower.status.error) == ("lost", "the run folder is gone")
    assert "start a new run" in follower.status.remedy
    assert not follower.poll()
    assert (follower.behind, follower.over) == (0, True)
    assert follower.state.last_seq == seen
    assert child.wait(timeout=20) == 3
    assert not folder.path.exists()
    launch.reap()
    for ask in (folder.status, folder.manifest, folder.log_tail, folder.metrics, folder.launched):
        ask()
    with pytest.raises(EnvironmentFault, match="the run folder is gone"):
        launch.launch(folder, command=command())
    if how == "moved":
        assert "the run folder is gone" in (aside / "stdout.log").read_text()
        launch.launch(RunFolder(aside), command=command(*QUICK))
        assert follow(RunFolder(aside)).status.state == "finished"


def test_a_folder_that_is_deleted_while_nobody_says_a_word(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.run.reporter.HEARTBEAT", 0.02)

    def work(reporter: Reporter) -> None:
        shutil.rmtree(folder.path)
        while reporter.wants() == "go":
            time.sleep(0.01)

    assert run_engine(folder, work) == 3
    assert not folder.path.exists()


# --- two at once ----------------------------------------------------------------------------------------------------


def test_of_two_who_start_a_run_at_once_one_wins(folder: RunFolder) -> None:
    told: list[object] = []
    ready = threading.Barrier(4)

    def start() -> None:
        ready.wait()
        try:
            told.append(launch.launch(folder, command=command(*FOREVER)))
        except EnvironmentFault as error:
            told.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pids = [pid for pid in told if isinstance(pid, int)]
    assert len(pids) == 1
    assert all("at work" in str(error) for error in told if isinstance(error, EnvironmentFault))
    follower = at_work(folder)
    assert (follower.status.state, follower.status.pid) == ("running", pids[0])


def test_an_engine_waits_for_whoever_holds_the_run_a_moment(folder: RunFolder) -> None:
    release = threading.Timer(0.3, lambda: held.__exit__(None, None, None))
    held = folder.lock()
    held.__enter__()
    release.start()
    with RunReporter(folder) as reporter:
        reporter.finish("finished", 0)
    assert folder.status().state == "finished"


def test_two_viewers_see_the_same(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--steps", "30"))
    one, two = Follower(folder), Follower(folder)
    wait_until(lambda: one.poll() and one.state.progress)
    launch.send(folder, "checkpoint")
    launch.send(folder, "checkpoint")
    wait_until(lambda: (one.poll(), two.poll(7), launch.reap(), one.over and two.over)[-1])
    assert one.status == two.status
    assert one.status.state == "finished"
    assert repr(one.state.progress) == repr(two.state.progress)
    assert one.state.last_seq == two.state.last_seq


def test_viewers_read_whole_states_while_another_thread_polls(folder: RunFolder) -> None:
    launch.launch(folder, command=command("--steps", "200", "--tick", "0", "--rich"))
    follower, done, faults = Follower(folder), threading.Event(), []

    def look() -> None:
        while not done.is_set():
            state = follower.state
            try:
                counts = [len(series.points) for series in state.series.values()]
                lines = [*state.logs, *state.alerts, *state.stages.values(), *state.evaluations]
                assert counts == [len(series.points) for series in state.series.values()]
                assert lines == [*state.logs, *state.alerts, *state.stages.values(), *state.evaluations]
            except Exception as error:
                faults.append(error)
                return

    thread = threading.Thread(target=look)
    thread.start()
    wait_until(lambda: (follower.poll(5000), launch.reap(), follower.over)[-1])
    done.set()
    thread.join()
    assert faults == []


# --- the clocks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-5 * HOURS, 5 * HOURS])
def test_a_healthy_run_stays_healthy_when_the_viewers_clock_is_set(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    launch.launch(folder, command=command(*FOREVER))
    follower = at_work(folder)
    true = time.time
    monkeypatch.setattr(time, "time", lambda: true() + jump)
    follower.poll()
    status = follower.status
    assert (status.state, status.responding, status.remedy) == ("running", True, "")
    assert 0 <= status.seconds < 60
    assert 0 <= status.silence < 10


@pytest.mark.parametrize("jump", [-5 * HOURS, 5 * HOURS])
def test_a_healthy_run_stays_healthy_when_its_own_clock_is_set(folder: RunFolder, jump: float) -> None:
    launch.launch(folder, command=command("--clock-jump-at", "5", f"--clock-jump={jump}", *FOREVER, *LIVELY))
    follower = at_work(folder)
    wait_until(lambda: follower.poll() and follower.state.alerts)
    alert = follower.state.alerts[-1]
    assert (alert.level, alert.title) == ("info", "The clock jumped")
    assert ("forward" if jump > 0 else "back") in alert.text
    assert (follower.status.state, follower.status.responding) == ("running", True)
    assert 0 <= follower.status.seconds < 60
    wait_until(lambda: follower.poll() and abs(follower.status.started - time.time() - jump) < 60)
    assert abs(follower.state.started - time.time() - jump) < 60
    launch.stop(folder)
    follower = follow(folder)
    assert follower.status.state == "stopped"
    assert all(0 <= stage.seconds < 60 for stage in follower.state.stages.values())
    assert 0 <= follower.status.seconds < 60
    ended = [e for e in EventReader(folder.events_path).poll() if e.kind == "run.finished"]
    assert 0 <= ended[0].data["seconds"] < 60


def test_an_end_without_a_word_about_the_jump_has_no_negative_duration() -> None:
    from core.run.events import Event

    story = [
        Event(1, 9000.0, "run.started", {"run": "r"}),
        Event(2, 9000.0, "stage.started", {"stage": "tune"}),
        Event(3, 1000.0, "system", {"values": {"cpu_percent": 1.0}}),
        Event(4, 1000.0, "run.finished", {"state": "failed"}),
    ]
    state = reduce_all(RunState(), story)
    assert state.stages["tune"].seconds == 0.0
    assert state.series["system cpu_percent"].points == [(0, 1.0)]


def test_a_heartbeat_of_this_boot_is_judged_by_the_clock_that_nobody_can_set(folder: RunFolder) -> None:
    me = Status(
        state="running", pid=os.getpid(), process=identity(os.getpid()), host=socket.gethostname(), boot=boot(),
        clock=time.monotonic(), heartbeat=time.time() - 9 * HOURS, started=time.time() - 9 * HOURS, elapsed=5.0,
    )  # fmt: skip
    folder.write_status(me)
    assert folder.status().responding
    assert 5 <= folder.status().seconds < 10
    folder.write_status(replace(me, clock=time.monotonic() - 100, heartbeat=time.time() + 9 * HOURS))
    assert not folder.status().responding
    folder.write_status(replace(me, boot="another", heartbeat=time.time() - 100))
    assert not folder.status().responding
    folder.write_status(replace(me, host="a container beside this one", pid=1))
    assert folder.status().state == "running"
    folder.write_status(Status())  # the fixture must not kill the test itself


def test_a_second_signal_in_the_last_moment_is_an_interruption(folder: RunFolder) -> None:
    with pytest.raises(KeyboardInterrupt), RunReporter(folder) as reporter:
        reporter.log("hello")
        raise KeyboardInterrupt
    assert (folder.status().state, folder.status().exit_code) == ("stopped", 130)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
