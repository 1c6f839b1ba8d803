"""Scores of given items: those of the lists, item by item and part by part."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import remove_items
from core.errors import DataError
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import N_ITEMS, walks

LOG = walks()


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    held = Recommender.load(trained.path)
    held.project = replace(held.project, run=replace(held.project.run, dtype="fp32"))
    return held


def test_a_list_is_ordered_by_the_sum_of_its_parts(recommender: Recommender) -> None:
    """With as many beams as items the list is exhaustive: its scores are the sums, normalised over the catalogue."""
    histories = [recommender.history_of(user)[0] for user in list(LOG)[:5]]
    items, scores = recommender.recommend_many(histories, k=N_ITEMS)
    found = recommender.score_items(histories, items)
    assert found.names == ("model", "dense", "sasrec", "sasrec-text", "transitions", "itemknn", "repeats")
    assert found.weights.min() >= 0 and found.values.shape == (7, 5, N_ITEMS)
    total = found.total
    assert total - np.logaddexp.reduce(total, axis=1)[:, None] == pytest.approx(scores, abs=1e-5)
    assert np.exp(found.values).sum(axis=2) == pytest.approx(np.ones((7, 5)), abs=1e-4)  # each part is a distribution


def test_items_after_a_removed_one_keep_their_scores(
    recommender: Recommender, trained: RunFolder, tmp_path: Path
) -> None:
    """The generator's scores are those of the search also where an item's number is not its place in the trie."""
    (tmp_path / ".store").symlink_to(trained.path.parent / ".store")
    shutil.copytree(trained.path, tmp_path / trained.id)
    remove_items(tmp_path / trained.id, ["i00", "i30"])
    left = Recommender.load(tmp_path / trained.id)
    left.project = recommender.project
    items, scores = left.recommend_many([[1, 2, 40]], k=N_ITEMS - 2)
    total = left.score_items([[1, 2, 40]], items).total
    assert total - np.logaddexp.reduce(total, axis=1)[:, None] == pytest.approx(scores, abs=1e-5)
    with pytest.raises(DataError, match="no longer"):
        left.score_items([[1]], np.array([[30]]))


def test_only_what_is_allowed_has_a_score(recommender: Recommender) -> None:
    mask = np.arange(N_ITEMS) % 2 == 0
    found = recommender.score_items([[1, 2], [3]], np.array([[4, 5], [7, 6]]), mask)
    assert np.isneginf(found.values).tolist() == [[[False, True], [True, False]]] * len(found.names)


def test_what_is_no_item_has_no_score(recommender: Recommender) -> None:
    for number in (-1, N_ITEMS):
        with pytest.raises(DataError, match="no item"):
            recommender.score_items([[1]], np.array([[number]]))
    with pytest.raises(DataError, match="empty"):
        recommender.score_items([[]], np.array([[1]]))
