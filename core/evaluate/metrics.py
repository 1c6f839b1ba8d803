"""Metrics of full rankings with one held-out target a user.

A rank is 1-based; 0 means that the target is not in the list (of `DEPTH` items). With one target the ideal DCG is 1,
so recall equals the hit rate and NDCG@k is `1/log2(rank+1)` for a rank of at most k.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from core.evaluate.resampling import resampled_difference, resampled_interval

DEPTH = 50
CUTS = (1, 5, 10, 20, 50)
INTERVAL_METRICS = ("recall@10", "ndcg@10")

Ranks = npt.NDArray[np.int32]
Values = npt.NDArray[np.float64]


def values_of(metric: str, ranks: npt.NDArray[np.integer]) -> Values:
    """What each rank is worth under `recall@k`, `ndcg@k` or `mrr@k`; shape of `ranks`."""
    name, _, cut = metric.partition("@")
    hit = (ranks > 0) & (ranks <= int(cut))
    safe = np.maximum(ranks, 1)
    if name == "recall":
        return hit.astype(np.float64)
    if name == "ndcg":
        return np.where(hit, 1.0 / np.log2(safe + 1.0), 0.0)
    if name == "mrr":
        return np.where(hit, 1.0 / safe, 0.0)
    raise ValueError(f"unknown metric {metric!r}")


def ranking_metrics(ranks: Ranks) -> dict[str, float]:
    """Recall and NDCG at every cut of `CUTS` and MRR@50, averaged over users."""
    names = [f"recall@{k}" for k in CUTS] + [f"ndcg@{k}" for k in CUTS] + [f"mrr@{DEPTH}"]
    return {name: _round(values_of(name, ranks).mean()) if len(ranks) else 0.0 for name in names}


def exposure_metrics(shown: npt.NDArray[np.integer], popularity: npt.NDArray[np.integer]) -> dict[str, float]:
    """What the top-10 lists show of the catalogue.

    Args:
        shown: how often each item stands in a top-10 list; shape (items,).
        popularity: training interactions of each item; shape (items,).

    Returns:
        `coverage@10`, the share of the catalogue shown at least once; `gini@10`, the inequality of exposure (0 = even,
        1 = one item); `popularity@10`, the mean popularity percentile of what is shown (.5 = no bias).
    """
    total = int(shown.sum())
    if not total:
        return {"coverage@10": 0.0, "gini@10": 0.0, "popularity@10": 0.0}
    n = len(shown)
    ascending = np.sort(shown)
    gini = (2 * np.arange(1, n + 1) - n - 1) @ ascending / (n * total)
    below = np.searchsorted(np.sort(popularity), popularity, side="left")
    above = np.searchsorted(np.sort(popularity), popularity, side="right")
    percentile = (below + above) / (2 * n)
    return {
        "coverage@10": _round((shown > 0).mean()),
        "gini@10": _round(gini),
        "popularity@10": _round(percentile @ shown / total),
    }


def bootstrap_interval(metric: str, ranks: Ranks, samples: int, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of a mean metric over resampled users."""
    kinds, counts = np.unique(ranks, return_counts=True)
    low, high = resampled_interval(values_of(metric, kinds), counts, samples, seed)
    return _round(low), _round(high)


def paired_difference(metric: str, ours: Ranks, theirs: Ranks, seed: int = 0) -> dict[str, float]:
    """How far `ours` lies above `theirs` on the same users, with its 95 % percentile bootstrap interval.

    `core.evaluate.compare.verdict` says what that means.
    """
    gains, counts = np.unique(values_of(metric, ours) - values_of(metric, theirs), return_counts=True)
    found = resampled_difference(gains, counts, seed=seed)
    return {"difference": _round(found.value), "low": _round(found.low), "high": _round(found.high)}


def sliced(
    metric: str, ranks: Ranks, key: npt.NDArray[np.integer], edges: Mapping[str, tuple[int, int]]
) -> dict[str, float]:
    """A metric on the users whose `key` lies inside each named range (ends included); empty slices are left out."""
    values = values_of(metric, ranks)
    found = {name: values[(key >= low) & (key <= high)] for name, (low, high) in edges.items()}
    return {name: _round(part.mean()) for name, part in found.items() if len(part)}


def _round(value: Any) -> float:
    """Six decimals: finer than any interval, and the same text on every machine that agrees to that."""
    return round(float(value), 6)
