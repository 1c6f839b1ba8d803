"""Questions are values: an edit makes a new one, and none loses what was asked before."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from eagertui.places.explore.explore_question import LENGTHS, ExploreQuestion, Taken, ranks_of, taken

OWN = tuple(Taken(f"i{n}", f"Title {n}") for n in range(4))
PLAIN = ExploreQuestion(user="u")


def test_a_plain_question_names_the_user_and_a_basket_its_items() -> None:
    assert PLAIN.params() == {"user": "u", "as_tested": True, "k": 20}
    edited = PLAIN.added(OWN, Taken("new", "New"))
    assert edited.params() == {"history": ["i0", "i1", "i2", "i3", "new"], "k": 20}
    assert edited.edited and not PLAIN.edited


def test_restrictions_are_asked_for_and_said() -> None:
    asked = replace(PLAIN, hide_seen=True, only="price < 3", deny=("a", "b"), more=("oil",), less=("soap", "wax"))
    assert asked.params() == {
        "user": "u", "as_tested": True, "k": 20, "hide_seen": True, "only": "price < 3", "deny": ["a", "b"],
        "more": ["oil"], "less": ["soap", "wax"],
    }  # fmt: skip
    said = asked.restrictions()
    assert said == ["seen hidden", "only price < 3", "2 denied", "more oil", "less soap", "less wax"]


@given(st.integers(0, 3), st.integers(-3, 3))
def test_moving_an_item_keeps_all_of_them(place: int, by: int) -> None:
    moved = PLAIN.moved(OWN, place, by)
    if not 0 <= place + by < len(OWN):
        assert moved is PLAIN
        return
    assert moved.basket is not None and sorted(moved.basket, key=lambda item: item.item_id) == list(OWN)
    assert moved.basket[place + by] == OWN[place]
    assert moved.moved(moved.basket, place + by, -by).basket == OWN


def test_an_empty_basket_asks_nothing() -> None:
    assert ExploreQuestion(basket=()).empty and ExploreQuestion().empty
    assert not PLAIN.empty and not ExploreQuestion(basket=OWN).empty
    assert PLAIN.dropped(OWN, 1).params()["history"] == ["i0", "i2", "i3"]


def test_lengths_stop_at_both_ends() -> None:
    assert [PLAIN.next_length(by).k for by in (-5, -1, 0, 1, 5)] == [LENGTHS[0], LENGTHS[0], 20, 50, 50]


def test_what_the_process_tells_may_be_anything() -> None:
    assert taken([{"item_id": 7}, 3, None, {"item_id": "a", "title": "T"}]) == (Taken("7", "7"), Taken("a", "T"))
    assert taken(None) == () and ranks_of("x") == {}
    assert ranks_of([{"item_id": "a", "rank": 2}, {"item_id": "b", "rank": None}, 5]) == {"a": 2}
