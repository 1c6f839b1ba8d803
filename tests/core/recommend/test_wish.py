"""Wishes: items found by words, by several scorers, alone and for a user."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import DataError
from core.recommend.open_question import wish_search
from core.recommend.recommender import Recommender
from core.recommend.wish import DEPTH, RANKS, WishSearch, best_items, fused_ranks, weights_of
from core.run.folder import RunFolder
from tests.core.engine_tools import KINDS, N_ITEMS, walks

LOG = walks()
USER = next(user for user, items in LOG.items() if len(items) >= 10)
TEXTS = ["red nail polish", "oil for dry hair", "dry shampoo", "hair brush", "", "[bold]clay\x00[/bold] & 'mud'"]


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    return Recommender.load(trained.path)


def kinds(items: np.ndarray) -> list[int]:
    return (items * len(KINDS) // N_ITEMS).tolist()


def test_words_find_items_and_rare_words_count_more() -> None:
    search = WishSearch(TEXTS, None, None, None)
    found = search.rankings("Something for DRY hair!")
    assert list(found) == ["words"] and found["words"][0] == 1 and set(found["words"]) == {1, 2, 3}
    assert search.rankings("clay mud")["words"].tolist() == [5]
    assert search.rankings("dry hair", np.array([1, 0, 1, 1, 1, 1], dtype=bool))["words"].tolist()[0] in (2, 3)
    for nothing in ("xyzzy", "", "\x00", "of 12 ?!", "x" * 100_000):
        assert search.rankings(nothing) == {}
    assert WishSearch(["", ""], None, None, None).rankings("hair") == {}
    assert WishSearch([], None, None, None).rankings("hair") == {}


def test_a_pretrained_model_is_asked_in_words_that_nobody_else_knows() -> None:
    def intent(wish: str, allowed: np.ndarray | None) -> np.ndarray:
        return np.array([3, 1]) if wish == "xyzzy" else np.array([2])

    assert WishSearch(TEXTS, None, None, intent).rankings("xyzzy") == {}
    found = WishSearch(TEXTS, None, None, intent, pretrained=True).rankings("xyzzy")
    assert list(found) == ["intent"] and found["intent"].tolist() == [3, 1]
    for pretrained in (False, True):
        assert list(WishSearch(TEXTS, None, None, intent, pretrained).rankings("clay")) == ["words", "intent"]


def test_ranks_are_joined_with_weights() -> None:
    rankings = {"words": np.array([4, 2]), "text": np.array([2, 7])}
    weights = weights_of(rankings)
    assert weights == {"words": 0.5, "text": 0.5}
    items, scores = fused_ranks(rankings, weights)
    assert items.tolist() == [2, 4, 7]
    assert scores == pytest.approx([0.5 / (RANKS + 2) + 0.5 / (RANKS + 1), 0.5 / (RANKS + 1), 0.5 / (RANKS + 2)])
    assert best_items(np.array([1.0, 3.0, 3.0, -np.inf]), None).tolist() == [1, 2, 0]


def test_a_wish_alone(recommender: Recommender) -> None:
    found = recommender.recommend(wish="a tale of ember, part 57", k=5)
    assert found.source == "wish" and found.weights == {"words": 0.5, "text": 0.5} and found.history == ()
    assert found.items[0].item_id == "i57" or kinds(np.array([int(one.item_id[1:]) for one in found.items])) == [4] * 5
    assert recommender.recommend(wish="ember", k=5, allowed=np.arange(N_ITEMS) < 50).items[0].item_id < "i50"
    with pytest.raises(DataError, match="empty"):
        recommender.recommend(wish="  ")


def test_a_wish_for_a_user_follows_both(recommender: Recommender) -> None:
    alone, own = recommender.recommend(wish="amber", k=12), recommender.recommend(user=USER, wish="amber", k=12)
    assert own.source == "wish" and set(own.weights) == {"words", "text", "history"}
    assert kinds(np.array([int(one.item_id[1:]) for one in own.items]))[:6] == [0] * 6
    assert [one.item_id for one in own.items] != [one.item_id for one in alone.items]
    hidden = recommender.recommend(user=USER, wish="amber", k=12, hide_seen=True)
    assert not {one.item_id for one in hidden.items} & set(LOG[USER])
    less = recommender.recommend(wish="amber tale", unlike=["i00"], k=12)
    assert set(less.weights) == {"words", "text", "steering"} and "i00" not in [one.item_id for one in less.items]


def test_a_wish_that_nobody_understands_is_the_plain_list(recommender: Recommender) -> None:
    found = recommender.recommend(user=USER, wish="zzzz")
    assert found.source == "model" and found.items == recommender.recommend(user=USER).items and found.weights == {}
    assert "nothing is known" in found.notes[0]
    assert recommender.recommend(wish="zzzz").source == "popularity"


def test_the_model_is_asked_where_it_learnt_to_answer(recommender: Recommender) -> None:
    """The task is written into the project of a model that never learnt it: the question is asked, whatever comes."""
    (stage,) = recommender.project.tune.stages
    tune = replace(recommender.project.tune, stages=(replace(stage, tasks={**stage.tasks, "intent-to-code": 1.0}),))
    asked = Recommender(replace(recommender.project, tune=tune), recommender.dataset, recommender.checkpoint)
    asked.folder = recommender.folder
    allowed = np.arange(N_ITEMS) % 3 > 0
    first, again = (wish_search(asked).rankings("amber tale", allowed) for _ in range(2))
    assert set(first) == {"words", "text", "intent"} and first["intent"].tolist() == again["intent"].tolist()
    assert sorted(first["intent"]) == np.flatnonzero(allowed).tolist() and N_ITEMS < DEPTH
    assert set(asked.recommend(wish="amber tale").weights) == {"words", "text", "intent"}
