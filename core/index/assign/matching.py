"""Placing points at centres that have room for some only, at little total squared distance.

Small problems are solved exactly, as a minimum-cost assignment. Large ones get dual potentials: a full centre becomes
dearer until the points spread by themselves (the dual of the transport problem, found by Sinkhorn's scaling at falling
temperature; Cuturi, arXiv 1306.0895), and rounds of acceptance settle the rest: every point asks the best
centre that has room, a centre takes those that would lose most elsewhere, the others ask again. Distances are computed
block by block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]

EXACT_ENTRIES = 3 << 20
"""Points times seats that are solved exactly; a second or two at the worst."""
CACHED_ENTRIES = 1 << 24
"""Distances that are kept instead of computed again (64 MiB)."""
BLOCK_ENTRIES = 1 << 22
SAMPLE_ENTRIES = 1 << 22
TEMPERATURES = (0.3, 0.1, 0.05, 0.02)
SCALINGS = 40


def squared_distances(points: Matrix, centres: Matrix) -> Matrix:
    """Shape (points, centres)."""
    cross = points @ centres.T
    square = np.square(points).sum(1)[:, None] - 2.0 * cross + np.square(centres).sum(1)[None, :]
    return np.asarray(square, dtype=np.float32)


@dataclass(frozen=True)
class Distances:
    """Squared distances of points from centres, for some points at a time.

    Attributes:
        points: shape (points, dim).
        centres: shape (centres, dim).
        at: the centre each point is at now, which counts as its nearest one, so that none leaves for a better place;
            None = they are nowhere yet.
    """

    points: Matrix
    centres: Matrix
    at: npt.NDArray[np.integer] | None = None

    def of(self, rows: Rows | slice) -> Matrix:
        """Of some points; shape (rows, centres)."""
        distances = squared_distances(self.points[rows], self.centres)
        if self.at is not None:
            here = self.at[rows, None]
            least = np.minimum(distances.min(axis=1, keepdims=True), np.take_along_axis(distances, here, axis=1))
            np.put_along_axis(distances, here, least, axis=1)
        return distances

    def cached(self) -> CostMatrix | Distances:
        """The same, computed once where they are few."""
        few = len(self.points) * len(self.centres) <= CACHED_ENTRIES
        return CostMatrix(self.of(slice(None))) if few else self

    @property
    def shape(self) -> tuple[int, int]:
        """Points, centres."""
        return len(self.points), len(self.centres)


@dataclass(frozen=True)
class CostMatrix:
    """Costs that lie in memory; shape (points, centres)."""

    matrix: Matrix

    def of(self, rows: Rows | slice) -> Matrix:
        """Of some points; a copy."""
        return np.array(self.matrix[rows], dtype=np.float32)

    @property
    def shape(self) -> tuple[int, int]:
        """Points, centres."""
        return self.matrix.shape[0], self.matrix.shape[1]


Costs = CostMatrix | Distances


def assign(costs: Costs, room: Rows, duplicates: Rows | None = None) -> Labels:
    """Give every point a centre that has room.

    Args:
        costs: of each point at each centre.
        room: points that each centre takes; their sum is at least the number of points.
        duplicates: points with the same number are equal; they are placed together. None = all differ.

    Raises:
        ValueError: there is not enough room.
    """
    points, centres = costs.shape
    if int(room.sum()) < points:
        raise ValueError(f"{points} points for {int(room.sum())} places")
    if not points:
        return np.zeros(0, dtype=np.int32)
    if centres == 1:
        return np.zeros(points, dtype=np.int32)
    if points * centres <= EXACT_ENTRIES:
        exact = _exact(costs.of(slice(None)), room)
        if exact is not None:
            return exact
    loose = place(costs, room, np.zeros(centres), duplicates)
    if (room >= points).all():
        return loose
    tight = place(costs, room, potentials(costs, room), duplicates)
    return min((loose, tight), key=lambda labels: total(costs, labels))


def total(costs: Costs, labels: Labels) -> float:
    """What a placement costs."""
    chosen = (np.take_along_axis(costs.of(rows), labels[rows, None], axis=1) for rows in _blocks(costs))
    return float(sum(block.sum(dtype=np.float64) for block in chosen))


def _exact(cost: Matrix, room: Rows) -> Labels | None:
    """The cheapest placement; None where it is too large to be found so.

    A point needs no more than its few nearest centres that together have room for all: not all of their places can be
    taken by others.
    """
    points = len(cost)
    # How many centres it takes that any so many of them have room for all points: counted from the smallest.
    enough = int(np.searchsorted(np.cumsum(np.sort(room[room > 0])), points)) + 1
    allowed = np.where(room > 0, cost, np.inf)
    if enough < cost.shape[1]:
        near = np.unique(np.argpartition(allowed, enough - 1, axis=1)[:, :enough])
    else:
        near = np.flatnonzero(room > 0)
    column = np.repeat(near, np.minimum(room[near], points))  # a column of the assignment for each place; its centre
    if points * len(column) > EXACT_ENTRIES:
        return None
    row, seat = linear_sum_assignment(cost[:, column])
    labels = np.empty(points, dtype=np.int32)
    labels[row] = column[seat]
    return labels


def potentials(
    costs: Costs, room: npt.NDArray[Any], start: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """Dual potentials: what each centre costs on top, so that taking the cheapest one nearly spreads points as `room`.

    Large problems are solved for an even sample of their points. Where there is more room than points, no potential is
    below zero.

    Args:
        costs: of each point at each centre.
        room: points that each centre takes.
        start: potentials to start from, which are good already; None = none.

    Returns:
        Shape (centres,).
    """
    points, centres = costs.shape
    sample = max(1, SAMPLE_ENTRIES // centres)
    rows = np.arange(points) if points <= sample else np.linspace(0, points - 1, sample).astype(np.int64)
    cost = costs.of(rows)
    slack = int(room.sum()) > points
    share = np.maximum(room * (len(rows) / points), 1e-9).astype(np.float32)  # of the sample, for each centre
    potential = np.zeros(centres) if start is None else start.copy()
    scale = float(cost.std()) + 1e-12
    for temperature in TEMPERATURES:
        epsilon = temperature * scale
        # The kernel exp(-(cost + potential) / epsilon), shape (sample, centres); a factor of a row changes nothing, and
        # makes each row's largest entry 1.
        kernel = cost + potential.astype(np.float32)
        kernel -= kernel.min(axis=1, keepdims=True)
        np.exp(kernel * np.float32(-1.0 / epsilon), out=kernel)
        # Sinkhorn's scaling of the columns, shape (centres,): `load` is how many points of the sample each centre gets
        # when every point is shared out by its row; a centre of too much load is scaled down, a little less than fully.
        scaling = np.ones(centres, dtype=np.float32)
        most = np.exp(np.minimum(potential / epsilon, 60.0)).astype(np.float32)  # what takes a potential to zero
        for _ in range(SCALINGS):
            load = scaling * ((1.0 / np.maximum(kernel @ scaling, 1e-30)) @ kernel)
            scaling /= np.maximum(load / share, 1e-9) ** 0.9
            np.clip(scaling, 1e-30, most if slack else 1e30, out=scaling)
        # The scaling becomes part of the potentials, from which the next, colder kernel starts.
        potential -= epsilon * np.log(scaling.astype(np.float64))
        if slack:
            np.maximum(potential, 0.0, out=potential)
    return potential


def place(costs: Costs, room: Rows, potential: npt.NDArray[np.float64], duplicates: Rows | None = None) -> Labels:
    """Rounds of acceptance: see the module. Where there is too little room, those who lose least get -1.

    Args:
        costs: of each point at each centre.
        room: points that each centre takes.
        potential: of each centre, on top of the costs.
        duplicates: see `assign`.

    Returns:
        A centre for each point, shape (points,).
    """
    # Invariant of the rounds: centre c has room for `free[c]` more points; group g of equal points has `need[g]` that
    # still lack a label, which are `members[starts[g] : starts[g] + need[g]]`; `waiting` are the groups with need; a
    # label that was given is never taken back. Only centres with room are asked, and the first request at each gets at
    # least one place, so every round places points and the loop ends: with none waiting, or with no room left. Equal
    # points ask alike, so a group asks once for all of them: that is what makes many duplicates quick.
    points, centres = costs.shape
    first, members, need = _equal_groups(points, duplicates)
    starts = np.concatenate([[0], np.cumsum(need)[:-1]])
    labels = np.full(points, -1, dtype=np.int32)
    free = np.minimum(room, points).astype(np.int64)
    waiting, extra = np.arange(len(first)), np.asarray(potential, dtype=np.float32)
    step = max(1, BLOCK_ENTRIES // centres)
    while len(waiting) and free.any():
        # Each waiting group's cheapest centre with room, and its regret: how much more the second cheapest costs. Both
        # of shape (waiting,), from costs of shape (block, centres).
        wanted = np.empty(len(waiting), dtype=np.int64)
        regret = np.empty(len(waiting), dtype=np.float32)
        closed = np.where(free > 0, np.float32(0), np.float32(np.inf))
        for start in range(0, len(waiting), step):
            block = slice(start, start + step)
            cost = costs.of(first[waiting[block]]) + (extra + closed)
            wanted[block] = cost.argmin(axis=1)
            two = np.partition(cost, 1, axis=1)[:, :2]
            regret[block] = np.where(np.isfinite(two[:, 1]), two[:, 1] - two[:, 0], 0)
        # Requests centre by centre, those of the most regret first: which centre, and for how many places.
        order = np.lexsort((waiting, -regret, wanted))
        asked, units = wanted[order], need[waiting[order]]
        # Places asked for before each request at its centre: the sum so far less the sum where the centre begins.
        ahead = np.cumsum(units) - units
        heads = np.concatenate([[0], np.flatnonzero(np.diff(asked)) + 1])
        ahead -= np.repeat(ahead[heads], np.diff(np.append(heads, len(asked))))
        taken = np.clip(free[asked] - ahead, 0, units)  # places that each request gets
        # One entry a place given: the group, and which of the group's unplaced points takes it.
        who = np.repeat(waiting[order], taken)
        seats = np.arange(len(who)) - np.repeat(np.cumsum(taken) - taken, taken)
        labels[members[starts[who] + seats]] = np.repeat(asked, taken)
        free -= np.bincount(asked, weights=taken, minlength=centres).astype(np.int64)
        starts[waiting[order]] += taken
        need[waiting[order]] -= taken
        waiting = waiting[need[waiting] > 0]
    return labels


def _equal_groups(points: int, duplicates: Rows | None) -> tuple[Rows, Rows, Rows]:
    """The first point of each group of equal ones, all points group by group, and how many each has."""
    if duplicates is None:
        every = np.arange(points)
        return every, every, np.ones(points, dtype=np.int64)
    _, first, kind, count = np.unique(duplicates, return_index=True, return_inverse=True, return_counts=True)
    rank = np.argsort(np.argsort(first))  # groups in the order of their first points
    place_of = rank[kind]
    by_rank = np.argsort(first)
    return first[by_rank], np.argsort(place_of, kind="stable"), count[by_rank].astype(np.int64)


def duplicates_of(points: Matrix, seen: npt.NDArray[np.integer] | None = None) -> Rows:
    """A number for each distinct row, the same for equal ones.

    Args:
        points: shape (points, dim).
        seen: numbers that must be equal too, shape (points,).
    """
    marks = np.empty(len(points), dtype=np.uint64)
    for start in range(0, len(points), 1 << 14):
        block = points[start : start + (1 << 14)] + 0.0  # -0.0 becomes 0.0
        texts = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in block]
        marks[start : start + len(texts)] = np.frombuffer(b"".join(texts), dtype="<u8")
    kind = np.unique(marks, return_inverse=True)[1].astype(np.int64)
    if seen is None or not len(kind):
        return kind
    return np.unique(kind * (int(seen.max()) + 1) + seen, return_inverse=True)[1].astype(np.int64)


def _blocks(costs: Costs) -> Iterator[Rows]:
    points, centres = costs.shape
    step = max(1, BLOCK_ENTRIES // centres)
    for start in range(0, points, step):
        yield np.arange(start, min(start + step, points))
