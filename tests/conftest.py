"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from core import processors

settings.register_profile("steady", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs leave behind for the next ones (`core.estimate.paces`) goes into a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        # Engines of their own watch what else computes; a process of many tests stays where it is.
        patch.setattr(processors, "watch", lambda threads: None)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets: `EAGERTUI_DATA`, or `../shared/data` beside the checkout.

    Without it a test is skipped, but under CI=true it fails: a green run there has really seen the data.
    """
    folder = Path(os.environ.get("EAGERTUI_DATA") or ROOT.parent / "shared" / "data")
    folder = folder.resolve()
    if not (folder / "beauty" / "interactions.parquet").is_file():
        reason = f"no real data at {folder}; set EAGERTUI_DATA"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
