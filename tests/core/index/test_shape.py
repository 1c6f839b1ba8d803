"""Levels and widths from the catalogue's size."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import settings as runs
from hypothesis import strategies as st

from core.index.shape import COARSE_SHARE, PAPER_LEVELS, index_shape
from core.registry import QUANTIZERS

BOTH = ["semantic", "behavior"]
METHODS = [name for name in QUANTIZERS.names if name != "eager-llm-tree"]


def told(method: str = "kmeans-tree", depth: int = 0, width: int = 256, **more: Any) -> dict[str, Any]:
    return {"method": method, "depth": depth, "width": width, **more}


@given(st.integers(1, 5000), st.integers(0, 8), st.integers(2, 300), st.sampled_from([0.0, 0.1, 2.5]))
@example(243, 5, 3, 0.0)
@example(1000, 3, 10, 0.0)
@example(12_101, 0, 256, 0.0)
@example(65_537, 0, 256, 0.0)
@example(65_536, 0, 256, 0.1)
@runs(max_examples=200, deadline=None)
def test_a_tree_has_room_for_every_item_and_no_level_too_many(items: int, depth: int, width: int, spare: float) -> None:
    widths = index_shape(told(depth=depth, width=width, spare=spare), ["semantic"], items).levels
    room = math.ceil(items * (1.0 + spare))
    assert math.prod(widths) >= room and max(widths) <= width and min(widths) >= 2
    needed = next(d for d in range(1, 20) if width**d >= room)
    assert len(widths) == max(depth or 2, needed)
    assert len(set(widths)) == 1
    assert max(widths) == 2 or (max(widths) - 1) ** len(widths) < room


@given(st.integers(1, 100_000), st.integers(0, 6), st.integers(2, 300), st.sampled_from(METHODS))
@runs(max_examples=200, deadline=None)
def test_two_sources_groups_first_and_then_a_name(items: int, depth: int, width: int, method: str) -> None:
    shape = index_shape(told(method, depth, width, spare=0.1), BOTH, items)
    coarse, last = shape.widths
    assert len(coarse) == (depth or 1) and all(2 <= w <= width for w in coarse)
    if depth < 2:
        assert coarse[0] == min(width, max(2, math.ceil(max(2.0, items**COARSE_SHARE))))
    # The last source names every item on its own: conflicts can always be settled.
    assert math.prod(last) >= items and max(last) <= width
    assert shape.levels == (*coarse, *last)


@given(st.integers(1, 2_000_000), st.sampled_from(METHODS), st.integers(2, 4096), st.integers(0, 8))
@runs(max_examples=200, deadline=None)
def test_one_source_keeps_room_for_items_to_come(items: int, method: str, width: int, depth: int) -> None:
    levels = index_shape(told(method, depth, width, spare=0.1), ["behavior"], items).levels
    assert math.prod(levels) >= items * 1.1 or (math.prod(levels) >= items and max(levels) == items)
    assert max(levels) <= width


@pytest.mark.parametrize("method", ["rq-kmeans", "rq-vae", "letter", "aligned", "parallel"])
def test_published_methods_have_their_four_levels(method: str) -> None:
    assert index_shape(told(method, spare=0.1), ["semantic"], 12_101).levels == (256,) * PAPER_LEVELS
    assert index_shape(told(method, 3, spare=0.1), ["semantic"], 12_101).levels == (256,) * 3


def test_a_tree_as_released() -> None:
    for items, levels in ((1, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 3)):
        for settings in (told("eager-llm-tree", spare=0.1), told(paper=True, spare=0.1)):
            assert index_shape(settings, BOTH, items).widths == ((256,) * levels,) * 2


def test_the_reason_is_told_in_words() -> None:
    reasons = [
        index_shape(told(spare=0.1), ["semantic"], 12_101).reason,
        index_shape(told(), BOTH, 12_101).reason,
        index_shape(told("rq-vae", 3), ["semantic"], 12_101).reason,
        index_shape(told("rq-vae"), ["semantic"], 12_101).reason,
        index_shape(told(paper=True), ["semantic"], 12_101).reason,
    ]
    assert "12,101" in reasons[0] and "10% more" in reasons[0] and "256 groups" in reasons[1]
    assert "as asked" in reasons[2] and "as published" in reasons[3] and "as released" in reasons[4]
    assert all(one != other for one, other in pairwise(reasons))


@pytest.mark.parametrize("bad", [told(depth=-1), told(depth=65), told(width=1)])
def test_no_such_index(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no index has"):
        index_shape(bad, ["semantic"], 10)
