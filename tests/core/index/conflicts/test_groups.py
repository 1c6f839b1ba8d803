"""Conflicts as objects: groups, distances, duplicates, what settling them costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.conflicts.groups import SCHEMA, CodeSum, code_numbers, conflict_table, sharing, step
from core.index.quantize import Quantized


def part(latent: Any, codes: Any, *books: Any) -> Quantized:
    """Two-dimensional vectors with codebooks given by hand."""
    held = tuple(np.array(book, dtype=np.float32) for book in books)
    widths = tuple(len(book) for book in held)
    return Quantized(np.array(codes, dtype=np.int32), widths, np.array(latent, dtype=np.float32), held)


def test_codes_are_numbered_in_their_order() -> None:
    codes = np.array([[1, 0], [0, 7], [1, 0], [0, 3], [4000, 0]])
    assert code_numbers(codes).tolist() == [2, 1, 2, 0, 3]
    assert sharing(code_numbers(codes)).tolist() == [0, 2]
    assert code_numbers(np.zeros((0, 3), dtype=np.int32)).tolist() == []


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_step_counts_as_one_would_by_hand(data: Any) -> None:
    rows = data.draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
    sizes = [rows.count(code) for code in set(rows)]
    shared = [size for size in sizes if size > 1]
    found = step("x", np.array(rows, dtype=np.int32).reshape(-1, 2))
    assert found["step"] == "x"
    assert (found["items"], found["groups"]) == (sum(shared), len(shared))
    assert found["largest"] == max(shared, default=0)
    assert found["rate"] == pytest.approx((len(rows) - len(sizes)) / max(len(rows), 1), abs=1e-6)


def test_distances_are_shares_of_the_variance_over_all_sources() -> None:
    """One source is ten times as large; it counts no more."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(40, 3)), rng.normal(size=(40, 5)) * 10
    codes = np.zeros((40, 1))
    sums = CodeSum([part(one, codes, [one.mean(0)]), part(other, codes, [other.mean(0)])])
    assert sums.widths == (1, 1)
    far = sums.distances(np.zeros((40, 2), dtype=np.int32), np.arange(40))
    assert far.mean() == pytest.approx(1.0, abs=1e-4)
    by_hand = [np.square(x - x.mean(0)).sum(1) / x.var(axis=0).sum() for x in (one, other)]
    assert far == pytest.approx(np.mean(by_hand, axis=0), rel=1e-4)


def test_a_residual_is_what_the_own_source_leaves() -> None:
    sums = CodeSum(
        [
            part([[1, 2], [3, 4]], [[0], [0]], [[9, 9]]),
            part([[5, 5], [7, 7]], [[1, 0], [0, 1]], [[1, 1], [2, 2]], [[0, 1], [1, 0]]),
        ]
    )
    codes = np.array([[0, 1, 0], [0, 0, 1]], dtype=np.int32)
    rows = np.array([1, 0])
    assert sums.residual(codes, 0, rows).tolist() == [[3, 4], [1, 2]]
    assert sums.residual(codes, 1, rows).tolist() == [[7, 7], [5, 5]]
    assert sums.residual(codes, 2, rows).tolist() == [[6, 6], [3, 3]]
    assert sums.book(2).tolist() == [[0, 1], [1, 0]]


def test_new_codes_below_are_the_nearest_ones_of_the_same_source() -> None:
    books = [[0, 0], [10, 0]], [[0, 0], [1, 0], [2, 0]], [[0, 0], [0, 1]]
    parts = [part([[12, 1], [2, 1]], [[0, 0, 0]] * 2, *books), part([[1, 1], [2, 2]], [[0], [0]], [[0, 0], [1, 1]])]
    sums = CodeSum(parts)
    codes = np.array([[1, 0, 0, 0], [0, 0, 0, 0]], dtype=np.int32)
    sums.encode_below(codes, 0, np.array([0]))
    assert codes.tolist() == [[1, 2, 1, 0], [0, 0, 0, 0]]
    sums.encode_below(codes, 3, np.array([0, 1]))
    assert codes.tolist() == [[1, 2, 1, 0], [0, 0, 0, 0]]


