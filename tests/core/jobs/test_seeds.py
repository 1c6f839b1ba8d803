"""Runs that differ in their seed alone: made together, and done one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ProjectError
from core.jobs.seeds import group_of, next_of_group
from core.jobs.start import create_run, find_unfinished, start_training
from core.project import Project
from core.run import launch
from core.run.listing import list_runs
from core.run.status import Status
from tests.core.engine_tools import walks, write_world
from tests.core.run.run_tools import command, wait_until

TEXT = 'name = "shop"\n[data]\ninteractions = "logs.csv"\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "project.toml").write_text(TEXT)
    return Project.load(tmp_path, ["run.seeds=4,0,2"])


def test_a_group_is_one_run_a_seed_in_the_order_given(project: Project) -> None:
    first = create_run(project)
    group = group_of(first)
    assert [info.seed for info in group] == [4, 0, 2] and group[0].folder == first
    assert len({info.group for info in group}) == 1 and group[0].group
    loaded = [Project.load(info.folder.project_path) for info in group]
    assert [one.seed for one in loaded] == [4, 0, 2]
    assert len({one.to_toml().replace(f"seed = {one.seed}", "") for one in loaded}) == 1
    other = create_run(Project.load(project.directory))
    assert [info.folder for info in group_of(other)] == [other] and len(list_runs(project.runs_dir)) == 4


def test_the_group_goes_on_with_what_is_not_finished(project: Project) -> None:
    first, second, third = (info.folder for info in group_of(create_run(project)))
    assert find_unfinished(project) == first and next_of_group(third) == first
    first.write_status(Status("finished"))
    assert find_unfinished(project) == second
    second.write_status(Status("stopped"))
    assert find_unfinished(project) == second
    second.write_status(Status("finished"))
    assert find_unfinished(project) == third
    third.write_status(Status("finished"))
    assert find_unfinished(project) is None and next_of_group(first) is None
    assert find_unfinished(Project.load(project.directory)) is None  # one run without seeds is another project


def test_starting_makes_the_group_once(project: Project) -> None:
    start = start_training(project, command=command("--steps", "3"))
    assert start.how == "new" and len(group_of(start.folder)) == 3
    wait_until(lambda: launch.reap() or start.folder.status().state == "finished")
    again = start_training(project, command=command("--steps", "3"))
    assert again.how == "started" and again.folder == group_of(start.folder)[1].folder
    wait_until(lambda: launch.reap() or again.folder.status().state == "finished")
    assert len(list_runs(project.runs_dir)) == 3


def test_what_cannot_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project.toml").write_text(TEXT)
    with pytest.raises(ProjectError, match="twice"):
        Project.load(tmp_path, ["run.seeds=1,1"])
    with pytest.raises(ProjectError, match=r"run\.seeds"):
        Project.load(tmp_path, ["run.seeds=1,x"])
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ProjectError, match="once a seed"):
        create_run(Project.load(tmp_path, ["run.seeds=0,1"]))


@pytest.mark.slow  # two engines that load torch
def test_the_engine_itself_goes_on_with_the_next_seed(tmp_path: Path) -> None:
    file = write_world(tmp_path, walks())
    sets = ["run.seeds=1,2", "run.goal=index", 'index.sources=["semantic"]', "index.method=kmeans-tree"]
    start = start_training(Project.load(file, sets))
    wait_until(lambda: launch.reap() or all(info.status.state == "finished" for info in group_of(start.folder)), 60)
    data = {info.folder.artefact("data") for info in group_of(start.folder)}
    index = {info.folder.artefact("index") for info in group_of(start.folder)}
    assert (len(data), len(index)) == (1, 2)  # what no seed decides is made once
