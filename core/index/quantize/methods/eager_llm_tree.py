"""The k-means tree as EAGER-LLM released it, to compare with.

EAGER-LLM (arXiv 2502.14735), its dual-source item index, as released in `src/data_process/lib/KmeansTree.py`. The
catalogue is filled up with random duplicates to as many rows as the tree has leaves; each node splits its rows into
equal parts, and a node with as many rows as branches numbers them in storage order: the last code means nothing.

Copies of an item are alike, so a node holds each item once with a count. The storage order is a random one, in which
an item's first copy may be any of them: which branch it goes down is drawn among its copies.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import ProjectError
from core.index.quantize import Codes, Matrix, Quantized, Quantizer, Task
from core.index.quantize.mean_steps import mean_steps
from core.index.shape import IndexShape, levels_for
from core.run.protocol import Reporter

Numbers = npt.NDArray[np.int64]

ITERATIONS = 100
SETTLED = 1e-6
"""Squared shift of all centres below which k-means ends."""
BLOCK = 16384


@dataclass(frozen=True)
class _Node:
    """Items of a part of the tree, copies of each, and whether its first copy is among them."""

    items: Numbers
    copies: Numbers
    first: npt.NDArray[np.bool_]


class EagerLlmTree(Quantizer):
    """An item's code is the path of its first copy; unique."""

    tree = True

    @classmethod
    def shape(cls, sources: int, items: int, depth: int, width: int, spare: float) -> IndexShape:
        """As few levels as `width` allows, the same for every source; neither depth nor room to spare is asked for."""
        levels = levels_for(items, width)
        return IndexShape(((width,) * levels,) * sources, f"as released: {width} ** {levels} leaves a source")

    def quantize(self, task: Task) -> Quantized:
        """Fill up, split, and number.

        Raises:
            ProjectError: the tree has fewer leaves than there are items.
        """
        count, leaves = len(task.vectors), math.prod(task.widths)
        if leaves < count:
            raise ProjectError(f"a tree of {leaves:,} leaves cannot hold {count:,} items", "set index.depth to 0")
        rng = np.random.default_rng(task.seed)
        copies = np.ones(count, dtype=np.int64) + rng.multinomial(leaves - count, np.full(count, 1.0 / count))
        codes = np.zeros((count, len(task.widths)), dtype=np.int32)
        nodes = [_Node(np.arange(count), copies, np.ones(count, dtype=bool))]
        for level, width in enumerate(task.widths[:-1]):
            children = []
            for done, node in enumerate(nodes):
                heard = _listener(task.reporter, f"level {level + 1} of the tree", done, len(nodes))
                for child, part in enumerate(_split(node, task.vectors, width, rng, heard)):
                    codes[part.items[part.first], level] = child
                    children.append(part)
            nodes = children
        for node in nodes:
            _number(node, codes, rng)
        return Quantized(codes, task.widths, task.vectors, mean_steps(task.vectors, codes, task.widths))


def _listener(reporter: Reporter, name: str, done: int, nodes: int) -> Callable[[int], None]:
    """Tells an iteration of the node after `done` of `nodes`, and hears a wish to stop."""

    def heard(iteration: int) -> None:
        reporter.progress(name, done * ITERATIONS + iteration, nodes * ITERATIONS, "iterations")
        reporter.stop_if_asked()

    return heard


def _number(node: _Node, codes: Codes, rng: np.random.Generator) -> None:
    """Number the rows of a node of the last level in a random order."""
    rows = rng.permutation(int(node.copies.sum()))
    codes[node.items[node.first], -1] = rows[(np.cumsum(node.copies) - node.copies)[node.first]]


def _split(
    node: _Node, vectors: Matrix, width: int, rng: np.random.Generator, heard: Callable[[int], None]
) -> list[_Node]:
    """Split a node's rows into `width` parts of equal size by the released k-means."""
    points = vectors[node.items]
    size = int(node.copies.sum()) // width
    whose = np.repeat(np.arange(len(points)), node.copies)
    # The start: a random equal partition of the copies; `shares` counts each point's copies in each part.
    random_part = rng.permutation(len(whose)) % width
    shares = np.zeros((len(points), width), dtype=np.int64)
    np.add.at(shares, (whose, random_part), 1)
    centres = _means(points, shares, size)
    for iteration in range(ITERATIONS):
        heard(iteration)
        shares = _fill(_ranks(points, centres), node.copies, size, rng)
        moved = _means(points, shares, size)
        shift = float(np.square(moved - centres).sum())
        centres = moved
        if shift < SETTLED:
            break
    # Where the first copy goes: any of the copies is it with equal chance.
    draw = rng.integers(node.copies)
    home = (np.cumsum(shares, axis=1) <= draw[:, None]).sum(axis=1)
    parts = []
    for child in range(width):
        members = np.flatnonzero(shares[:, child])
        first = node.first[members] & (home[members] == child)
        parts.append(_Node(node.items[members], shares[members, child], first))
    return parts


def _means(points: Matrix, shares: Numbers, size: int) -> Matrix:
    return np.asarray(shares.T.astype(np.float32) @ points / np.float32(size))


def _ranks(points: Matrix, centres: Matrix) -> npt.NDArray[np.int16]:
    """The place of each centre in each point's order of nearness; shape (centres, points)."""
    from core.index.assign.matching import squared_distances

    ranks = np.empty((len(centres), len(points)), dtype=np.int16)
    places = np.arange(len(centres), dtype=np.int16)[:, None]
    for start in range(0, len(points), BLOCK):
        block = squared_distances(points[start : start + BLOCK], centres)
        np.put_along_axis(ranks[:, start : start + BLOCK], np.argsort(block, axis=1).T, places, axis=0)
    return ranks


def _fill(ranks: npt.NDArray[np.int16], copies: Numbers, size: int, rng: np.random.Generator) -> Numbers:
    """Centre by centre in random order, each takes the `size` free rows that rank it best.

    Returns:
        Copies of each point that each centre got, shape (points, centres).
    """
    count, points = ranks.shape
    free = copies.copy()
    shares = np.zeros((points, count), dtype=np.int64)
    for centre in rng.permutation(count):
        there = np.flatnonzero(free)
        rank, some = ranks[centre, there], free[there]
        filled = np.cumsum(np.bincount(rank, weights=some, minlength=count))
        last = int(np.searchsorted(filled, size))
        taken = np.where(rank < last, some, 0)
        # Of those that rank it alike, the first in a random order until it is full.
        equal = np.flatnonzero(rank == last)
        equal = equal[rng.permutation(len(equal))]
        before = np.cumsum(some[equal]) - some[equal]
        room = size - int(taken.sum())
        taken[equal] = np.clip(room - before, 0, some[equal])
        free[there] -= taken
        shares[there, centre] = taken
    return shares
