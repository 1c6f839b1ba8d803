"""A copy of the trained run in which a test may make a cache, and what `recommend_many` lists for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.recommend.cache import list_jobs, list_shards
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import copied_run

Lists = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def copy_of(trained: RunFolder, folder: Path) -> Path:
    """A run folder of our own."""
    return copied_run(trained, folder / "runs").path


def small_shards(patch: pytest.MonkeyPatch) -> None:
    """Shards of a few users, so that a job has several."""
    patch.setattr(list_shards, "SHARD", 24)
    patch.setattr(list_shards, "BLOCK", 8)


def loaded_once(patch: pytest.MonkeyPatch, recommender: Recommender) -> None:
    """Jobs of this test use a model that is loaded already."""
    patch.setattr(Recommender, "load", classmethod(lambda cls, run: recommender))


def build(run: Path, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return list_jobs.build_cache(run, given or {}, print, print)


def everyone(recommender: Recommender, as_tested: bool, hide: bool, k: int, only: str = "") -> Lists:
    """The lists of all users by the one primitive."""
    users = recommender.dataset.users.to_list()
    histories = [recommender.history_of(user, as_tested)[0] for user in users]
    return recommender.recommend_many(histories, recommender.allowed(only), hide, k)


def write_log(path: Path, rows: list[tuple[str, str, int]]) -> Path:
    """A log with the columns of the small world."""
    pl.DataFrame(rows, schema=["user_id", "item_id", "time"], orient="row").write_parquet(path)
    return path
