"""The trie: legal codes and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import DataError
from core.recommend.trie import Trie
from tests.core.engine_tools import uneven_codes

Code = tuple[int, ...]


def walk(trie: Trie) -> dict[Code, int]:
    """Every sequence that can be decoded, with the item at its end."""
    paths: dict[Code, int] = {(): 0}
    for level in trie.levels:
        nodes = torch.tensor(list(paths.values()))
        codes, children, legal = level.branches(nodes)
        assert codes.shape == children.shape == legal.shape
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
    assert walk(trie) == {tuple(row): item for item, row in enumerate(codes.tolist())}


def test_an_items_path_leads_to_it() -> None:
    codes = uneven_codes(30, 3, 5, 0)
    trie = Trie(codes)
    for item, row in enumerate(codes):
        for level in range(3):
            branches, children, legal = trie.levels[level].branches(trie.item_nodes[item, level])
            mine = (branches == int(row[level])) & legal
            assert int(mine.sum()) == 1
            below = int(children[mine])
            assert below == (item if level == 2 else int(trie.item_nodes[item, level + 1]))


def test_decided_and_the_only_item() -> None:
    codes = uneven_codes(30, 3, 5, 0)
    trie = Trie(codes)
    checked = set()
    for item, row in enumerate(codes.tolist()):
        for level in range(3):
            node = int(trie.item_nodes[item, level])
            below = [n for n, other in enumerate(codes.tolist()) if other[:level] == row[:level]]
            assert bool(trie.decided[level][node]) == (len(below) == 1)
            assert int(trie.only_item[level][node]) == min(below)
            checked.add((level, len(below) == 1))
    assert {(1, False), (2, False), (2, True)} <= checked


def test_padding_is_never_legal_and_always_safe() -> None:
    trie = Trie(np.array([[0, 3], [0, 1], [0, 2], [4, 0]]))
    codes, children, legal = trie.levels[1].branches(torch.tensor([[0, 1], [1, 1]]))
    assert legal.sum(-1).tolist() == [[3, 1], [1, 1]]
    assert codes[0, 0].tolist() == [1, 2, 3] and children[0, 0].tolist() == [1, 2, 0]
    assert (codes[0, 1] == 0).all() and (children[0, 1] == 3).all()


def test_no_codes_and_shared_codes_are_refused() -> None:
    with pytest.raises(DataError):
        Trie(np.zeros((0, 2), dtype=np.int32))
    with pytest.raises(DataError):
        Trie(np.array([[0, 1], [0, 2], [0, 1]]))
