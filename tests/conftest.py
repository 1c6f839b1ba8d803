"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("steady")

ROOT = Path(__file__).resolve().parent.parent


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
