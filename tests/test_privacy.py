"""Nothing leaves the machine unless a setting says so, and what people did is its owner's alone."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.jobs.start import create_run
from core.jobs.work import train_run
from core.project import Project
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import walks, write_world
from tests.eagertui.cli.cli_tools import eager, run_python

ASKS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg")
_watched: list[list[str]] = []


def _hear(event: str, args: tuple[object, ...]) -> None:
    """Refuse what asks for the network while somebody watches; sockets of the machine itself are none of it."""
    if not _watched or event not in ASKS:
        return
    if isinstance(args[0], socket.socket) and args[0].family == socket.AF_UNIX:
        return
    _watched[-1].append(f"{event} {args[1:] if isinstance(args[0], socket.socket) else args}")
    raise OSError("no network in this test")


sys.addaudithook(_hear)


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """What asked for the network; nothing gets it."""
    heard: list[str] = []
    _watched.append(heard)
    yield heard
    _watched.pop()


@pytest.fixture
def loose() -> Iterator[None]:
    """A umask that lets everybody read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_watch_hears_a_question(asked: list[str]) -> None:
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("192.0.2.1", 80), 0.1)
    assert len(asked) == 1


def test_the_samples_dry_run_asks_for_no_network(asked: list[str], tmp_path: Path) -> None:
    assert eager("init", tmp_path / "shop", "--sample").returncode == 0
    assert eager("--headless", "check", tmp_path / "shop").returncode == 0
    assert eager("--headless", "train", tmp_path / "shop", "--dry-run").returncode == 0
    assert eager("doctor", tmp_path / "shop").returncode == 0
    assert asked == []


def test_a_training_and_a_list_ask_for_no_network_and_are_private(
    asked: list[str], loose: None, tmp_path: Path
) -> None:
    project = Project.load(write_world(tmp_path / "shop", walks()))
    run = create_run(project)
    assert train_run(run) == 0, run.status().error
    assert Recommender.load(run.path).recommend(user="u001", k=3).items
    assert asked == []
    check_private(run)


def check_private(run: RunFolder) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    store = run.path.parent / ".store"
    assert mode(run.path) == mode(store) == 0o700
    histories = [run.path / "ranks.parquet", *(path for path in store.rglob("*") if path.is_file())]
    assert {path.name for path in histories} >= {"sequences.parquet", "users.parquet", "ranks.parquet"}
    assert {mode(path) for path in histories} == {0o600}
    assert {mode(path) for path in store.rglob("*") if path.is_dir()} == {0o700}


def test_the_hub_is_told_nothing_besides() -> None:
    code = "import core; from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    assert run_python(code).stdout == "True\n"


def test_doctor_says_what_may_go_out(tmp_path: Path) -> None:
    file = write_world(tmp_path / "shop", walks())
    assert "network        nothing, unless a project names a model" in eager("doctor").stdout
    assert "network        nothing: no setting names a model" in eager("doctor", file).stdout
    text = file.read_text().replace("[backbone]", '[backbone]\nmodel = "Qwen/Qwen3-0.6B"')
    file.write_text(text.replace("[run]", '[run]\nreport_to = ["wandb"]'))
    said = eager("doctor", file).stdout
    assert "backbone.model = Qwen/Qwen3-0.6B: fetched from the Hugging Face hub" in said
    assert "run.report_to = wandb: figures of runs go to that service" in said
