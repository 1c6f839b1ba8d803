"""The balanced k-means tree: items split again and again into equal parts; an item's code is its path.

After EAGER-LLM (methods: two trees, one from text, one from behaviour), without its padding by duplicates. A child's
number means the same under every parent: children are matched to one codebook of residuals for the whole level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from core.index.balance import Matrix, balanced_kmeans, kmeans, squared_distances

Codes = npt.NDArray[np.int32]


def full_widths(n_items: int, depth: int, width: int) -> tuple[int, ...]:
    """Branches at each level of a tree with a leaf for every item: the least even ones, at most `width` each.

    A depth of 0 takes as few levels as `width` allows, two at least; too small a depth is deepened.
    """
    depth = max(depth or 2, math.ceil(math.log(max(n_items, 2)) / math.log(width) - 1e-9), 1)
    branches = max(2, math.ceil(n_items ** (1.0 / depth)))
    while branches**depth < n_items:  # the root was rounded
        branches += 1
    return (min(branches, width),) * depth if branches <= width else full_widths(n_items, depth + 1, width)


def coarse_widths(n_items: int, depth: int, width: int, share: float) -> tuple[int, ...]:
    """Branches of a tree that only sorts the items into about `n_items ** share` groups, at most `width` a level.

    A depth of 0 takes one level: the fewer decisions, the less can go wrong, and every token costs time.
    """
    groups = max(2.0, n_items**share)
    depth = depth or 1
    return (min(width, max(2, math.ceil(groups ** (1.0 / depth)))),) * depth


def kmeans_tree(vectors: Matrix, widths: Sequence[int], seed: int) -> Codes:
    """Split the items level by level.

    Args:
        vectors: shape (items, dim).
        widths: branches at each level.
        seed: of k-means.

    Returns:
        Codes of shape (items, len(widths)); unique where the widths' product reaches the number of items.
    """
    residual = np.array(vectors, dtype=np.float32)
    codes = np.zeros((len(vectors), len(widths)), dtype=np.int32)
    groups = [np.arange(len(vectors))]
    for level, width in enumerate(widths):
        codebook = kmeans(residual, min(width, len(residual)), seed + level) if level else None
        children = []
        for group in groups:
            count = min(width, len(group))
            labels = balanced_kmeans(residual[group], count, seed)
            means = np.stack([residual[group[labels == child]].mean(axis=0) for child in range(count)])
            number = np.arange(count) if codebook is None else _numbers(means, codebook, width)
            codes[group, level] = number[labels]
            for child in range(count):
                members = group[labels == child]
                residual[members] -= means[child]
                children.append(members)
        groups = children
    return codes


def random_codes(n_items: int, widths: Sequence[int], seed: int) -> Codes:
    """Codes of a random tree of the same shape: what an index without meaning would give."""
    noise = np.random.default_rng(seed).permutation(n_items)
    codes = np.zeros((n_items, len(widths)), dtype=np.int32)
    for level in reversed(range(len(widths))):
        noise, codes[:, level] = np.divmod(noise, widths[level])
    return codes


def _numbers(means: Matrix, codebook: Matrix, width: int) -> npt.NDArray[np.int64]:
    """A number for each child: that of the codebook vector it is matched to at least total distance."""
    if len(codebook) < len(means):
        return np.arange(len(means))
    row, column = linear_sum_assignment(squared_distances(means, codebook))
    numbers = np.empty(len(means), dtype=np.int64)
    numbers[row] = column
    return numbers
