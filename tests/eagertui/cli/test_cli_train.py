"""Training without a screen, with a scripted engine: following, signals, attaching, going on, the exit codes."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from core.run.folder import RunFolder
from core.run.listing import list_runs
from eagertui.cli.output import lists
from tests.eagertui.cli.cli_tools import PROJECT, fake_eager, start_eager, wait_until

ENDLESS = ("--steps", "100000")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "project.toml").write_text(PROJECT)
    return tmp_path


@pytest.fixture
def children():
    started = []

    def begin(*args, **more):
        started.append(start_eager(*args, **more))
        return started[-1]

    yield begin
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture(autouse=True)
def _no_engine_left(shop):
    yield
    for info in list_runs(shop / "runs"):
        if info.status.live:
            import os

            os.kill(info.status.pid, signal.SIGKILL)


def only_run(shop: Path) -> RunFolder:
    runs = list_runs(shop / "runs")
    assert len(runs) == 1
    return runs[0].folder


def training(shop: Path) -> bool:
    """Whether the engine has done a few steps."""
    return any(run.status.live and '"metric"' in run.folder.events_path.read_text() for run in list_runs(shop / "runs"))


def test_the_table_and_the_path_are_the_data(shop):
    done = fake_eager("--headless", "train", shop)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert Path(lines[-1]) == only_run(shop).path.resolve()
    assert "popularity" in done.stdout
    assert ".0648" in done.stdout
    assert "[bold]" not in done.stdout
    assert "started" not in done.stdout
    assert "best so far" in done.stderr
    assert "tune" in done.stderr


def test_hostile_text_never_reaches_the_terminal(shop):
    done = fake_eager("--headless", "train", shop)
    assert "\x1b" not in done.stderr + done.stdout
    assert "\u202e" not in done.stderr + done.stdout
    assert "[red]Bold[/]" in done.stderr


def test_json_is_the_story_line_by_line(shop):
    done = fake_eager("train", shop, "--json")
    assert done.returncode == 0, done.stderr
    folder = only_run(shop)
    assert done.stdout == folder.events_path.read_text()
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["kind"] == "run.finished"
    assert Path(last["run"]) == folder.path.resolve()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_same_command_goes_on(shop, children, number):
    child = children("--headless", "train", shop, engine=ENDLESS)
    wait_until(lambda: training(shop))
    child.send_signal(number)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    folder = only_run(shop)
    assert str(folder.path / folder.status().checkpoint) in err
    assert folder.status().state == "stopped"

    done = fake_eager("--headless", "train", shop)
    assert done.returncode == 0, done.stderr
    assert only_run(shop).path == folder.path
    assert "goes on" in done.stderr


def test_a_signal_before_the_engine_is_up(shop, children):
    child = children("--headless", "train", shop, engine=ENDLESS)
    wait_until(lambda: list_runs(shop / "runs") and list_runs(shop / "runs")[0].status.live)
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "the same command goes on" in err


def test_a_second_command_attaches(shop, children):
    first = children("--headless", "train", shop, engine=("--steps", "150", "--tick", "0.02"))
    wait_until(lambda: training(shop))
    second = fake_eager("--headless", "train", shop)
    assert second.returncode == 0, second.stderr
    assert "attached" in second.stderr
    assert first.communicate(timeout=60) and first.returncode == 0
    only_run(shop)


def test_the_engine_outlives_a_killed_command(shop, children):
    first = children("--headless", "train", shop, engine=("--steps", "150", "--tick", "0.02"))
    wait_until(lambda: training(shop))
    first.kill()
    first.communicate()
    second = fake_eager("train", shop, "--json")
    assert second.returncode == 0, second.stderr
    last = json.loads(second.stdout.splitlines()[-1])
    assert (last["kind"], last["state"]) == ("run.finished", "finished")
    only_run(shop)


def test_ctrl_c_while_attached_stops_the_run(shop, children):
    first = children("--headless", "train", shop, engine=ENDLESS)
    wait_until(lambda: training(shop))
    second = children("--headless", "train", shop, engine=ENDLESS)
    assert second.stderr is not None
    assert "attached" in second.stderr.readline()
    time.sleep(0.5)
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=60)
    first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (130, 130)


def test_detached_training_prints_the_run_and_leaves(shop):
    done = fake_eager("train", shop, "--detach", engine=("--steps", "20"))
    assert done.returncode == 0, done.stderr
    folder = RunFolder(Path(done.stdout.strip()))
    wait_until(lambda: folder.status().state == "finished")


def test_a_failed_run_says_why_in_plain_words(shop):
    done = fake_eager("--headless", "train", shop, engine=("--fail-at", "3"))
    assert done.returncode == 4
    assert "error: logs.csv: row 7 has no item" in done.stderr
    assert "eagertui check" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_engine_that_dies_is_a_failure_with_its_last_words(shop):
    done = fake_eager("--headless", "train", shop, engine=("--crash-at", "3"))
    assert done.returncode == 1
    assert "told to crash" in done.stderr
    done = fake_eager("train", shop, "--json", engine=("--crash-at", "3"))
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["kind"] == "run.finished"


def test_new_and_other_settings_start_a_new_run(shop):
    assert fake_eager("--headless", "train", shop, engine=("--fail-at", "3")).returncode == 4
    assert fake_eager("--headless", "train", shop, "--set", "seed=1", engine=("--fail-at", "3")).returncode == 4
    assert len(list_runs(shop / "runs")) == 2
    assert fake_eager("--headless", "train", shop, "--new", engine=("--fail-at", "3")).returncode == 4
    assert len(list_runs(shop / "runs")) == 3
    oldest = list_runs(shop / "runs")[-1]
    done = fake_eager("--headless", "train", shop, "--run", oldest.id)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(oldest.id)
    again = fake_eager("--headless", "train", shop, "--run", oldest.id)
    assert again.returncode == 0
    assert "finished already" in again.stderr
    assert again.stdout == done.stdout
    told = fake_eager("--headless", "train", shop, "--run", oldest.id, "--json")
    assert told.returncode == 0 and json.loads(told.stdout)["kind"] == "run.finished", told.stderr
    assert fake_eager("--headless", "train", shop, "--run", oldest.id, "--new").returncode == 2


def test_runs_lists_what_was_done(shop):
    fake_eager("--headless", "train", shop)
    done = fake_eager("--headless", "runs", shop)
    assert "finished" in done.stdout
    assert ".0384" in done.stdout
    row = json.loads(fake_eager("runs", shop, "--json").stdout)["runs"][0]
    assert row["state"] == "finished"
    assert row["metrics"]["ndcg@10"] == 0.0384


def test_a_narrow_terminal_shows_every_id_whole(shop, capsys, monkeypatch):
    fake_eager("--headless", "train", shop)
    (run,) = list_runs(shop / "runs")
    for width, there, gone in ((120, "recipe", "nothing"), (74, "took", "recipe"), (60, "N@10", "took")):
        monkeypatch.setattr(lists, "PIPE_WIDTH", width)
        lists.show_runs([run])
        text = capsys.readouterr().out
        assert run.id in text
        assert there in text
        assert gone not in text
        assert max(map(len, text.splitlines())) <= width


@pytest.fixture
def trained(shop):
    assert fake_eager("--headless", "train", shop, engine=("--steps", "5")).returncode == 0
    return shop


def test_recommendations_of_a_user(trained):
    done = fake_eager("--headless", "recommend", trained, "--user", "reader-007", "--k", "6")
    assert done.returncode == 0, done.stderr
    assert "The Lighthouse, volume 4" in done.stdout
    assert "seen" in done.stdout
    assert "\x1b" not in done.stdout
    assert "[red]Bold[/]" in done.stdout
    reply = json.loads(fake_eager("recommend", trained, "--history", "b1,b2", "--json").stdout)
    assert len(reply["items"]) == 10
    assert Path(reply["run"]).is_dir()


def test_an_unknown_user_is_answered(trained):
    done = fake_eager("--headless", "recommend", trained, "--user", "nobody")
    assert done.returncode == 4
    assert "error: no user nobody in the data" in done.stderr
    assert "known users" in done.stderr


def test_a_serving_child_that_fails(trained):
    done = fake_eager("--headless", "recommend", trained, "--user", "x", engine=("--no-start",))
    assert done.returncode == 1
    assert "run has no checkpoint" in done.stderr
    done = fake_eager("--headless", "recommend", trained, "--user", "x", engine=("--die-on", "x"))
    assert done.returncode == 1
    assert "no answer" in done.stderr


def test_recommend_wants_one_question(trained):
    assert fake_eager("--headless", "recommend", trained, "--user", "1", "--history", "2").returncode == 2


def test_several_seeds_are_followed_one_after_the_other(shop):
    done = fake_eager("--headless", "train", shop, "--seeds", "3,1")
    assert done.returncode == 0, done.stderr
    runs = sorted(list_runs(shop / "runs"), key=lambda run: run.created)
    assert [(run.seed, run.status.state) for run in runs] == [(3, "finished"), (1, "finished")]
    assert [line for line in done.stdout.splitlines() if "/runs/" in line] == [str(r.folder.path) for r in runs]
    assert "the seeds are not compared" in done.stderr  # a scripted engine leaves no ranks
    wrong = fake_eager("--headless", "train", shop, "--seeds", "3,x")
    assert wrong.returncode == 2 and "run.seeds" in wrong.stderr
