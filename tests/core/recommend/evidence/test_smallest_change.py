"""Changes that are reported are confirmed by the model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.errors import DataError
from core.recommend.evidence.smallest_change import MOST_ADDITIONS, MOST_REMOVALS, Attempt
from core.recommend.recommender import Recommender
from tests.core.engine_tools import N_ITEMS, walks

LOG = walks()
USER = next(user for user, items in LOG.items() if len(items) >= 10)
K = 3


def after(history: list[int], attempt: Attempt, ids: list[str], steps: int) -> list[int]:
    """The history after the first steps of an attempt; of an item that stands there twice, one goes."""
    left = list(history)
    for edit in attempt.edits[:steps]:
        number = ids.index(edit.item.item_id)
        if edit.kind == "add":
            left.append(number)
        else:
            left.remove(number)
    return left


@pytest.mark.parametrize("place", [0, 2, 3, 12, 40, 59])
def test_every_step_is_what_the_model_says(recommender: Recommender, place: int) -> None:
    ids = recommender.items["item_id"].to_list()
    history, _ = recommender.history_of(USER, True)
    order = recommender.recommend(user=USER, as_tested=True, k=N_ITEMS).items
    item = order[place].item_id
    found = recommender.smallest_change(item, user=USER, as_tested=True, k=K)
    assert found.wanted == ("out" if place < K else "in") and found.k == K
    assert [one.kind for one in found.attempts] == ["remove", "add"]
    for attempt, most in zip(found.attempts, (MOST_REMOVALS, MOST_ADDITIONS), strict=True):
        assert 1 <= len(attempt.edits) <= most == attempt.most
        for step, edit in enumerate(attempt.edits, 1):
            (listed,), _ = recommender.recommend_many([after(history, attempt, ids, step)], k=K)
            names = [ids[n] for n in listed]
            assert edit.rank == (names.index(item) + 1 if item in names else None)
            done = (edit.rank is not None) == (found.wanted == "in")
            assert done == (attempt.reached and step == len(attempt.edits))
    tree = json.loads(json.dumps(found.to_json()))
    assert tree["sentence"] == found.sentence() and ("No change" in found.sentence()) == (found.best is None)


def test_removals_are_greedy(recommender: Recommender) -> None:
    history, _ = recommender.history_of(USER, True)
    item = recommender.recommend(user=USER, as_tested=True, k=1).items[0].item_id
    number = recommender.number(item)
    found = recommender.smallest_change(item, user=USER, as_tested=True, k=K)
    first = found.attempts[0].edits[0]
    scores = [
        float(recommender.score_items([history[:n] + history[n + 1 :]], np.array([[number]])).total[0, 0])
        for n in range(len(history) - recommender.project.data.max_history, len(history))
    ]
    assert first.score == pytest.approx(min(scores), abs=2e-5)


def test_it_can_be_called_off_between_steps(recommender: Recommender) -> None:
    class Enough(Exception):
        pass

    asked = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Enough

    item = recommender.recommend(user=USER, k=N_ITEMS).items[-1].item_id
    with pytest.raises(Enough):
        recommender.smallest_change(item, check, user=USER, k=1)
    assert len(asked) == 3


def test_seen_and_forbidden_items(recommender: Recommender) -> None:
    """Where seen items are hidden, one comes in when it was not seen: no addition does that."""
    item = LOG[USER][-1]
    found = recommender.smallest_change(item, user=USER, hide_seen=True, k=K)
    assert found.wanted == "in" and [one.kind for one in found.attempts] == ["remove"]
    assert found.attempts[0].edits[0].item.item_id == item
    mask = recommender.allowed(deny=[item])
    with pytest.raises(DataError, match="may not be listed"):
        recommender.smallest_change(item, user=USER, allowed=mask)
