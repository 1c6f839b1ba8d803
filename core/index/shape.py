"""How many codes an item gets and how many each level has: from the catalogue's size, with the reason.

Imports nothing heavy: the estimates ask it too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

COARSE_SHARE = 0.8
DEEPEST = 64
"""Levels a source that any project can ask for; imported files may have more."""
TREES = frozenset({"kmeans-tree", "random"})
LEAST_PASSES = 4
"""Passes of an auto-encoder over the items, however many they are: one without codes and three with them."""
PAPER_LEVELS = 4
"""Levels of LC-Rec's, LETTER's and Semantic Convergence's item indices (methods dossier, sections 1.3, 2, 4.1)."""


@dataclass(frozen=True)
class Shape:
    """The levels of an index before conflicts are settled.

    Attributes:
        widths: codes at each level, source by source.
        reason: why, in words.
    """

    widths: tuple[tuple[int, ...], ...]
    reason: str

    @property
    def levels(self) -> tuple[int, ...]:
        """All widths in a row."""
        return tuple(width for part in self.widths for width in part)


def index_shape(settings: Mapping[str, Any], sources: Sequence[str], items: int) -> Shape:
    """The levels of every source.

    The last source's levels name every item; the ones before it only sort the items into groups: were they as deep,
    the first code word alone would name the item and the second one would never be asked.

    Args:
        settings: the settings of the index: method, paper, depth, width, spare.
        sources: in the order of their code words.
        items: size of the catalogue.

    Raises:
        ValueError: settings that no project can have.
    """
    depth, width = int(settings["depth"]), int(settings["width"])
    if not 0 <= depth <= DEEPEST or width < 2:
        raise ValueError(f"no index has {depth} levels of {width} codes")  # in a damaged file
    tree = settings["method"] in TREES
    if tree and settings.get("paper"):
        levels = max(1, math.ceil(math.log(max(items, 2)) / math.log(width) - 1e-9))
        return Shape(((width,) * levels,) * len(sources), f"as released: {width} ** {levels} leaves a source")
    coarse = tuple(_coarse(items, depth, width) for _ in sources[:-1])
    spare = 0.0 if coarse else float(settings.get("spare", 0.0))
    if tree:
        last = _named(items, math.ceil(items * (1.0 + spare)), depth, width)
        why = f"{len(last)} levels of {last[0]} have a leaf for each of {items:,} items"
        why += f" and {spare:.0%} more for items to come" if spare else ""
    else:
        enough = _levels(math.ceil(items * (1.0 + spare)), width)
        wanted = depth or (max(2, enough) if coarse else PAPER_LEVELS)
        last = (min(width, max(2, items)),) * max(wanted, enough, 1)
        why = f"{len(last)} levels of {last[0]}, " + ("as asked" if depth else "as published" if not coarse else "")
        why = why.removesuffix(", ") + f", have room for {items:,} items"
    if coarse:
        why += f"; before them {' + '.join(str(part[0]) for part in coarse)} groups of the other source"
    return Shape((*coarse, last), why)


def passes(rq_vae: Mapping[str, Any], items: int) -> tuple[int, int]:
    """Steps a pass over the items, and how many passes the training of an auto-encoder makes at most.

    Args:
        rq_vae: its settings: batch_items, epochs, steps.
        items: size of the catalogue.
    """
    steps = max(1, min(math.ceil(items / rq_vae["batch_items"]), items // 2))  # two rows a batch at least
    return steps, min(int(rq_vae["epochs"]), max(LEAST_PASSES, math.ceil(rq_vae["steps"] / steps)))


def _levels(items: int, width: int) -> int:
    return max(1, math.ceil(math.log(max(items, 2)) / math.log(width) - 1e-9))


def _named(items: int, room: int, depth: int, width: int) -> tuple[int, ...]:
    """Branches of a tree with a leaf for each of `room` items: the least even ones, at most `width` each.

    A depth of 0 takes as few levels as `width` allows, two at least; too small a depth is deepened.
    """
    depth = max(depth or 2, _levels(items, width))
    while True:
        branches = max(2, math.ceil(room ** (1.0 / depth)))
        while branches**depth < room:  # the root was rounded
            branches += 1
        if branches <= width:
            return (branches,) * depth
        depth += 1


def _coarse(items: int, depth: int, width: int) -> tuple[int, ...]:
    """Branches that only sort the items into about `items ** COARSE_SHARE` groups, at most `width` a level.

    A depth of 0 takes one level: the fewer decisions, the less can go wrong, and every token costs time.
    """
    depth = depth or 1
    return (min(width, max(2, math.ceil(max(2.0, items**COARSE_SHARE) ** (1.0 / depth)))),) * depth
