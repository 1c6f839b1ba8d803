"""Words to a move: a toy catalogue of two orthogonal genres, in which every steered list is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import DataError
from core.recommend.steering.experts import Experts
from core.recommend.steering.steerer import OF_TAG, Steerer, Steering
from core.recommend.steering.tags import Tag, TagTable
from core.recommend.user_space import HistorySpace

ACROSS = torch.tensor([0.0, 0.1, 0.2])
CRIME = torch.stack([torch.ones(3), torch.zeros(3), ACROSS], dim=1)
ROMANCE = torch.stack([torch.zeros(3), torch.ones(3), ACROSS], dim=1)
SPACE = HistorySpace(torch.nn.functional.normalize(torch.cat([CRIME, ROMANCE]), dim=1), temperature=0.1)
TAGS = TagTable(
    tuple(Tag(name, ("genre",), np.arange(3, dtype=np.int32) + first) for name, first in (("Crime", 0), ("Romance", 3)))
)


def steerer(**more: Any) -> Steerer:
    settings = {"experts": None, "strength": 1.0, "hard_less": True, **more}
    return Steerer(SPACE, TAGS, None, None, None, [], **settings)


def top(steering: Steering, history: list[int], k: int = 3) -> list[int]:
    """The best items by the moved vector, history left out of nothing."""
    queries, log_probs = SPACE.read(np.array([history]))
    scores = log_probs + steering.gains(queries)
    return torch.argsort(scores[0], descending=True, stable=True)[:k].tolist()


def share(steering: Steering, history: list[int], k: int = 3) -> float:
    return sum(item >= 3 for item in top(steering, history, k)) / k


def test_the_list_is_known() -> None:
    known = steerer(strength=2.0)
    assert sorted(top(known.steering(), [0])) == [0, 1, 2]
    assert sorted(top(known.steering(more=["romance"]), [0])) == [3, 4, 5]
    assert sorted(top(known.steering(less=["crime"], hard_less=False), [0])) == [3, 4, 5]
    assert top(known.steering(more=["Crime"]), [0]) == top(known.steering(), [0])


def test_zero_strength_changes_nothing() -> None:
    queries, _ = SPACE.read(np.array([[0, 4]]))
    asked = steerer().steering(more=["romance"], strength=0.0)
    assert not asked.moves and (asked.gains(queries) == 0).all()
    assert not steerer().steering().moves


def test_the_share_rises_with_the_strength() -> None:
    for history in ([0], [1, 2], [3, 0], [0, 1, 4]):
        for k in (1, 2, 3, 4):
            shares = [share(steerer().steering(more=["romance"], strength=s / 20), history, k) for s in range(41)]
            assert shares == sorted(shares) and shares[-1] == min(k, 3) / k
            shares = [share(steerer(hard_less=False).steering(less=["romance"], strength=s / 20), history, k)
                      for s in range(41)]  # fmt: skip
            assert shares == sorted(shares, reverse=True)


def test_less_of_a_known_tag_is_a_rule() -> None:
    asked = steerer().steering(less=["romance"])
    assert asked.denied is not None and asked.denied.tolist() == [False] * 3 + [True] * 3 and not asked.moves
    soft = steerer(hard_less=False).steering(less=["romance"])
    assert soft.denied is None and soft.moves
    assert steerer().steering(less=["less romance"]).denied is None  # a sentence moves, only a name is a rule


def test_more_and_less_of_one_thing_cancel() -> None:
    queries, _ = SPACE.read(np.array([[0]]))
    both = steerer().steering(more=["Romance", "crime"], less=["romance!"])
    assert both.denied is None and len(both.directions) == 1 and "cancel" in both.notes[0]
    more, less = (steerer(hard_less=False).steering(**{way: ["romance"]}) for way in ("more", "less"))
    together = replace(more, directions=(*more.directions, *less.directions))
    assert together.gains(queries).abs().max() < 1e-5


def test_unknown_and_hostile_words() -> None:
    asked = steerer().steering(more=["romence", "\x1b[31m[red]", "x" * 100_000], less=["\x00"])
    assert not asked.moves and asked.denied is None and len(asked.notes) == 4
    assert asked.notes[0] == 'nothing is known by "romence"; nearest known: Romance'
    assert "known are e.g. Crime" in asked.notes[1] and all(len(note) < 200 for note in asked.notes)
    with pytest.raises(DataError, match="without words"):
        steerer().steering(more=[" "])
    with pytest.raises(DataError, match="32"):
        steerer().steering(more=["romance"] * 33)


def test_items_are_directions_and_do_not_list_themselves() -> None:
    asked = steerer().steering(like=[3], unlike=[0], strength=4.0)
    assert asked.denied is not None and asked.denied.nonzero()[0].tolist() == [0, 3]
    assert all(item >= 3 for item in top(asked, [1]))


def test_added_items_carry_the_tags_that_their_text_names() -> None:
    items = torch.cat([SPACE.items, SPACE.items[:1]])
    known = Steerer(HistorySpace(items), TAGS, None, None, None, ["A fine romance of two"], None, 1.0, True)
    asked = known.steering(less=["romance"])
    assert asked.denied is not None and asked.denied.tolist() == [False] * 3 + [True] * 4
    asked = known.steering(less=["crime"])
    assert asked.denied is not None and asked.denied.tolist() == [True] * 3 + [False] * 4


def test_untrained_experts_are_the_vector() -> None:
    torch.manual_seed(1)
    queries, _ = SPACE.read(np.array([[0, 4]]))
    plain, moved = steerer(), steerer(experts=Experts(3).eval())
    assert (plain.method, moved.method) == ("vector", "experts")
    for asked in ({"more": ["romance"]}, {"less": ["crime"]}):
        one, other = (known.steering(**asked, hard_less=False).gains(queries) for known in (plain, moved))
        assert torch.equal(one, other) and one.abs().max() >= OF_TAG.tag
