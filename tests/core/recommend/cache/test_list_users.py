"""What users took since: read as the data are read, and taken once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.data.dataset import Dataset
from core.errors import DataError, ProjectError
from core.project import Project
from core.recommend.cache.list_database import ListDatabase
from core.recommend.cache.list_question import ListQuestion
from core.recommend.cache.list_users import _longer, everybody, take_interactions
from core.run.folder import RunFolder
from tests.core.engine_tools import N_USERS, walks

LOG = walks()


@pytest.mark.parametrize(
    ("before", "came", "after"),
    [
        ([1, 2, 3], [4, 5], [1, 2, 3, 4, 5]),
        ([1, 2, 3], [1, 2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3], [2, 3, 4], [1, 2, 3, 4]),
        ([1, 2, 3], [2, 3], [1, 2, 3]),
        ([1, 1, 2], [1, 2, 1], [1, 1, 2, 1]),
        ([1, 1], [1, 1, 1], [1, 1, 1]),
        ([1, 2, 1, 2], [1, 2, 1, 3], [1, 2, 1, 2, 1, 3]),
        ([], [1, 2], [1, 2]),
        ([1], [], [1]),
    ],
)
def test_what_repeats_the_end_of_a_history_is_taken_once(before: list[int], came: list[int], after: list[int]) -> None:
    as_arrays = (np.array(items, dtype=np.int32) for items in (before, came))
    assert _longer(*as_arrays, False).tolist() == after
    assert _longer(np.array([1, 2], dtype=np.int32), np.array([3, 1, 3], dtype=np.int32), True).tolist() == [1, 2, 3]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ListDatabase]:
    with ListDatabase(tmp_path / "cache.sqlite") as base:
        yield base


def test_a_file_is_read_as_the_data_were(trained: RunFolder, cache: ListDatabase, tmp_path: Path) -> None:
    """CSV, out of order, with a duplicate, a bad row, an unknown item and a new user."""
    project, dataset = Project.load(trained.project_path), Dataset.load(trained.artefact("data"))
    numbers = {item: number for number, item in enumerate(dataset.items["item_id"])}
    rows = ["user_id,item_id,time", "u001,i09,300", "u001, i08 ,200", "u001,i09,300", "u007,zebra,1", "fresh,i03,5"]
    rows += [f"u004,{item},{time}" for time, item in enumerate(LOG["u004"])] * 1 + [f"u004,i0{n},9{n}" for n in (1, 2)]
    file = tmp_path / "new.csv"
    file.write_text("\n".join(rows) + "\n")
    for _ in range(2):  # the second time there is nothing new
        told = take_interactions(cache, project, dataset, numbers, file)
        kept = cache.histories()
        assert kept[1].tolist() == [*dataset.sequences[1].tolist(), 8, 9]
        assert kept[4].tolist() == [*dataset.sequences[4].tolist(), 1, 2]
        assert kept[N_USERS].tolist() == [3] and cache.more_users() == {N_USERS: "fresh"} and len(kept) == 3
    assert (told.users, told.new_users, told.unknown_items) == (0, 0, 1)
    users, histories = everybody(dataset, ListQuestion(5), cache)
    assert len(users) == N_USERS + 1 and histories[1].tolist() == kept[1].tolist()
    users, histories = everybody(dataset, ListQuestion(5, as_tested=True), cache)
    assert len(users) == N_USERS and histories[1].tolist() == dataset.sequences[1].tolist()[:-1]
    with pytest.raises(ProjectError, match="no file"):
        take_interactions(cache, project, dataset, numbers, tmp_path / "missing.csv")
    pl.DataFrame({"user_id": ["u1"] * 3, "item_id": [None, None, "i01"], "time": [1, 2, 3]}).write_parquet(file)
    with pytest.raises(DataError, match="cannot be used"):
        take_interactions(cache, project, dataset, numbers, file)
