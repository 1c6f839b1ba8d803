"""The shape of the item codes before they are made; mirrors `core.index.tree`, which loads the clustering library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

COARSE_SHARE = 0.8
DEEPEST = 64


def code_widths(settings: Mapping[str, Any], items: int) -> tuple[tuple[int, ...], ...]:
    """Branches at each level, source by source.

    Args:
        settings: the settings of the stage `index`.
        items: size of the catalogue.

    Raises:
        ValueError: settings that no project can have.
    """
    sources, depth, width = list(settings["active"]), int(settings["depth"]), int(settings["width"])
    if not 0 <= depth <= DEEPEST:
        raise ValueError(f"no index has {depth} levels")  # in a damaged file
    coarse = tuple(_coarse(items, depth, width) for _ in sources[:-1])
    return (*coarse, _full(items, depth, width))


def _full(items: int, depth: int, width: int) -> tuple[int, ...]:
    depth = max(depth or 2, math.ceil(math.log(max(items, 2)) / math.log(width) - 1e-9), 1)
    while True:
        branches = max(2, math.ceil(items ** (1.0 / depth)))
        while branches**depth < items:
            branches += 1
        if branches <= width:
            return (branches,) * depth
        depth += 1


def _coarse(items: int, depth: int, width: int) -> tuple[int, ...]:
    depth = depth or 1
    return (min(width, max(2, math.ceil(max(2.0, items**COARSE_SHARE) ** (1.0 / depth)))),) * depth
