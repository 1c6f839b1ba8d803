"""The balanced k-means tree: items split again and again into equal parts; an item's code is its path.

After EAGER-LLM (methods: two trees, one from text, one from behaviour), without its padding by duplicates. A child's
number means the same under every parent: children are matched to one codebook of residuals for the whole level.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from core.index.assign.balance import EXACT_ROWS, Matrix, balanced_kmeans, kmeans, means, squared_distances
from core.index.assign.matching import twins_of
from core.run.reporter import Reporter

Codes = npt.NDArray[np.int32]

BLOCK = 1 << 14


def kmeans_tree(vectors: Matrix, widths: Sequence[int], seed: int, reporter: Reporter | None = None) -> Codes:
    """Split the items level by level.

    Args:
        vectors: shape (items, dim).
        widths: branches at each level.
        seed: of k-means.
        reporter: hears the progress; may ask to stop.

    Returns:
        Codes of shape (items, len(widths)); unique where the widths' product reaches the number of items.

    Raises:
        StopRequested: somebody asked to stop.
    """
    items = len(vectors)
    residual = np.array(vectors, dtype=np.float32)
    twins = twins_of(residual) if items > EXACT_ROWS else None
    codes = np.zeros((items, len(widths)), dtype=np.int32)
    groups = [np.arange(items)]
    done = 0
    for level, width in enumerate(widths):
        codebook = kmeans(residual, min(width, len(residual)), seed + level) if level else None
        children = []
        for group in groups:
            if reporter:
                reporter.stop_if_asked()
            points = residual[group] if level else residual
            count = min(width, len(group))
            labels = balanced_kmeans(points, count, seed, twins[group] if twins is not None else None)
            centres = means(points, labels, count)
            number = np.arange(count) if codebook is None else _numbers(centres, codebook, width)
            codes[group, level] = number[labels]
            for start in range(0, len(group), BLOCK):
                block = slice(start, start + BLOCK)
                residual[group[block]] -= centres[labels[block]]
            order = np.argsort(labels, kind="stable")
            children += np.split(group[order], np.cumsum(np.bincount(labels, minlength=count))[:-1])
            done += len(group)
            if reporter and (len(group) > EXACT_ROWS or done % items == 0):
                reporter.progress("tree", done, items * len(widths), "items")
        groups = children
    return codes


def random_codes(n_items: int, widths: Sequence[int], seed: int) -> Codes:
    """Codes of a random tree of the same shape: what an index without meaning would give."""
    noise = np.random.default_rng(seed).permutation(n_items)
    codes = np.zeros((n_items, len(widths)), dtype=np.int32)
    for level in reversed(range(len(widths))):
        noise, codes[:, level] = np.divmod(noise, widths[level])
    return codes


def _numbers(centres: Matrix, codebook: Matrix, width: int) -> npt.NDArray[np.int64]:
    """A number for each child: that of the codebook vector it is matched to at least total distance."""
    if len(codebook) < len(centres):
        return np.arange(len(centres))
    row, column = linear_sum_assignment(squared_distances(centres, codebook))
    numbers = np.empty(len(centres), dtype=np.int64)
    numbers[row] = column
    return numbers
