"""Names of the rankings in a run's `metrics.json` that are its own model's; all others are baselines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

OURS = ("model+dense", "model", "dense")
"""A trained model's own rankings: with its dense scorer, alone, and the scorer alone."""


def headline(methods: Iterable[Any]) -> str:
    """The ranking that a model's lists follow, among the measured ones: with its scorer, where it has one."""
    return OURS[0] if OURS[0] in methods else OURS[1]
