"""A run whose engine, if any, ends with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.run import launch
from core.run.folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    run = RunFolder.create(tmp_path / "runs", 'name = "shop"\n', "My Shop!", recipe="light")
    yield run
    launch.kill(run)
