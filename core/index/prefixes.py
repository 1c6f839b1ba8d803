"""Numbers for the prefixes of codes: items with the same first codes have one number, level by level.

Needs numpy alone: the screens use it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

PACKED = 2.0**62


def sorted_by_code(codes: npt.NDArray[np.integer]) -> Int32:
    """Item numbers in the order of their codes, shape (items,); items with one code by number."""
    if not codes.size:
        return np.arange(len(codes), dtype=np.int32)
    spans = codes.max(axis=0).astype(np.int64) + 1
    if codes.min() >= 0 and np.prod(spans.astype(float)) < PACKED:
        key = np.zeros(len(codes), dtype=np.int64)
        for level, span in enumerate(spans):
            key = key * span + codes[:, level]
        return np.argsort(key, kind="stable").astype(np.int32)  # one number an item: several times as fast
    return np.lexsort(codes.T[::-1]).astype(np.int32)


def prefix_starts(ranked: npt.NDArray[np.integer]) -> Iterator[npt.NDArray[np.bool_]]:
    """At which rows another prefix begins; one array of shape (items,) for each depth from 1 on.

    Args:
        ranked: codes in their order, see `sorted_by_code`; shape (items, levels).
    """
    new = np.zeros(len(ranked), dtype=bool)
    new[:1] = True
    for level in range(ranked.shape[1]):
        new[1:] |= ranked[1:, level] != ranked[:-1, level]
        yield new.copy()


def prefix_numbers(codes: npt.NDArray[np.integer]) -> list[Int64]:
    """For every depth from 0 a number for each item's prefix, 0 ... in the order of the codes; each of shape (items,).

    Args:
        codes: shape (items, levels); the last array numbers whole codes.
    """
    order = sorted_by_code(codes)
    numbers = [np.zeros(len(codes), dtype=np.int64)]
    for new in prefix_starts(codes[order]):
        of_depth = np.empty(len(codes), dtype=np.int64)
        of_depth[order] = np.cumsum(new) - 1
        numbers.append(of_depth)
    return numbers
