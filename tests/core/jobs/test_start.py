"""Starting a training: one run for all who ask at the same time, and which run that is."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import EnvironmentFault, ProjectError
from core.jobs.start import find_unfinished, start_training
from core.project import Project
from core.run import launch
from core.run.folder import RunFolder
from core.run.listing import list_runs
from tests.core.run.run_tools import FOREVER, command, wait_until

TEXT = 'name = "shop"\n[data]\ninteractions = "logs.csv"\n'


@pytest.fixture
def project(tmp_path: Path):
    (tmp_path / "project.toml").write_text(TEXT)
    yield Project.load(tmp_path)
    for info in list_runs(tmp_path / "runs"):
        launch.kill(info.folder)


def test_of_many_who_ask_at_once_one_starts_the_engine(project: Project) -> None:
    with ThreadPoolExecutor(6) as pool:
        starts = list(pool.map(lambda _: start_training(project, command=command(*FOREVER)), range(6)))
    assert sorted(start.how for start in starts) == ["attached"] * 5 + ["new"]
    assert {start.folder for start in starts} == {list_runs(project.runs_dir)[0].folder}
    assert sum(start.engine is not None for start in starts) == 1


def test_each_who_wants_a_new_run_gets_one(project: Project) -> None:
    with ThreadPoolExecutor(3) as pool:
        starts = list(pool.map(lambda _: start_training(project, new=True, command=command(*FOREVER)), range(3)))
    assert [start.how for start in starts] == ["new"] * 3
    assert len({start.folder for start in starts}) == len(list_runs(project.runs_dir)) == 3


def test_the_choice_is_told_before_the_engine_starts(project: Project) -> None:
    choices = []
    start = start_training(project, on_choice=lambda run, how: choices.append((run, how, run.status().live)),
                           command=command(*FOREVER))  # fmt: skip
    assert choices == [(start.folder, "new", False)]
    wait_until(lambda: start.folder.status().started)
    launch.kill(start.folder)
    again = start_training(project, run_id=start.folder.id[-4:], command=command("--steps", "3"))
    assert (again.folder, again.how) == (start.folder, "continued")
    wait_until(lambda: launch.reap() or again.folder.status().state == "finished")
    assert start_training(project, run_id=start.folder.id).how == "finished"
    with pytest.raises(ProjectError, match="no run nothing"):
        start_training(project, run_id="nothing")


def test_an_engine_that_cannot_be_started_leaves_the_run_to_the_next(project: Project) -> None:
    with pytest.raises(EnvironmentFault, match="cannot start"):
        start_training(project, command=["/nowhere/python"])
    start = start_training(project, command=command(*FOREVER))
    assert start.how == "started"
    assert len(list_runs(project.runs_dir)) == 1


def test_someone_who_had_the_run_open_already_may_be_quicker(project: Project) -> None:
    def resume(run: RunFolder, how: str) -> None:
        launch.launch(run, command=command(*FOREVER))

    start = start_training(project, on_choice=resume, command=command(*FOREVER))
    assert (start.how, start.engine) == ("attached", None)


def test_who_chooses_waits_for_who_starts(project: Project) -> None:
    chosen, hows = threading.Event(), []

    def slowly(run: RunFolder, how: str) -> None:
        chosen.set()
        time.sleep(0.5)

    def second() -> None:
        chosen.wait()
        hows.append(start_training(project, command=command(*FOREVER)).how)

    other = threading.Thread(target=second)
    other.start()
    hows.append(start_training(project, on_choice=slowly, command=command(*FOREVER)).how)
    other.join()
    assert sorted(hows) == ["attached", "new"]


def test_a_run_in_older_spellings_is_the_same_project(project: Project) -> None:
    run = start_training(project, command=command("--fail-at", "1")).folder
    wait_until(lambda: launch.reap() or run.status().state == "failed")
    # As a version would have written it that knew fewer settings and formatted otherwise.
    lines = [line for line in run.project_path.read_text().splitlines() if not line.startswith("align")]
    run.project_path.write_text("\n".join(["# older", *lines]).replace('"shop"', "'shop'"))
    assert find_unfinished(project) == run
    assert find_unfinished(Project.load(project.directory, ["seed=1"])) is None
    run.project_path.write_text(TEXT + "nonsense = 1\n")
    assert find_unfinished(project) is None


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_made(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = project.runs_dir.parent
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != closed)  # root may write everywhere
    with pytest.raises(EnvironmentFault, match=f"cannot write {project.runs_dir}"):
        start_training(project)
    assert not project.runs_dir.exists()
