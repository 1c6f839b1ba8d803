"""The first report on an index: how its codes are used and whether they keep neighbours together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from core.index.build import centred
from core.index.table import LETTERS, ItemIndex
from core.vectors import ItemVectors

NEIGHBOURS = 10
SAMPLE = 2000


def index_report(index: ItemIndex, vectors: Mapping[str, ItemVectors], seed: int = 0) -> dict[str, Any]:
    """Usage of every level, shape of the tree and neighbour preservation, as JSON values.

    A level's `preserved` is the share of an item's ten nearest items (in each source's vectors) that share its codes
    down to that level; `chance` is the same for random items.
    """
    return {
        "items": len(index.codes),
        "base_id": index.base_id,
        "levels": [_level(index, level) for level in range(index.levels)],
        "preserved": {name: _preserved(index, held, seed) for name, held in vectors.items()},
    }


def _level(index: ItemIndex, level: int) -> dict[str, Any]:
    counts = np.bincount(index.codes[:, level], minlength=index.widths[level])
    share = counts[counts > 0] / max(counts.sum(), 1)
    prefixes = _prefixes(index, level + 1)
    parents = _prefixes(index, level)
    _, first = np.unique(prefixes, return_index=True)
    fan_out = np.bincount(parents[first])
    forced = fan_out[parents] == 1
    return {
        "letter": LETTERS[level],
        "source": index.sources[level],
        "width": index.widths[level],
        "used": int((counts > 0).sum()),
        "perplexity": round(float(np.exp(-(share * np.log(share)).sum())), 2),
        "prefixes": len(first),
        "mean_fan_out": round(float(fan_out.mean()), 2),
        "forced_items": round(float(forced.mean()), 4),
    }


def _prefixes(index: ItemIndex, depth: int) -> npt.NDArray[np.int64]:
    """A number for the first `depth` codes of every item."""
    if not depth:
        return np.zeros(len(index.codes), dtype=np.int64)
    return np.unique(index.codes[:, :depth], axis=0, return_inverse=True)[1].ravel()


def _preserved(index: ItemIndex, held: ItemVectors, seed: int) -> list[dict[str, float]]:
    matrix = np.ascontiguousarray(centred(held.matrix))
    count = len(matrix)
    if count < 2:
        return []
    rng = np.random.default_rng(seed)
    asked = rng.choice(count, min(SAMPLE, count), replace=False)
    search = faiss.IndexFlatL2(matrix.shape[1])
    search.add(matrix)
    near = search.search(matrix[asked], min(NEIGHBOURS + 1, count))[1]
    random = rng.integers(0, count, near.shape)
    levels = []
    for depth in range(1, index.levels + 1):
        prefix = _prefixes(index, depth)
        other = near != asked[:, None]
        same = (prefix[near] == prefix[asked][:, None])[other].mean()
        chance = (prefix[random] == prefix[asked][:, None]).mean()
        levels.append({"preserved": round(float(same), 4), "chance": round(float(chance), 4)})
    return levels
