"""k-means with clusters of equal size: sizes differ by at most one, and nothing is padded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linear_sum_assignment

from core.index.assign.matching import CostMatrix, Costs, Distances, Labels, Matrix, Rows, place, potentials
from core.index.kmeans import kmeans

EXACT_ROWS = 1200
ROUNDS = 4
BLOCK = 1 << 14


def means(points: Matrix, labels: npt.NDArray[np.integer], k: int) -> Matrix:
    """The mean of each cluster, none of them empty; shape (k, dim)."""
    sums = np.zeros((k, points.shape[1]), dtype=np.float32)
    for start in range(0, len(points), BLOCK):
        # Row by row of a matrix (k, block) with a one where the point belongs: the product sums the block's clusters.
        block = slice(start, start + BLOCK)
        label = labels[block]
        one = np.ones(len(label), dtype=np.float32)
        sums += sparse.csr_array((one, (label, np.arange(len(label)))), shape=(k, len(label))) @ points[block]
    return np.asarray(sums / np.bincount(labels, minlength=k)[:, None].astype(np.float32))


def balanced_kmeans(points: Matrix, k: int, seed: int, duplicates: Rows | None = None) -> Labels:
    """Cluster into k parts whose sizes differ by at most one; k >= the number of points gives each its own.

    Args:
        points: shape (points, dim).
        k: parts.
        seed: of the first centroids.
        duplicates: points with the same number are equal; many of them are placed sooner so.

    Returns:
        The part of each point, shape (points,).
    """
    n = len(points)
    if k >= n:
        return np.arange(n, dtype=np.int32)
    if k == 1:
        return np.zeros(n, dtype=np.int32)
    centres = kmeans(points, k, seed)
    labels = np.zeros(n, dtype=np.int32)
    potential = None
    for _ in range(ROUNDS):  # Lloyd's steps, the assignment under the constraint of equal sizes
        costs = Distances(points, centres)
        if n <= EXACT_ROWS:
            labels = _exact(costs.of(slice(None)), k)
        else:
            labels, potential = _spread(costs.cached(), k, potential, duplicates)
        centres = means(points, labels, k)
    return labels


def balanced_assignment(cost: Matrix, k: int) -> Labels:
    """Give each row one of k columns at little cost, so that column sizes differ by at most one.

    Exact (a minimum-cost assignment) for small problems; else by dual potentials and rounds, see
    `core.index.assign.matching`.
    """
    return _exact(cost, k) if len(cost) <= EXACT_ROWS else _spread(CostMatrix(cost), k, None, None)[0]


def _exact(cost: Matrix, k: int) -> Labels:
    n = len(cost)
    low, extra = divmod(n, k)  # every column gets `low` rows, `extra` of them one more
    seats = low + (extra > 0)
    column = np.repeat(np.arange(k), seats)
    # The last seat of every column costs more than any detour, so as few of them as possible are taken.
    surcharge = (np.ptp(cost) + 1.0) * n
    last = np.tile(np.arange(seats) >= low, k) * surcharge
    row, seat = linear_sum_assignment(np.asarray(cost, dtype=np.float64)[:, column] + last)
    labels = np.empty(n, dtype=np.int32)
    labels[row] = column[seat]
    return labels


def _spread(
    costs: Costs, k: int, start: npt.NDArray[np.float64] | None, duplicates: Rows | None
) -> tuple[Labels, npt.NDArray[np.float64]]:
    """Labels by dual potentials and rounds, and the potentials; those of a round before are a good start."""
    n = costs.shape[0]
    low, extra = divmod(n, k)
    potential = potentials(costs, np.full(k, n / k), start)
    labels = place(costs, np.full(k, low), potential, duplicates)
    if extra:  # the points that lose least are left, fewer than columns: one each
        left = np.flatnonzero(labels < 0)
        row, column = linear_sum_assignment(costs.of(left))
        labels[left[row]] = column
    return labels, potential
