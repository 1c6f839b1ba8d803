"""Which histories and which items are near by their text, for the contrast of the sequential model.

The text of a history is the mean of its items' text vectors, newer ones counting more: in place of the summaries that
SRA-CL (arXiv 2503.04162) has a large language model write of every prefix.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from core.data.arrays import Int64
from core.vectors import RECENCY, ItemVectors

Matrix = npt.NDArray[np.float32]

BLOCK_PRODUCTS = 1 << 24
"""Products that stand in memory at once."""
NONE = -1
"""Stands where there is no neighbour."""


def unit_texts(vectors: ItemVectors) -> Matrix:
    """Text vectors of unit length, those of items without a text zero; (items, dim)."""
    lengths = np.maximum(np.linalg.norm(vectors.matrix, axis=1, keepdims=True), 1e-9)
    return np.asarray(vectors.matrix / lengths * vectors.known[:, None], dtype=np.float32)


def prefix_texts(rows: Sequence[npt.NDArray[np.int32]], cuts: Int64, texts: Matrix) -> Matrix:
    """Text vectors of histories, of unit length; zero where no item of one has a text.

    Args:
        rows: items of each user, oldest first.
        cuts: how many of them are the history; (rows,).
        texts: of the items, see `unit_texts`; (items, dim).

    Returns:
        Shape (rows, dim).
    """
    # For every item of the histories, one after the other: whose it is, and its age, 0 for the newest; (interactions,).
    owner = np.repeat(np.arange(len(rows)), cuts)
    starts = np.cumsum(cuts) - cuts
    age = cuts[owner] - 1 - (np.arange(len(owner)) - starts[owner])
    items = np.concatenate([row[:cut] for row, cut in zip(rows, cuts, strict=True)])
    # One sparse row a history, (rows, items), times the texts.
    weights = sparse.csr_array((RECENCY**age, (owner, items)), shape=(len(rows), len(texts)), dtype=np.float32)
    sums = np.asarray(weights @ texts, dtype=np.float32)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def nearest_texts(asked: Matrix, pool: Matrix, own: Int64, count: int) -> Int64:
    """The nearest rows of a pool by cosine, block by block.

    Args:
        asked: unit vectors, or zeros, which have no neighbour; (asked, dim).
        pool: unit vectors, or zeros, which are nobody's neighbour; (pool, dim).
        own: the row of the pool that each of `asked` is itself and never gets; `NONE` = none. (asked,).
        count: neighbours of each.

    Returns:
        Rows of the pool, nearest first; `NONE` where there are fewer. Shape (asked, count).
    """
    found = np.full((len(asked), count), NONE, dtype=np.int64)
    there = np.flatnonzero(pool.any(axis=1))
    if not len(there):
        return found
    columns = torch.from_numpy(pool[there]).T.contiguous()
    place = np.full(len(pool) + 1, NONE, dtype=np.int64)  # of a row of the pool among those with a text; the last: none
    place[there] = np.arange(len(there))
    texts, own_places = torch.from_numpy(asked), torch.from_numpy(place[own])
    lacking = ~asked.any(axis=1)
    kept, step = min(count, len(there)), max(1, BLOCK_PRODUCTS // len(there))
    for start in range(0, len(asked), step):
        # Cosines of a block, (block, there), without that of each row with itself.
        cosines = texts[start : start + step] @ columns
        here = own_places[start : start + step]
        mine = here != NONE
        cosines[mine.nonzero()[:, 0], here[mine]] = -torch.inf
        values, nearest = cosines.topk(kept, dim=1)
        found[start : start + step, :kept] = np.where(values.isneginf().numpy(), NONE, there[nearest.numpy()])
    found[lacking] = NONE
    return found
