"""How many codes an item gets and how many each level has: from the catalogue's size, with the reason.

Imports nothing heavy: the estimates ask it too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.registry import QUANTIZERS

COARSE_SHARE = 0.8
DEEPEST = 64
"""Levels a source that any project can ask for; imported files may have more."""
LEAST_PASSES = 4
"""Passes of an auto-encoder over the items, however many they are: one without codes and three with them."""
OWN_MOST = 1 << 16
"""Items that may each have a last code of their own: every one is a token, and every token costs a row and time."""
PAPER_LEVELS = 4
"""Levels of the indices of LC-Rec (arXiv 2311.09049), LETTER (2405.07314) and Semantic Convergence (2412.13771)."""


@dataclass(frozen=True)
class IndexShape:
    """The levels of an index before conflicts are settled.

    Attributes:
        widths: codes at each level, source by source.
        reason: why, in words.
        own: codes of a further level, in which every item has its own, after the groups of the first source alone; 0 =
            there is none.
    """

    widths: tuple[tuple[int, ...], ...]
    reason: str
    own: int = 0

    @property
    def levels(self) -> tuple[int, ...]:
        """All widths in a row."""
        return (*(width for part in self.widths for width in part), *([self.own] if self.own else []))


def method_of(settings: Mapping[str, Any]) -> str:
    """The method that index settings name; `paper` beside `kmeans-tree` means the tree as EAGER-LLM released it."""
    method = str(settings["method"]).partition(":")[0]
    return "eager-llm-tree" if method == "kmeans-tree" and settings.get("paper") else method


def index_shape(settings: Mapping[str, Any], sources: Sequence[str], items: int) -> IndexShape:
    """The levels of every source, as the method wants them.

    Args:
        settings: the settings of the index: method, paper, depth, width, spare.
        sources: in the order of their code words.
        items: size of the catalogue.

    Raises:
        ValueError: settings that no project can have.
        ProjectError: there is no such method.
    """
    depth, width = int(settings["depth"]), int(settings["width"])
    if not 0 <= depth <= DEEPEST or width < 2:
        raise ValueError(f"no index has {depth} levels of {width} codes")  # in a damaged file
    spare = float(settings.get("spare", 0.0))
    own = own_codes(settings, items)
    if own:
        groups = _coarse(items, depth, width)
        told = " x ".join(map(str, groups))
        why = f"a code for each of {items:,} items and {spare:.0%} more for items to come, after {told} groups"
        return IndexShape((groups,), why, own)
    shape: IndexShape = QUANTIZERS.get(method_of(settings)).shape(len(sources), items, depth, width, spare)
    return shape


def own_codes(settings: Mapping[str, Any], items: int) -> int:
    """Codes of a last level in which every item has its own; 0 = there is none: not asked for, or too many items."""
    if settings.get("conflicts") != "own" or items > OWN_MOST:
        return 0
    return items + math.ceil(items * float(settings.get("spare", 0.0)))


def named_after_groups(sources: int, items: int, depth: int, width: int, spare: float, *, tree: bool) -> IndexShape:
    """The last source's levels name every item; the ones before it only sort the items into groups.

    Were they as deep, the first code word alone would name the item and the second one would never be asked.

    Args:
        sources: how many get a code word.
        items: size of the catalogue.
        depth: levels a source; 0 = by the catalogue's size, or as published.
        width: codes a level, at most.
        spare: share of codes kept free for items to come; counts where one source alone names them.
        tree: whether the last source's levels are even branches with a leaf for each item; else codebooks.
    """
    coarse = tuple(_coarse(items, depth, width) for _ in range(sources - 1))
    spare = 0.0 if coarse else spare
    if tree:
        last = _named(items, math.ceil(items * (1.0 + spare)), depth, width)
        why = f"{len(last)} levels of {last[0]} have a leaf for each of {items:,} items"
        why += f" and {spare:.0%} more for items to come" if spare else ""
    else:
        enough = levels_for(math.ceil(items * (1.0 + spare)), width)
        wanted = depth or (max(2, enough) if coarse else PAPER_LEVELS)
        last = (min(width, max(2, items)),) * max(wanted, enough, 1)
        why = f"{len(last)} levels of {last[0]}, " + ("as asked" if depth else "as published" if not coarse else "")
        why = why.removesuffix(", ") + f", have room for {items:,} items"
    if coarse:
        why += f"; before them {' + '.join(str(part[0]) for part in coarse)} groups of the other source"
    return IndexShape((*coarse, last), why)


def passes(rq_vae: Mapping[str, Any], items: int) -> tuple[int, int]:
    """Steps a pass over the items, and how many passes the training of an auto-encoder makes at most.

    Args:
        rq_vae: its settings: batch_items, epochs, steps.
        items: size of the catalogue.
    """
    steps = max(1, min(math.ceil(items / rq_vae["batch_items"]), items // 2))  # two rows a batch at least
    return steps, min(int(rq_vae["epochs"]), max(LEAST_PASSES, math.ceil(rq_vae["steps"] / steps)))


def levels_for(items: int, width: int) -> int:
    """The fewest levels of `width` codes that have room for all items."""
    return max(1, math.ceil(math.log(max(items, 2)) / math.log(width) - 1e-9))


def _named(items: int, room: int, depth: int, width: int) -> tuple[int, ...]:
    """Branches of a tree with a leaf for each of `room` items: the least even ones, at most `width` each.

    A depth of 0 takes as few levels as `width` allows, two at least; too small a depth is deepened.
    """
    depth = max(depth or 2, levels_for(items, width))
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
