"""The trie: legal codes and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError
from core.model.trie import Level, Trie
from tests.core.engine_tools import uneven_codes

Code = tuple[int, ...]


def branches(level: Level, nodes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes, the nodes that they lead to, and which are no padding; shape of `nodes` plus one axis each."""
    codes, first, legal = level.branches(nodes)
    assert codes.shape == legal.shape == (*nodes.shape, codes.shape[-1]) and first.shape == nodes.shape
    assert codes.dtype == first.dtype == torch.int64
    return codes, first[..., None] + torch.arange(codes.shape[-1]), legal


def walk(trie: Trie) -> dict[Code, int]:
    """Every sequence that can be decoded, with the leaf at its end."""
    paths: dict[Code, int] = {(): 0}
    for level in trie.levels:
        nodes = torch.tensor(list(paths.values()))
        codes, children, legal = branches(level, nodes)
        paths = {
            (*path, int(code)): int(child)
            for path, *rows in zip(paths, codes, children, legal, strict=True)
            for code, child, is_legal in zip(*rows, strict=True)
            if is_legal
        }
    return paths


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_can_be_decoded_is_what_there_is(data: Any) -> None:
    levels, width = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    count = data.draw(st.integers(1, min(40, width**levels)))
    codes = uneven_codes(count, levels, width, data.draw(st.integers(0, 99)))
    trie = Trie(codes)
    assert len(trie) == levels and trie.n_items == count
    ends = walk(trie)
    held = trie.items(torch.tensor(list(ends.values())), 1)[:, 0].tolist()
    assert dict(zip(ends, held, strict=True)) == {tuple(row): item for item, row in enumerate(codes.tolist())}


def test_an_items_path_leads_to_it() -> None:
    codes = uneven_codes(30, 3, 5, 0)
    trie = Trie(codes)
    every = torch.arange(30)
    for level in range(3):
        codes_below, children, legal = branches(trie.levels[level], trie.nodes(every, level))
        for item, row in enumerate(codes):
            mine = (codes_below[item] == int(row[level])) & legal[item]
            assert int(mine.sum()) == 1
            assert int(children[item][mine]) == int(trie.nodes(every, level + 1)[item])
    assert trie.items(trie.nodes(every, 3), 5).tolist() == [[item] for item in range(30)]
    assert (trie.nodes(every, 0) == 0).all()


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_the_leaves_below_a_node_are_its_items(data: Any) -> None:
    """Codes may be shared: a leaf then holds all of its items, lowest number first."""
    levels, width, count = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)), data.draw(st.integers(1, 40))
    codes = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, width, (count, levels))
    trie = Trie(codes)
    rows = [tuple(row) for row in codes.tolist()]
    assert trie.shared == (len(set(rows)) < count)
    for level in range(levels + 1):
        nodes = trie.nodes(torch.arange(count), level)
        first, end = trie.leaves(nodes, level)
        for item in range(count):
            leaves = torch.arange(int(first[item]), int(end[item]))
            found = trie.items(leaves, count)
            assert (found[:, 0] >= 0).all() and len(leaves) == len(
                {row for row in rows if row[:level] == rows[item][:level]}
            )
            for held in found.tolist():
                own = [n for n in held if n >= 0]
                assert own == sorted(own) == [n for n in range(count) if rows[n] == rows[own[0]]]
            below = [n for n in found.flatten().tolist() if n >= 0]
            assert sorted(below) == [n for n in range(count) if rows[n][:level] == rows[item][:level]]


def test_no_leaf_holds_no_item_and_a_full_one_is_cut() -> None:
    for codes in ([[0], [0], [1], [0]], [[0], [1], [2], [3]]):
        trie = Trie(np.array(codes))
        assert (trie.items(torch.tensor([[-1, -1]]), 3) == -1).all()
    trie = Trie(np.array([[0], [0], [1], [0]]))
    assert trie.items(torch.tensor([[0, -1, 1]]), 2).tolist() == [[[0, 1], [-1, -1], [2, -1]]]


def test_its_memory() -> None:
    """Four levels, most items apart after three: the shape of a published index."""
    codes = np.random.default_rng(0).integers(0, 256, (30_000, 4))
    trie = Trie(np.unique(codes, axis=0))
    assert trie.nbytes <= 64 * trie.n_items
    held = [value for level in trie.levels for value in vars(level).values()]
    held += [value for value in vars(trie).values() if isinstance(value, torch.Tensor)]
    assert sum(value.nbytes for value in held) == trie.nbytes


def test_padding_is_never_legal_and_always_safe() -> None:
    trie = Trie(np.array([[0, 3], [0, 1], [0, 2], [4, 0]]))
    codes, children, legal = branches(trie.levels[1], torch.tensor([[0, 1], [1, 1]]))
    assert legal.sum(-1).tolist() == [[3, 1], [1, 1]]
    assert codes[0, 0].tolist() == [1, 2, 3] and children[0, 0].tolist() == [0, 1, 2]
    assert set(codes.flatten().tolist()) <= {0, 1, 2, 3} and int(children[0, 1, 0]) == 3
    assert trie.items(children[0, 0], 1)[:, 0].tolist() == [1, 2, 0]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_node_is_alive_where_an_allowed_item_lies_below(data: Any) -> None:
    levels, width, count = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)), data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    codes, masks = rng.integers(0, width, (count, levels)), rng.random((3, count)) < rng.random()
    trie, rows = Trie(codes), [tuple(row) for row in codes.tolist()]
    every = torch.arange(count).expand(3, -1)
    for allowed in (trie.allow(torch.from_numpy(masks)), trie.allow(torch.from_numpy(masks[1]))):
        users = range(3) if len(allowed.items) == 3 else [1] * 3
        for level in range(levels):
            reached = allowed.reaches(trie.nodes(every, level + 1), 1, level)[..., 0]
            for row, user in enumerate(users):
                open_prefixes = {rows[item][: level + 1] for item in np.flatnonzero(masks[user])}
                assert reached[row].tolist() == [code[: level + 1] in open_prefixes for code in rows]
        held = torch.stack([torch.arange(count) - 1] * 3)
        for row, user in enumerate(users):
            assert allowed.lists(held)[row].tolist() == [False, *masks[user][: count - 1].tolist()]


def test_no_codes_are_refused() -> None:
    with pytest.raises(DataError):
        Trie(np.zeros((0, 2), dtype=np.int32))
