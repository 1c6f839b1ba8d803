"""Lists of many users, batch by batch: the one path of serving, validation and evaluation.

Users whose visible histories are about as long share a batch: a history is padded to a length that follows from its
own, and a batch is filled up to one of a few sizes. So a list does not depend on who shares its batch: a user's row
is computed by the same kernels alone as among others, in fp32 up to the last bits of a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from core.data.arrays import Sequences
from core.model.trie import Trie
from core.run.engine import is_out_of_memory

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Users of a batch; one that does not fit into memory falls back to the size below."""

SCORES = 1 << 23
"""Scores of the whole catalogue that a batch may have: of a very large one fewer users share it."""

SHORTEST = 4
"""Items of the shortest rows; longer ones double, up to the newest items that the model sees."""

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
) -> Iterator[tuple[Places, list[npt.NDArray[Any]]]]:
    """Search for every history.

    Args:
        search: what makes the lists of a batch.
        trie: the legal codes; tells the device.
        histories: item numbers, oldest first, none of them empty.
        max_history: newest items that the model sees.
        bf16: whether matrix products run in bf16.
        own: what the search gets besides the histories at some places (each once or, to fill up a batch, repeated).
        shrink: a batch that does not fit into memory is halved, down to one user; the search itself never changes.

    Yields:
        Places in `histories`, shape (users,), and what the search gave for them.
    """
    lengths = np.minimum(histories.lengths, max_history)
    padded = padded_lengths(lengths, max_history)
    order = np.argsort(lengths, kind="stable").astype(np.int64)
    most = max([size for size in SIZES if size * trie.n_items <= SCORES], default=SIZES[0])
    for length in np.unique(padded):
        group = order[padded[order] == length]
        while len(group):
            places = group[:most]
            size = next(size for size in SIZES if size >= len(places))
            filled = places[np.minimum(np.arange(size), len(places) - 1)]
            rows = np.full((size, length), -1, dtype=np.int64)
            for row, place in zip(rows, filled.tolist(), strict=True):
                row[-lengths[place] :] = histories[place][-lengths[place] :]
            try:
                more = own(filled) if own is not None else None
                with torch.autocast(trie.item_nodes.device.type, torch.bfloat16, enabled=bf16):
                    arrays = search(rows, more)
            except (RuntimeError, MemoryError) as error:
                if not shrink or size == SIZES[0] or not is_out_of_memory(error):
                    raise
                most = max(one for one in SIZES if one < size)
                continue
            yield places, [array[: len(places)] for array in arrays]
            group = group[len(places) :]


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
