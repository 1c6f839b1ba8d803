"""The code tree's inner nodes: against plain Python on small trees, through files, and damaged ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from core.index.branches import SCHEMA, BranchTable

CODES = np.array([[1, 0, 2], [0, 3, 0], [1, 0, 0], [1, 2, 0], [0, 3, 1]], dtype=np.int32)
ROWS = [10, 1, 20, 3, 5]


@st.composite
def trees(draw: st.DrawFn) -> np.ndarray:
    """Codes of a few items, deep or flat, shared or not, with large numbers too."""
    levels, width = draw(st.integers(1, 5)), draw(st.sampled_from([1, 2, 5, 2**20]))
    row = st.tuples(*[st.integers(0, width - 1)] * levels)
    return np.array(draw(st.lists(row, min_size=1, max_size=30)), dtype=np.int32).reshape(-1, levels)


def test_a_small_tree() -> None:
    table = BranchTable.build(CODES, ROWS, [[], ["zero"], ["one"], [], [], ["last"]])
    assert table.order.tolist() == [1, 4, 2, 0, 3]
    assert table.depth.tolist() == [0, 1, 1, 2, 2, 2]
    assert table.code.tolist() == [-1, 0, 1, 3, 0, 2]
    assert table.parent.tolist() == [-1, 0, 0, 1, 2, 2]
    assert table.first.tolist() == [0, 0, 2, 0, 2, 4]
    assert table.size.tolist() == [5, 2, 3, 2, 2, 1]
    assert table.rows.tolist() == [39, 6, 33, 6, 30, 3]
    assert (len(table), table.levels) == (6, 3)
    assert [list(table.children(row)) for row in range(6)] == [[1, 2], [3], [4, 5], [], [], []]
    assert table.find([]) == 0 and table.find([1, 2]) == 5
    assert (
        table.find([2]) == table.find([1, 1]) == table.find([1, 0, 2]) == table.find([-1]) == table.find([2**40]) == -1
    )
    assert table.path(5) == [0, 2, 5]
    assert table.items(2).tolist() == [2, 0, 3]
    assert table.items(2, 1, 1).tolist() == [0]
    assert table.items(2, 5, 3).tolist() == [] and table.items(2, 0, 0).tolist() == []
    assert table.words(1) == ["zero"] and table.words(0) == [] and table.words(5) == ["last"]


@given(trees())
def test_every_prefix_is_a_branch_with_its_items(codes: np.ndarray) -> None:
    rows = np.arange(len(codes)) * 7 + 1
    table = BranchTable.build(codes, rows)
    levels = codes.shape[1]
    held = Counter(tuple(code[:depth]) for code in codes.tolist() for depth in range(levels))
    assert len(table) == len(held)
    assert (np.diff(table.depth.astype(int)) >= 0).all()
    for prefix, count in held.items():
        row = table.find(prefix)
        items = table.items(row)
        assert (int(table.depth[row]), int(table.size[row])) == (len(prefix), count)
        own = [n for n, code in enumerate(codes.tolist()) if tuple(code[: len(prefix)]) == prefix]
        assert sorted(items.tolist()) == own
        assert table.rows[row] == rows[items].sum()
        assert [tuple(int(table.code[step]) for step in table.path(row)[1:])] == [prefix]
        below = {int(codes[n, len(prefix)]) for n in own}
        expected = sorted(below) if len(prefix) < levels - 1 else []
        assert [int(table.code[child]) for child in table.children(row)] == expected
        assert all(table.parent[child] == row for child in table.children(row))


def test_round_trip(tmp_path: Path) -> None:
    table = BranchTable.build(CODES, ROWS, [["α", "b c"]] * 6)
    table.save(tmp_path)
    before = [(tmp_path / name).read_bytes() for name in ("branches.parquet", "order.npy")]
    again = BranchTable.load(tmp_path)
    for name in ("depth", "code", "parent", "first", "size", "rows", "order"):
        one, other = getattr(table, name), getattr(again, name)
        assert one.dtype == other.dtype and one.tolist() == other.tolist()
    assert again.words(3) == ["α", "b c"]
    assert dict(pl.read_parquet(tmp_path / "branches.parquet").schema) == SCHEMA
    again.save(tmp_path)
    assert [(tmp_path / name).read_bytes() for name in ("branches.parquet", "order.npy")] == before


@pytest.mark.parametrize("codes", [np.zeros((0, 2), np.int32), np.zeros((1, 1), np.int32), np.zeros((4, 3), np.int32)])
def test_the_smallest_trees(codes: np.ndarray, tmp_path: Path) -> None:
    table = BranchTable.build(codes, np.ones(len(codes)))
    assert table.size[0] == len(codes) and table.items(0).tolist() == list(range(len(codes)))
    if len(codes):
        table.save(tmp_path)
        assert len(BranchTable.load(tmp_path)) == codes.shape[1]


def test_words_of_another_tree_are_refused() -> None:
    with pytest.raises(ValueError, match="2 branches"):
        BranchTable.build(CODES, ROWS, [[], []])
    with pytest.raises(ValueError, match="2 branches"):
        BranchTable.build(CODES, ROWS).with_words([[], []])


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("parent", 3, 5), ("parent", 1, -1), ("parent", 0, 0), ("first", 5, 9), ("first", 0, 1), ("items", 0, 4),
        ("items", 5, 0), ("items", 4, -2), ("depth", 4, 1), ("code", 2, 0),
    ],
)  # fmt: skip
def test_a_damaged_table_is_refused(column: str, row: int, value: int, tmp_path: Path) -> None:
    BranchTable.build(CODES, ROWS).save(tmp_path)
    path = tmp_path / "branches.parquet"
    table = pl.read_parquet(path)
    values = table[column].to_list()
    values[row] = value
    table.with_columns(pl.Series(column, values, dtype=table.schema[column])).write_parquet(path)
    with pytest.raises(DataError, match="branches"):
        BranchTable.load(tmp_path)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        BranchTable.load(tmp_path)
    table = BranchTable.build(CODES, ROWS)
    for order in ([0, 1, 2, 3, 3], [0, 1, 2, 3, 7], [0, 1, 2]):
        table.save(tmp_path)
        np.save(tmp_path / "order.npy", np.array(order, dtype=np.int32))
        with pytest.raises(DataError):
            BranchTable.load(tmp_path)
    table.save(tmp_path)
    np.save(tmp_path / "order.npy", np.arange(5.0))
    with pytest.raises(DataError):
        BranchTable.load(tmp_path)
    table.save(tmp_path)
    (tmp_path / "order.npy").write_bytes(b"")
    with pytest.raises(DataError):
        BranchTable.load(tmp_path)
    table.save(tmp_path)
    pl.DataFrame({"depth": [0]}).write_parquet(tmp_path / "branches.parquet")
    with pytest.raises(DataError):
        BranchTable.load(tmp_path)


@given(trees(), st.data())
def test_a_table_that_grew_is_the_one_of_all_items(codes: np.ndarray, data: st.DataObject) -> None:
    """New items under old prefixes, with old and new last codes, the same one twice too."""
    levels = codes.shape[1]
    places = data.draw(st.lists(st.integers(0, len(codes) - 1), max_size=20))
    last = data.draw(st.lists(st.integers(0, 9), min_size=len(places), max_size=len(places)))
    more = np.array([[*codes[place, :-1], code] for place, code in zip(places, last, strict=True)], dtype=np.int32)
    every = np.concatenate([codes, more.reshape(-1, levels)])
    rows = np.arange(len(codes)) + 1
    old = BranchTable.build(codes, rows)
    old = old.with_words([[f"word {n}"] for n in range(len(old))])
    new, whole = old.grown(every), BranchTable.build(every, np.ones(len(every)))
    for name in ("depth", "code", "parent", "first", "size", "order"):
        assert getattr(new, name).tolist() == getattr(whole, name).tolist(), name
        assert getattr(new, name).dtype == getattr(whole, name).dtype
    assert new.rows is old.rows and new.labels is old.labels and old.size[0] == len(codes)


def test_a_new_item_under_a_strange_prefix_is_refused() -> None:
    table = BranchTable.build(CODES, ROWS)
    for strange in ([0, 0, 0], [2, 0, 0], [1, 1, 0], [1, 3, 0]):
        with pytest.raises(ValueError, match="prefix"):
            table.grown(np.concatenate([CODES, np.array([strange], dtype=np.int32)]))
