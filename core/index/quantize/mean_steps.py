"""What each code of given codes means on the average: vectors for codes that no codebook made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.index.quantize import Codes, Matrix

BLOCK = 1 << 14


def mean_steps(vectors: Matrix, codes: Codes, widths: Sequence[int]) -> tuple[Matrix, ...]:
    """What each code means on the average: the mean of what the levels before leave of its items.

    A code that no item has is the zero vector.

    Args:
        vectors: shape (items, dim).
        codes: shape (items, levels).
        widths: codes at each level.

    Returns:
        A codebook a level, each of shape (width, dim).
    """
    books: list[Matrix] = []
    for level, width in enumerate(widths):
        sums = np.zeros((width, vectors.shape[1]), dtype=np.float64)
        for start in range(0, len(vectors), BLOCK):
            block = slice(start, start + BLOCK)
            left = np.array(vectors[block], dtype=np.float32)
            for before, book in enumerate(books):
                left -= book[codes[block, before]]
            # Sorted by code, the rows of one code lie together and are summed at once.
            order = np.argsort(codes[block, level], kind="stable")
            sorted_codes = codes[block, level][order]
            starts = np.flatnonzero(np.diff(sorted_codes, prepend=-1))
            sums[sorted_codes[starts]] += np.add.reduceat(left[order], starts, axis=0)
        count = np.maximum(np.bincount(codes[:, level], minlength=width), 1)
        books.append((sums / count[:, None]).astype(np.float32))
    return tuple(books)
