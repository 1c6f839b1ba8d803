"""A tiny project, trained once for all tests of the engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.project import Project
from core.run.folder import RunFolder
from tests.core.engine_tools import walks, write_world


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run of the small world of `engine_tools`."""
    from core.jobs.work import train_run

    project = Project.load(write_world(tmp_path_factory.mktemp("world"), walks()))
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(folder) == 0, folder.status().error
    return folder


@pytest.fixture(scope="session")
def trained_project(trained: RunFolder) -> Project:
    """The project of that run."""
    return Project.load(trained.project_path)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The project file of the small world, untrained, in a folder of its own."""
    return write_world(tmp_path / "world", walks())
