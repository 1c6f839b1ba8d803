"""Batches of lists, one after the other and side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from core.errors import StopRequested
from core.model.trie import Trie
from core.recommend.search_batches import Items, search_batches
from tests.core.engine_tools import sequences

HISTORIES = sequences(*[list(range(1 + n % 9)) for n in range(300)])
TRIE = Trie(np.array([[0, 0], [0, 1], [1, 0]]))


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)


def sums(rows: Items, _: None) -> list[np.ndarray]:
    return [np.where(rows < 0, 0, rows).sum(axis=1)]


@pytest.mark.parametrize("together", [False, True])
def test_every_history_is_searched_once(threads: int, together: bool) -> None:
    found = np.full(len(HISTORIES), -1)
    for places, (values,) in search_batches(sums, TRIE, HISTORIES, 8, False, together=together):
        assert (found[places] == -1).all()
        found[places] = values
    assert found.tolist() == [sum(HISTORIES[n][-8:].tolist()) for n in range(len(HISTORIES))]


def test_threads_share_the_cores_and_give_them_back(threads: int) -> None:
    seen = set()
    meet = threading.Barrier(threads, timeout=20)

    def search(rows: Items, _: None) -> list[np.ndarray]:
        meet.wait()  # two are at work at once
        seen.add((threading.get_ident(), torch.get_num_threads()))
        return sums(rows, None)

    even = HISTORIES.take(np.flatnonzero(HISTORIES.lengths <= 4)[: 2 * 64])
    assert len(list(search_batches(search, TRIE, even, 8, False, together=True))) == 2
    assert len(seen) == threads and {number for _, number in seen} == {1}
    assert torch.get_num_threads() == threads
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [threads]


@pytest.mark.parametrize("error", [StopRequested, RuntimeError])
def test_an_error_of_one_batch_ends_them_all(threads: int, error: type[Exception]) -> None:
    def search(rows: Items, _: None) -> list[np.ndarray]:
        raise error("no")

    with pytest.raises(error):
        list(search_batches(search, TRIE, HISTORIES, 8, False, together=True))
    assert torch.get_num_threads() == threads


def test_what_does_not_fit_is_halved(threads: int) -> None:
    sizes: list[int] = []

    def search(rows: Items, _: None) -> list[np.ndarray]:
        sizes.append(len(rows))
        if len(rows) > 16:
            raise MemoryError
        return sums(rows, None)

    found = [places for places, _ in search_batches(search, TRIE, HISTORIES, 8, False, shrink=True, together=True)]
    assert sorted(np.concatenate(found).tolist()) == list(range(len(HISTORIES)))
    assert sum(size > 16 for size in sizes) <= 4
    with pytest.raises(MemoryError):
        list(search_batches(search, TRIE, HISTORIES, 8, False, together=True))
