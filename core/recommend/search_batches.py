"""Lists of many users, batch by batch: the one path of serving, validation and evaluation.

Users whose visible histories are about as long share a batch: a history is padded to a length that follows from its
own, and a batch is filled up to one of a few sizes. So a list does not depend on who shares its batch: a user's row
is computed by the same kernels alone as among others, in fp32 up to the last bits of a sum.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from core.data.arrays import Sequences
from core.model.trie import Trie
from core.run.engine import is_out_of_memory

SIZES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Users of a batch; one that does not fit into memory is halved."""

SCORES = 1 << 23
"""Scores of the whole catalogue that a batch may have: of a very large one fewer users share it."""

BESIDE = 4
"""Batches that run side by side at most, each on its share of the cores."""

SHORTEST = 8
"""Items of the shortest rows; longer ones double, up to the newest items that the model sees. A batch costs more than a
few more items of its rows."""

Items = npt.NDArray[np.integer]
Places = npt.NDArray[np.int64]
Own = TypeVar("Own")
Search = Callable[[Items, Own | None], Sequence[npt.NDArray[Any]]]
"""Histories, (users, length), -1 before the first item of a shorter one, and what else is theirs, e.g. what may be
listed -> arrays of any kind, (users, ...) each."""


def search_batches(
    search: Search[Own],
    trie: Trie,
    histories: Sequences,
    max_history: int,
    bf16: bool,
    own: Callable[[Places], Own | None] | None = None,
    shrink: bool = False,
    together: bool = False,
    turn: contextlib.AbstractContextManager[Any] | None = None,
) -> Iterator[tuple[Places, list[npt.NDArray[Any]]]]:
    """Search for every history.

    Args:
        search: what makes the lists of a batch.
        trie: the legal codes; tells the device.
        histories: item numbers, oldest first, none of them empty.
        max_history: newest items that the model sees.
        bf16: whether matrix products run in bf16.
        own: what the search gets besides the histories at some places (each once or, to fill up a batch, repeated).
        shrink: batches that do not fit into memory go on one by one and halved, down to one user; the search itself
            never changes.
        together: several threads may search at a time; on a CPU, batches then run side by side.
        turn: held while some batches are computed, and let go between them: others get theirs; None = nobody waits.

    Yields:
        Places in `histories`, shape (users,), and what the search gave for them.
    """
    lengths = np.minimum(histories.lengths, max_history)
    padded = padded_lengths(lengths, max_history)
    order = np.argsort(lengths, kind="stable").astype(np.int64)
    most = max([size for size in SIZES if size * trie.n_items <= SCORES], default=SIZES[0])
    device = trie.item_nodes.device.type

    def lists(places: Places) -> list[npt.NDArray[Any]]:
        """Those of one batch, which are filled up to one of the sizes; in rows as long as the first one's."""
        size = next(size for size in SIZES if size >= len(places))
        filled = places[np.minimum(np.arange(size), len(places) - 1)]
        rows = np.full((size, padded[places[0]]), -1, dtype=np.int64)
        for row, place in zip(rows, filled.tolist(), strict=True):
            row[-lengths[place] :] = histories[place][-lengths[place] :]
        more = own(filled) if own is not None else None
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=bf16):
            arrays = search(rows, more)
        return [array[: len(places)] for array in arrays]

    left = []  # batches to come, each of one length of rows
    for length in np.unique(padded):
        left += _split(order[padded[order] == length], most)
    # Cores that share the products of a small model stand idle: so they take batches of their own, as long as the
    # scores of all these are no more than one batch may have.
    beside = 1
    if together and device == "cpu":
        beside = min(BESIDE, torch.get_num_threads(), max(1, SCORES // (most * trie.n_items)))
    with _side_by_side(min(beside, len(left))) as pool:
        while left:
            now, left = left[:beside], left[beside:]
            failed: list[Places] = []
            done: list[tuple[Places, list[npt.NDArray[Any]]]] = []
            with turn or contextlib.nullcontext():
                answers = [pool.submit(lists, places).result for places in now] if pool else []
                for places, answer in zip(now, answers or [partial(lists, places) for places in now], strict=True):
                    try:
                        done.append((places, answer()))
                    except (RuntimeError, MemoryError) as error:
                        if not shrink or len(places) == SIZES[0] or not is_out_of_memory(error):
                            raise
                        most = max(size for size in SIZES if 2 * size <= len(places))
                        failed.append(places)
            yield from done
            if failed:
                beside, left = 1, [part for places in [*failed, *left] for part in _split(places, most)]


def _split(places: Places, most: int) -> list[Places]:
    return [places[start : start + most] for start in range(0, len(places), most)]


@contextlib.contextmanager
def _side_by_side(workers: int) -> Iterator[ThreadPoolExecutor | None]:
    """Threads that share out this one's cores; None where it stays alone."""
    if workers < 2:
        yield None
        return
    threads = torch.get_num_threads()
    everybody = Barrier(workers + 1)

    def begin() -> None:
        torch.get_num_threads()  # a new thread takes over the process's number at the first look
        torch.set_num_threads(threads // workers)
        everybody.wait()

    with ThreadPoolExecutor(workers) as pool:
        for _ in range(workers):
            pool.submit(begin)
        everybody.wait()
        torch.set_num_threads(threads)  # a number that a thread sets holds for threads that come after it
        yield pool


def padded_lengths(lengths: npt.NDArray[np.integer], max_history: int) -> npt.NDArray[np.int64]:
    """How long the row of a history is, by the length of what the model sees of it; shape of `lengths`."""
    padded = np.full(len(lengths), SHORTEST, dtype=np.int64)
    while (short := (padded < lengths) & (padded < max_history)).any():
        padded[short] *= 2
    return np.minimum(padded, max_history)


def is_seen(histories: Sequences, lists: Items, n_items: int) -> npt.NDArray[np.bool_]:
    """Which entries of each user's list stand in the user's history.

    Args:
        histories: one a list.
        lists: item numbers, below zero = none; shape (users, length).
        n_items: all numbers are below it.

    Returns:
        Shape of `lists`.
    """
    # A pair (user, item) is one number; no item gets the number that none has.
    first = np.arange(len(lists)) * (n_items + 1)
    had = np.repeat(first, histories.lengths) + histories.items
    return np.isin(first[:, None] + np.where(lists < 0, n_items, lists), had)
