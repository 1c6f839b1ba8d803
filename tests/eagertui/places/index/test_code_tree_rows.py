"""The rows of a code tree: whatever is opened and closed, they are what a walk through the whole tree would give."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.index.branches import BranchTable
from eagertui.places.index.code_tree_rows import CodeRows, Spot
from tests.eagertui.index_tools import some_codes


def table(codes: list[tuple[int, ...]]) -> BranchTable:
    return BranchTable.build(np.array(codes, dtype=np.int32).reshape(len(codes), -1), np.ones(len(codes)))


def walked(tree: BranchTable, opened: set[int]) -> list[Spot]:
    """The slow way, a node at a time."""
    rows: list[Spot] = []

    def visit(branch: int, depth: int) -> None:
        rows.append(Spot(branch, -1, depth))
        if branch not in opened:
            return
        if tree.size[branch] <= 1 or tree.depth[branch] == tree.levels - 1:
            rows.extend(Spot(branch, int(item), depth + 1) for item in tree.items(branch))
        else:
            for below in tree.children(branch):
                visit(below, depth + 1)

    visit(0, 0)
    return rows


def seen(rows: CodeRows) -> list[Spot]:
    return [rows.spot(row) for row in range(rows.height)]


CODES = st.integers(1, 4).flatmap(
    lambda levels: st.lists(st.tuples(*[st.integers(0, 3)] * levels), min_size=1, max_size=40, unique=True)
)


@settings(deadline=None, max_examples=40)
@given(CODES, st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=30))
def test_rows_are_those_of_a_walk(codes: list[tuple[int, ...]], deeds: list[tuple[int, bool]]) -> None:
    tree = table(codes)
    rows, opened = CodeRows(tree), {0}
    for number, opens in deeds:
        branch = number % len(tree)
        (rows.open if opens else rows.close)(branch)
        (opened.add if opens else opened.discard)(branch)
        assert seen(rows) == walked(tree, opened)
    for row, spot in enumerate(seen(rows)):
        above = rows.spot(rows.row_above(row))
        assert above.branch == (spot.branch if spot.item >= 0 else max(0, int(tree.parent[spot.branch])))
        assert spot.item >= 0 or rows.row_of(spot.branch) == row


@settings(deadline=None, max_examples=30)
@given(CODES, st.integers(0, 1_000))
def test_what_is_revealed_stands_in_its_row(codes: list[tuple[int, ...]], number: int) -> None:
    tree = table(codes)
    branch, item = number % len(tree), number % len(codes)
    rows = CodeRows(tree)
    rows.close(0)
    spot = rows.spot(rows.reveal(branch))
    alone = [row for row in tree.path(branch) if rows.holds_items(row)]  # opens to its only item, not to branches
    assert (spot.branch, spot.item) == (alone[0] if alone else branch, -1)
    rows = CodeRows(tree)
    spot = rows.spot(rows.reveal_item(item, codes[item]))
    assert spot.item == item and rows.is_open(spot.branch) and rows.holds_items(spot.branch)


def test_the_largest_beside_a_branch() -> None:
    tree = table([(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)])
    rows = CodeRows(tree)
    assert [rows.most(branch) for branch in range(4)] == [6, 3, 3, 3]


def test_no_items_are_one_row() -> None:
    rows = CodeRows(BranchTable.build(np.zeros((0, 3), dtype=np.int32), []))
    assert seen(rows) == [Spot(0, -1, 0)]


def test_a_branch_of_100_000_items_is_as_quick_as_a_small_one() -> None:
    codes = np.stack([np.arange(100_000) * 0, np.arange(100_000)], axis=1).astype(np.int32)
    rows = CodeRows(BranchTable.build(codes, np.ones(100_000)))
    began = time.perf_counter()
    rows.open(1)
    assert rows.height == 100_002
    assert [rows.spot(row).item for row in (2, 50_000, 100_001)] == [0, 49_998, 99_999]
    assert rows.reveal_item(70_000, [0, 70_000]) == 70_002
    assert time.perf_counter() - began < 0.2


def test_many_open_branches_are_no_burden() -> None:
    tree = BranchTable.build(some_codes(20_000, (64, 64, 64)), np.ones(20_000))
    rows = CodeRows(tree)
    for branch in range(1, 65):
        rows.open(branch)
    began = time.perf_counter()
    rows.open(100)
    assert time.perf_counter() - began < 0.1
    assert rows.height > 2_000
