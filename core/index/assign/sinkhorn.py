"""Uniform semantic mapping: items choose codes so that every code is asked for about equally often.

After LC-Rec (arXiv 2311.09049), as released in `index/models/layers.py` and `index/generate_indices.py`. A transport
plan between items and codes is found by Sinkhorn's alternating scaling; an item takes the code that the plan gives it
most of. That is a preference, not a promise: two items may still take the same code.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.index.prefixes import prefix_starts, sorted_by_code

Plan = npt.NDArray[np.float64]

FLOOR = 1e-300
DEEPEST = -690.0
"""Exponents are kept above this, so that no share underflows to nothing; the published epsilon gives -667 at least."""
BLOCK = 1 << 22
"""Entries of the distance matrices that are worked on at once (32 MiB)."""


def sinkhorn(distances: npt.NDArray[np.floating], epsilon: float, rounds: int, mass: Plan | None = None) -> Plan:
    """The plan that moves items to codes at little cost, with equal load on all codes.

    As LC-Rec released it: distances are shifted and scaled to [-1, 1] over the whole
    matrix, the kernel is exp(-d / epsilon), then items and codes are scaled in turn, codes last.

    Args:
        distances: of items from codes; shape (..., items, codes). Leading axes hold problems of their own.
        epsilon: softness, above 0; small values come near a hard assignment.
        rounds: how often both sides are scaled.
        mass: how many items a row stands for, shape (..., items); None = one each.

    Returns:
        Shares, shape (..., items, codes); rows sum to about their mass, columns to their part of all items exactly.
    """
    cost = np.array(distances, dtype=np.float64)
    items, codes = cost.shape[-2:]
    weight = np.ones(cost.shape[:-1]) if mass is None else np.asarray(mass, dtype=np.float64)
    total = weight.sum(axis=-1, keepdims=True)  # of each problem; what a column gets is this over the codes
    if not items:
        return cost
    # The kernel exp(-d / epsilon), of the shape of the distances, d scaled by half the range of the whole matrix.
    low, high = cost.min(axis=(-2, -1), keepdims=True), cost.max(axis=(-2, -1), keepdims=True)
    cost -= cost.min(axis=-1, keepdims=True)  # a factor of a row, which the first scaling takes out again
    cost /= -epsilon * ((high - low) / 2 + 1e-5)
    kernel = np.exp(np.maximum(cost, DEEPEST, out=cost), out=cost)
    right = np.ones((*kernel.shape[:-2], codes))
    turned = np.swapaxes(kernel, -1, -2)
    # Scaling the sides by vectors, (..., items) and (..., codes), is the same as rescaling the matrix, at a fraction of
    # the work: the plan is diag(left) kernel diag(right).
    for _ in range(rounds):
        left = weight / np.maximum((kernel @ right[..., None])[..., 0], FLOOR)
        right = total / codes / np.maximum((turned @ left[..., None])[..., 0], FLOOR)
    kernel *= left[..., None]
    kernel *= right[..., None, :]
    return kernel


def sinkhorn_rounds(
    codes: npt.NDArray[np.integer],
    residual: npt.NDArray[np.floating],
    book: npt.NDArray[np.floating],
    epsilon: float,
    rounds: int,
    most: int = 20,
) -> tuple[npt.NDArray[np.int32], int]:
    """Tell items of one code apart by asking them again at the last level, group by group, with Sinkhorn.

    LC-Rec's rounds: every group of items that share all codes is quantised again on its
    own, and only its last codes change. It ends when nothing is shared, when a round changes nothing, or after `most`
    rounds. Items with equal residuals stay together, and so may others; nobody is told apart for certain.

    Args:
        codes: of all levels and sources, shape (items, levels); is left as it is.
        residual: what the last level has to name: the item less its codes of the levels before, shape (items, dim).
        book: the last level's code vectors, shape (width, dim).
        epsilon: see `sinkhorn`.
        rounds: see `sinkhorn`.
        most: rounds at most.

    Returns:
        The new codes, and the rounds that it took.
    """
    current = np.array(codes, dtype=np.int32)
    points, centres = np.asarray(residual, dtype=np.float32), np.asarray(book, dtype=np.float32)
    if len(centres) < 2 or not current.shape[1]:
        return current, 0
    for done in range(most):
        # Groups of like size are solved as one batch; see `_alike` and `_again`.
        before = current[:, -1].copy()
        for groups in _alike(_shared(current), points):
            current[np.concatenate([rows for _, rows in groups]), -1] = _again(groups, points, centres, epsilon, rounds)
        if np.array_equal(before, current[:, -1]):
            return current, done
    return current, most


Group = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Row by row which of the group's distinct residuals it has (numbered), and the rows."""


def _shared(codes: npt.NDArray[np.int32]) -> list[npt.NDArray[np.int64]]:
    """Rows that have the same codes, group by group, only where there are several."""
    order = sorted_by_code(codes).astype(np.int64)
    *_, starts = prefix_starts(codes[order])  # of whole codes
    return [group for group in np.split(order, np.flatnonzero(starts)[1:]) if len(group) > 1]


def _alike(groups: list[npt.NDArray[np.int64]], points: npt.NDArray[np.float32]) -> list[list[Group]]:
    """Groups of like size side by side, so that they are solved at once; those that cannot be parted are left out."""
    sized: dict[int, list[Group]] = {}
    for rows in groups:
        _, kind = np.unique(points[rows], axis=0, return_inverse=True)
        kind = kind.reshape(-1)
        if kind.max() > 0:
            sized.setdefault(int(kind.max()) + 1, []).append((kind.astype(np.int64), rows))
    return [same_size for _, same_size in sorted(sized.items())]


def _again(
    groups: list[Group], points: npt.NDArray[np.float32], centres: npt.NDArray[np.float32], epsilon: float, rounds: int
) -> npt.NDArray[np.int32]:
    """New last codes of the rows of groups with equally many distinct residuals, in their order."""
    last_codes = []
    size = int(groups[0][0].max()) + 1
    at_once = max(1, BLOCK // (size * len(centres)))
    half = np.square(centres).sum(axis=1)
    for start in range(0, len(groups), at_once):
        block = groups[start : start + at_once]
        # The groups' distinct residuals, (groups, size, dim), and how many items have each, (groups, size).
        some = np.empty((len(block), size, points.shape[1]), dtype=np.float32)
        mass = np.empty((len(block), size))
        for place, (kind, rows) in enumerate(block):
            some[place, kind] = points[rows]
            mass[place] = np.bincount(kind, minlength=size)
        # Squared distances (groups, size, width); the plan's choice for each distinct residual, (groups, size).
        distances = half - 2.0 * (some @ centres.T) + np.square(some).sum(axis=2)[..., None]
        chosen = sinkhorn(distances, epsilon, rounds, mass).argmax(axis=2)
        last_codes += [chosen[place, kind] for place, (kind, _) in enumerate(block)]
    return np.concatenate(last_codes).astype(np.int32)
