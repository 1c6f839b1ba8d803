"""The balanced k-means tree: items split again and again into equal parts; an item's code is its path.

After EAGER-LLM (arXiv 2502.14735): two trees, one from text, one from behaviour; without the padding by duplicates of
the released `src/data_process/lib/KmeansTree.py`. Unlike there, a child's number means the same under every parent:
children are matched to one codebook of residuals for the whole level.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from core.index.assign.balance import EXACT_ROWS, balanced_kmeans, means
from core.index.assign.matching import duplicates_of, squared_distances
from core.index.kmeans import kmeans
from core.index.quantize import Codes, Matrix
from core.run.protocol import Reporter

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
    duplicates = duplicates_of(residual) if items > EXACT_ROWS else None
    codes = np.zeros((items, len(widths)), dtype=np.int32)
    groups = [np.arange(items)]
    done = 0
    for level, width in enumerate(widths):
        # One vector a number, shape (width, dim), to which the children of every group are matched below.
        codebook = kmeans(residual, min(width, len(residual)), seed + level) if level else None
        children = []
        for group in groups:
            if reporter:
                reporter.stop_if_asked()
            points = residual[group] if level else residual
            count = min(width, len(group))
            labels = balanced_kmeans(points, count, seed, duplicates[group] if duplicates is not None else None)
            centres = means(points, labels, count)  # shape (count, dim): each child's step away from its parent
            number = np.arange(count) if codebook is None else _numbers(centres, codebook, width)
            codes[group, level] = number[labels]
            for start in range(0, len(group), BLOCK):
                block = slice(start, start + BLOCK)
                residual[group[block]] -= centres[labels[block]]
            # The group's items child by child are the groups of the next level.
            order = np.argsort(labels, kind="stable")
            children += np.split(group[order], np.cumsum(np.bincount(labels, minlength=count))[:-1])
            done += len(group)
            if reporter and (len(group) > EXACT_ROWS or done % items == 0):
                reporter.progress("tree", done, items * len(widths), "items")
        groups = children
    return codes


def _numbers(centres: Matrix, codebook: Matrix, width: int) -> npt.NDArray[np.int64]:
    """A number for each child: that of the codebook vector it is matched to at least total distance."""
    if len(codebook) < len(centres):
        return np.arange(len(centres))
    row, column = linear_sum_assignment(squared_distances(centres, codebook))
    numbers = np.empty(len(centres), dtype=np.int64)
    numbers[row] = column
    return numbers
