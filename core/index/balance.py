"""k-means with clusters of equal size: sizes differ by at most one, and nothing is padded."""

from __future__ import annotations

import faiss
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]

EXACT_ROWS = 1200
ROUNDS = 4


def kmeans(points: Matrix, k: int, seed: int) -> Matrix:
    """Centroids of faiss' k-means; shape (k, dim)."""
    solver = faiss.Kmeans(
        points.shape[1],
        k,
        niter=20,
        seed=seed,
        verbose=False,
        min_points_per_centroid=1,
        max_points_per_centroid=1 << 30,
    )
    solver.train(np.ascontiguousarray(points, dtype=np.float32))
    return np.asarray(solver.centroids, dtype=np.float32)


def squared_distances(points: Matrix, centres: Matrix) -> Matrix:
    """Shape (points, centres)."""
    cross = points @ centres.T
    square = np.square(points).sum(1)[:, None] - 2.0 * cross + np.square(centres).sum(1)[None, :]
    return np.asarray(square, dtype=np.float32)


def balanced_kmeans(points: Matrix, k: int, seed: int) -> Labels:
    """Cluster into k parts whose sizes differ by at most one; k >= the number of points gives each its own."""
    n = len(points)
    if k >= n:
        return np.arange(n, dtype=np.int32)
    if k == 1:
        return np.zeros(n, dtype=np.int32)
    centres = kmeans(points, k, seed)
    labels = np.zeros(n, dtype=np.int32)
    for _ in range(ROUNDS):
        labels = balanced_assignment(squared_distances(points, centres), k)
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, points)
        centres = np.divide(sums, np.bincount(labels, minlength=k)[:, None], dtype=np.float32)
    return labels


def balanced_assignment(cost: Matrix, k: int) -> Labels:
    """Give each row one of k columns at little cost, so that column sizes differ by at most one.

    Exact (a minimum-cost assignment) for small problems; else prices per column are found by Sinkhorn iterations of
    falling temperature, and the rows are placed greedily, the most decided first.
    """
    n = len(cost)
    low, extra = divmod(n, k)
    cost64 = np.asarray(cost, dtype=np.float64)
    if n <= EXACT_ROWS:
        seats = low + (extra > 0)
        column = np.repeat(np.arange(k), seats)
        # The last seat of every column costs more than any detour, so as few of them as possible are taken.
        surcharge = (np.ptp(cost) + 1.0) * n
        last = np.tile(np.arange(seats) >= low, k) * surcharge
        row, seat = linear_sum_assignment(cost64[:, column] + last)
        labels = np.empty(n, dtype=np.int32)
        labels[row] = column[seat]
        return labels
    priced = cost64 - _prices(cost64, k)
    best_two = np.partition(priced, 1, axis=1)[:, :2]
    preference = np.argsort(priced, axis=1, kind="stable")
    room = np.full(k, low)
    labels = np.empty(n, dtype=np.int32)
    for row in np.argsort(best_two[:, 0] - best_two[:, 1], kind="stable"):
        for column in preference[row]:
            if room[column] > 0 or (room[column] == 0 and extra > 0):
                extra -= room[column] == 0
                room[column] -= 1
                labels[row] = column
                break
    return labels


def _prices(cost: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.float64]:
    scale = cost.std() + 1e-12
    prices = np.zeros(k)
    for temperature in (0.3, 0.1, 0.05, 0.02):
        for _ in range(40):
            logits = (prices - cost) / (temperature * scale)
            logits -= logits.max(axis=1, keepdims=True)
            share = np.exp(logits)
            share /= share.sum(axis=1, keepdims=True)
            load = np.maximum(share.sum(axis=0) / (len(cost) / k), 1e-9)
            prices -= 0.9 * temperature * scale * np.log(load)
    return prices