def test_the_table_of_a_small_case() -> None:
    latent = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [4.0, 4.0], [-4.0, -4.0]]
    raw = np.array([[0], [0], [0], [1], [2]], dtype=np.int32)
    book = [[0, 0], [4, 4], [-4, -4], [0, 1], [1, 0]]
    after = np.array([[0], [3], [4], [1], [2]], dtype=np.int32)
    sums = CodeSum([part(latent, raw, book)])
    table, figures = conflict_table(sums, raw, after, np.full(5, "matching"))
    assert dict(table.schema) == SCHEMA
    assert table["item"].to_list() == [0, 1, 2] and table["group"].to_list() == [0, 0, 0]
    assert table["before"].to_list() == [[0]] * 3 and table["after"].to_list() == [[0], [3], [4]]
    assert table["duplicate"].to_list() == [True, True, False]
    variance = np.var(np.array(latent), axis=0).sum()
    mean = np.array([1 / 3, 0])
    assert table["distance"].to_list() == pytest.approx(
        [np.square(np.array(row) - mean).sum() / variance for row in latent[:3]], rel=1e-5
    )
    assert table["price"].to_list() == pytest.approx([0, 1 / variance, -1 / variance], rel=1e-5)
    assert (figures["duplicates"], figures["moved"], figures["spilled"]) == (2, 2, 0)
    assert figures["price"]["largest"] == pytest.approx(1 / variance, abs=1e-6)
    assert figures["price"]["relative"] == pytest.approx(0.0, abs=1e-9)


def test_who_made_room_is_listed_without_a_group() -> None:
    raw = np.array([[0, 0], [0, 0], [1, 1]], dtype=np.int32)
    after = np.array([[0, 0], [1, 1], [1, 0]], dtype=np.int32)
    book = [[0.0, 0.0], [1.0, 1.0]]
    sums = CodeSum([part([[0, 0], [1, 0], [2, 2]], raw, book, book)])
    table, figures = conflict_table(sums, raw, after, np.full(3, "matching"))
    assert table["group"].to_list() == [0, 0, None] and table["item"].to_list() == [0, 1, 2]
    assert table["strategy"].to_list() == ["matching"] * 3
    assert (figures["moved"], figures["spilled"]) == (2, 1)


def test_nothing_to_tell() -> None:
    sums = CodeSum([part([[0, 0], [1, 0]], [[0], [1]], [[0, 0], [1, 0]])])
    raw = np.array([[0], [1]], dtype=np.int32)
    table, figures = conflict_table(sums, raw, raw, np.full(2, "matching"))
    assert table.schema == pl.Schema(SCHEMA) and not len(table)
    assert figures == {
        "duplicates": 0,
        "moved": 0,
        "spilled": 0,
        "price": {"mean": 0.0, "largest": 0.0, "relative": 0.0},
    }


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 4), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_duplicates_are_found_in_their_group_only(rows: int, distinct: int, groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind, group = rng.integers(0, distinct, rows), rng.integers(0, groups, rows)
    group = np.unique(group, return_inverse=True)[1]
    one, other = rng.normal(size=(distinct, 3)), rng.normal(size=(distinct, 2))
    noise = 1e-8 * rng.normal(size=(rows, 3))  # the same vector, computed twice
    codes = np.zeros((rows, 1))
    sums = CodeSum([part(one[kind] + noise, codes, [[0, 0, 0]]), part(other[kind], codes, [[0, 0]])])
    _, duplicate = sums.spread(group, np.arange(rows))
    pairs = list(zip(kind.tolist(), group.tolist(), strict=True))
    assert duplicate.tolist() == [pairs.count(pair) > 1 for pair in pairs]


def test_alike_in_one_source_is_no_duplicate() -> None:
    codes = [[0], [0]]
    parts = [part([[1, 1], [1, 1]], codes, [[0, 0]]), part([[1, 1], [2, 1]], codes, [[0, 0]])]
    _, duplicate = CodeSum(parts).spread([0, 0], np.array([0, 1]))
    assert duplicate.tolist() == [False, False]
