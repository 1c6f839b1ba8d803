"""Numbers of prefixes, against plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from core.index.prefixes import prefix_numbers, prefix_starts, sorted_by_code
from tests.core.index.test_branches import trees


@given(trees())
def test_the_order_is_that_of_the_codes(codes: np.ndarray) -> None:
    keys = [(*code, n) for n, code in enumerate(codes.tolist())]
    assert sorted_by_code(codes).tolist() == [key[-1] for key in sorted(keys)]


@given(trees())
def test_a_prefix_has_one_number_in_the_order_of_the_codes(codes: np.ndarray) -> None:
    for depth, numbers in enumerate(prefix_numbers(codes)):
        prefixes = [tuple(code[:depth]) for code in codes.tolist()]
        rank = {prefix: number for number, prefix in enumerate(sorted(set(prefixes)))}
        assert numbers.dtype == np.int64 and numbers.tolist() == [rank[prefix] for prefix in prefixes]


@given(trees())
def test_a_prefix_begins_where_the_one_before_it_differs(codes: np.ndarray) -> None:
    ranked = codes[sorted_by_code(codes)].tolist()
    for depth, starts in enumerate(list(prefix_starts(np.array(ranked))), 1):
        first = [row == 0 or ranked[row][:depth] != ranked[row - 1][:depth] for row in range(len(ranked))]
        assert starts.tolist() == first


def test_no_items_and_no_levels() -> None:
    assert [one.tolist() for one in prefix_numbers(np.zeros((3, 0), dtype=np.int32))] == [[0, 0, 0]]
    assert [one.tolist() for one in prefix_numbers(np.zeros((0, 2), dtype=np.int32))] == [[], [], []]
