"""A closer look: the split of one user is the data set's own; users by id; counts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.data import Dataset
from core.data.views import find_users, items_taken, user_split
from tests.core.data.data_tools import MakeProject, load


@pytest.fixture
def dataset(make: MakeProject) -> Dataset:
    rng = np.random.default_rng(7)
    rows = [(f"u{user}", f"i{item}") for user in range(40) for item in rng.integers(0, 15, 1 + user % 9)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    table = pl.DataFrame({"item_id": [f"i{n}" for n in range(15)], "title": [f"Title {n}" for n in range(15)]})
    return load(make(log, table, text=["title"], duplicates="keep"))


@pytest.mark.parametrize("max_history", [1, 2, 20])
def test_the_split_of_a_user_is_that_of_the_data_set(dataset: Dataset, max_history: int) -> None:
    train, ids = dataset.train(), dataset.items["item_id"]
    questions = {name: dataset.evaluation(name) for name in ("valid", "test")}
    for user in range(dataset.n_users):
        split = user_split(dataset, user, max_history)
        assert split["item"].to_list() == ids[dataset.sequences[user]].to_list()
        assert split["pos"].to_list() == list(range(split.height))
        assert split.filter(part="training")["item"].to_list() == ids[train[user]].to_list()
        for name, questions_of in questions.items():
            asked = np.flatnonzero(questions_of.users == user)
            target, seen = split.filter(pl.col(name) == "target"), split.filter(pl.col(name) == "seen")
            if not len(asked):
                assert target.height == seen.height == 0
                continue
            place = int(asked[0])
            assert target["item"].to_list() == [ids[int(questions_of.targets[place])]]
            assert target["part"].to_list() == [{"valid": "validation", "test": "test"}[name]]
            assert seen["item"].to_list() == ids[questions_of.histories[place][-max_history:]].to_list()


def test_users_are_found_by_their_id_and_parts_of_it() -> None:
    users = pl.Series(["anna", "Ann", "joann", "ann", "bob"])
    found = [users[n] for n in find_users(users, "ann", 10)]
    assert found == ["ann", "anna", "Ann", "joann"]
    assert find_users(users, "ann", 2) == [3, 0]
    assert find_users(users, "[", 5) == []
    assert find_users(users, "", 2) == [0, 1]


def test_items_know_how_often_they_are_taken(dataset: Dataset) -> None:
    table = items_taken(dataset)
    assert table["interactions"].sum() == len(dataset.sequences.items)
    assert table.columns[:3] == ["item_id", "title", "interactions"] and table.columns[-1] == "text"
    odd = Dataset(
        dataset.users, dataset.items.with_columns(interactions=pl.lit("mine")), dataset.sequences, dataset.report
    )
    assert items_taken(odd).columns[:4] == ["item_id", "title", "interactions_", "interactions"]
