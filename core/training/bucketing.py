"""Batches of rows of like length, so that little is padded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

CHUNK = 32
"""Batches that are sorted by length together."""


def bucketed(
    lengths: npt.NDArray[np.integer], size: int, seed: Sequence[int], budget: int = 0
) -> list[npt.NDArray[np.int64]]:
    """Batches of rows of like length, in random order.

    Args:
        lengths: of every row, in tokens.
        size: rows a batch at most.
        seed: of the order; an epoch's number belongs in it.
        budget: tokens a batch at most, padding included; 0 = no bound.

    Returns:
        Row numbers of every batch; int64, each of shape (rows,).
    """
    rng = np.random.default_rng(list(seed))
    order = rng.permutation(len(lengths))
    batches: list[npt.NDArray[np.int64]] = []
    span = size * CHUNK  # sorted chunk by chunk, which leaves more to chance than one sort
    for start in range(0, len(order), span):
        chunk = order[start : start + span]
        chunk = chunk[np.argsort(lengths[chunk], kind="stable")]
        first = 0
        for i in range(1, len(chunk) + 1):
            # The chunk rises, so the next row's length is what all of the batch would be padded to.
            full = i - first >= size or i == len(chunk)
            if full or (budget and int(lengths[chunk[i]]) * (i - first + 1) > budget):
                batches.append(chunk[first:i])
                first = i
    return [batches[i] for i in rng.permutation(len(batches))]
