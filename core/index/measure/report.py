"""The report on an index: how its codes are used, what they keep together, and what they do not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.index.measure.agreement import agreement, labels_of
from core.index.nearest import BLOCK, Matrix, nearest_rows
from core.index.prefixes import prefix_numbers
from core.index.table import ItemIndex
from core.index.tokens import letter
from core.vectors import ItemVectors

if TYPE_CHECKING:
    from core.index.build import Built
    from core.index.quantize import Quantized

Int64 = npt.NDArray[np.int64]

NEIGHBOURS = 10
SAMPLE = 2000
"""Items whose neighbours are looked at, at most."""
LEAST = 200
WORK = 150_000_000_000
"""Products of numbers that finding neighbours may take: some ten seconds on two cores."""


def index_report(
    index: ItemIndex,
    vectors: Mapping[str, ItemVectors],
    seed: int = 0,
    built: Built | None = None,
    items: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """Everything worth knowing of an index, as JSON values.

    Args:
        index: the index.
        vectors: the sources in which neighbours are looked for.
        seed: of the sample of items whose neighbours are looked at.
        built: how it was made, for the reconstruction error.
        items: the item table, for the agreement with its categories and brands.

    Returns:
        `items`, `base_id`, `neighbours`; `levels`, level by level:

        * of the codes at the level: `width`, `used`, `dead` (never used), `entropy` (bits), `perplexity`;
        * of the prefixes down to it: `prefixes`, `smallest`, `median` and `largest` (items under one), `mean_fan_out`
          (of the prefixes above it) and `forced_items` (share of items whose code here follows from those before);

        `preserved`: for each source and depth the share of an item's ten nearest items (in direction) that share its
        codes so far, and `chance`: the share of all items that do, which codes dealt out at random would keep;
        `agreement`: for each category-like column and depth, see `core.index.measure.agreement`;
        `reconstruction`: for each source the squared error of the codes' vectors (as quantised, before conflicts were
        settled) over the variance of what was quantised: 0 tells all, 1 nothing.
    """
    prefixes = prefix_numbers(index.codes)
    report: dict[str, Any] = {
        "items": len(index.codes),
        "base_id": index.base_id,
        "neighbours": NEIGHBOURS,
        "levels": [_level(index, level, prefixes) for level in range(index.levels)],
        "preserved": {name: _preserved(prefixes[1:], one.matrix, seed) for name, one in vectors.items()},
    }
    if items is not None:
        columns = {name: agreement(prefixes[1:], values) for name, values in labels_of(items).items()}
        report["agreement"] = {name: depths for name, depths in columns.items() if depths}
    if built is not None:
        errors = {name: _error(part) for name, part in zip(built.figures["making"], built.parts, strict=True)}
        report["reconstruction"] = {name: error for name, error in errors.items() if error is not None}
    return report


def _level(index: ItemIndex, level: int, prefixes: list[Int64]) -> dict[str, Any]:
    counts = np.bincount(index.codes[:, level], minlength=index.widths[level])
    share = counts[counts > 0] / max(counts.sum(), 1)
    entropy = float(-(share * np.log(share)).sum())
    above, under = prefixes[level], prefixes[level + 1]
    sizes = np.bincount(under)
    _, first = np.unique(under, return_index=True)
    fan_out = np.bincount(above[first])
    forced = fan_out[above] == 1
    used = int((counts > 0).sum())
    return {
        "letter": letter(level),
        "source": index.sources[level],
        "width": index.widths[level],
        "used": used,
        "dead": index.widths[level] - used,
        "entropy": round(entropy / np.log(2), 4) + 0.0,
        "perplexity": round(float(np.exp(entropy)), 2),
        "prefixes": len(sizes),
        "smallest": int(sizes.min(initial=len(under))),
        "median": float(np.median(sizes)) if len(sizes) else 0.0,
        "largest": int(sizes.max(initial=0)),
        "mean_fan_out": round(float(fan_out.mean()), 2) if len(fan_out) else 0.0,
        "forced_items": round(float(forced.mean()), 4) if len(forced) else 0.0,
    }


def _preserved(prefixes: list[Int64], matrix: Matrix, seed: int) -> list[dict[str, float]]:
    count, dim = matrix.shape
    if count < 2:
        return []
    sample = min(SAMPLE, max(LEAST, WORK // (count * dim)), count)
    asked = np.sort(np.random.default_rng(seed).choice(count, sample, replace=False))
    # Row numbers, shape (sample, neighbours + 1), and which of them are not the item itself.
    near = nearest_rows(matrix, asked, min(NEIGHBOURS + 1, count))
    other = near != asked[:, None]
    levels = []
    for prefix in prefixes:
        same = (prefix[near] == prefix[asked][:, None])[other].mean()
        sizes = np.bincount(prefix).astype(np.float64)
        chance = (sizes * (sizes - 1)).sum() / (count * (count - 1.0))
        levels.append({"preserved": round(float(same), 4), "chance": round(float(chance), 4)})
    return levels


def _error(part: Quantized) -> float | None:
    """What the codes' vectors leave of the items' variance; None where all items are the same."""
    mean = part.latent.mean(axis=0, dtype=np.float64)
    left = whole = 0.0
    for start in range(0, len(part.latent), BLOCK):
        rows = slice(start, start + BLOCK)
        block = part.latent[rows].astype(np.float64)
        whole += float(((block - mean) ** 2).sum())
        for level, book in enumerate(part.codebooks):
            block -= book[part.codes[rows, level]]
        left += float((block**2).sum())
    return round(left / whole, 4) if whole > 1e-12 * max(part.latent.size, 1) else None
