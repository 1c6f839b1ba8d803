"""Two who start the training of a project within a moment make one run: by two command lines, and beside the app."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.run import launch
from core.run.listing import list_runs
from eagertui.bridge import Bridge
from tests.core.engine_tools import walks, write_world
from tests.eagertui.cli.cli_tools import PROJECT, start_eager, start_real_eager, wait_until

ATTACHED = "attached to the run at work"
LEVELS = "index.width=8"


@pytest.fixture(autouse=True)
def _no_engine_left(tmp_path: Path) -> Iterator[None]:
    yield
    for runs_dir in tmp_path.rglob("runs"):
        for info in list_runs(runs_dir):
            launch.kill(info.folder)


def both(*children: subprocess.Popen[str]) -> list[tuple[int, str, str]]:
    """Exit code, path that was printed last and narration of each."""
    ends = [(*child.communicate(timeout=300), child.returncode) for child in children]
    return [(code, out.strip().rpartition("\n")[2], err) for out, err, code in ends]


def check_one_run(shop: Path, ends: list[tuple[int, str, str]]) -> None:
    """One run, and both saw it to its end."""
    runs = list_runs(shop / "runs")
    assert len(runs) == 1, ends
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert {path for _, path, _ in ends} == {str(runs[0].folder.path.resolve())}, ends
    assert sum(ATTACHED in err for _, _, err in ends) == 1, ends
    assert runs[0].folder.events_path.read_text().count('"run.started"') == 1


@pytest.mark.parametrize("gap", [0.0, 0.01, 0.03, 0.05])
def test_two_command_lines_at_once(tmp_path: Path, gap: float) -> None:
    # A process is up after very different times on a busy machine: the run waits at its gate until both have chosen.
    for number in range(2):
        shop = tmp_path / str(number)
        shop.mkdir()
        (shop / "project.toml").write_text(PROJECT)
        engine = ("--steps", "3", "--tick", "0", "--gate", "2")
        first = start_eager("--headless", "train", shop, engine=engine)
        time.sleep(gap)
        second = start_eager("--headless", "train", shop, engine=engine)
        said = [child.stderr.readline() for child in (first, second)]  # type: ignore[union-attr]
        for info in list_runs(shop / "runs"):
            (info.folder.path / "gate").touch()
        ends = [(code, path, line + err) for line, (code, path, err) in zip(said, both(first, second), strict=True)]
        check_one_run(shop, ends)


def test_the_app_beside_a_command_line_attaches(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(PROJECT)
    child = start_eager("--headless", "train", tmp_path, engine=("--steps", "100000"))
    wait_until(lambda: list_runs(tmp_path / "runs"))
    folder, done = Bridge(tmp_path, engine=["/nowhere/python"]).train()
    assert done == "attached"
    wait_until(lambda: folder.status().state == "running")
    launch.send(folder, "stop")
    child.communicate(timeout=60)
    assert child.returncode == 130
    assert len(list_runs(tmp_path / "runs")) == 1


@pytest.mark.slow  # processes that load everything; the scripted engine above shows the same
@pytest.mark.parametrize("method", ["random", "kmeans-tree", "rq-kmeans"])
def test_two_command_lines_with_the_real_engine(tmp_path: Path, method: str) -> None:
    project = write_world(tmp_path, walks())
    args = ("--headless", "index", "build", project, "--set", f"index.method={method}", "--set", LEVELS)
    check_one_run(tmp_path, both(start_real_eager(*args), start_real_eager(*args)))
