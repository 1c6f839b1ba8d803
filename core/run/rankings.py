"""Names in a run's `metrics.json`: its splits, and the rankings that are its own model's; all others are baselines.

A figure belongs to a protocol: `valid` and `test` keep items of the history in the lists, `valid_masked` and
`test_masked` leave them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FUSED = "model+fused"
OURS = (FUSED, "model+dense", "model", "dense")
"""A trained model's own rankings: fused with other scorers (up to 0.1 with its dense head), alone, the head alone."""
SPLITS = ("valid", "test")
SEEN_KEPT, SEEN_HIDDEN = "seen items kept", "seen items hidden"


def headline(methods: Iterable[Any]) -> str:
    """The ranking that a model's lists follow, among the measured ones: the fused one, where there is one."""
    return next((name for name in OURS[:2] if name in methods), "model")


def masked_split(split: str) -> str:
    """The name of a split where seen items are left out of the lists."""
    return f"{split}_masked"


def protocol_of(split: str) -> str:
    """The protocol of a split's figures, in words."""
    return SEEN_HIDDEN if split.endswith("_masked") else SEEN_KEPT


def first_split(metrics: Mapping[str, Any]) -> str:
    """The split whose figures stand first: `test`, or `test_masked` where the project says so."""
    card = metrics.get("protocol")
    first = card.get("first") if isinstance(card, Mapping) else None
    return first if first == masked_split("test") else "test"
