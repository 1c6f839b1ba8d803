"""Names in a run's `metrics.json`: its splits, and the rankings that are its own model's; all others are baselines.

A figure belongs to a protocol: `valid` and `test` keep items of the history in the lists, `valid_masked` and
`test_masked` leave them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from core.safe_json import number

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


def protocol_of(split: str, metrics: Mapping[str, Any]) -> str:
    """The protocol of a split's figures, in words.

    Up to version 0.1 `test` followed `evaluate.mask_seen`; it was hidden where it equals `test_masked`.
    """
    older = "protocol" not in metrics and split == "test" and metrics.get(split) == metrics.get(masked_split(split))
    return SEEN_HIDDEN if older or split.endswith("_masked") else SEEN_KEPT


def both_protocols(metrics: Mapping[str, Any]) -> list[str]:
    """The test split under both protocols as far as they were measured, the one that stands first before the other."""
    first = _card(metrics).get("first")
    splits = [masked_split("test"), "test"] if first == masked_split("test") else ["test", masked_split("test")]
    return [split for split in splits if isinstance(metrics.get(split), Mapping)]


def protocol_card(metrics: Mapping[str, Any]) -> str:
    """What the figures depend on besides the methods, in a line."""
    card = _card(metrics)
    parts = [str(card["split"])] if isinstance(card.get("split"), str) else []
    parts += ["full ranking", "all users" if "users" not in card else f"{number(card['users']):,.0f} users"]
    for name, words in (("items", "{:,.0f} items"), ("max_history", "histories of {:.0f}"), ("seed", "seed {:.0f}")):
        parts += [words.format(number(card[name]))] if name in card else []
    parts += [f"{number(card['tied']):.0%} of neighbours at one time"] if "tied" in card else []
    return ", ".join(parts)


def _card(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    card = metrics.get("protocol")
    return card if isinstance(card, Mapping) else {}
