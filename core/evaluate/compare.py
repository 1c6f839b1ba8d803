"""Is one method better than another? The only place that judges two figures; terminal, app and page say its words.

Judged is the paired difference over the same users with its 95 % bootstrap interval (`paired_difference`), never the
two figures alone: their own intervals overlap long before the difference stops being clear. Light: the screens use it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from core.safe_json import number

Verdict = Literal["better", "worse", "not clear"]

BETTER: Final = "better"
"""The whole interval of the difference lies above 0."""
WORSE: Final = "worse"
"""The whole interval lies below 0."""
NOT_CLEAR: Final = "not clear"
"""The interval holds 0."""


def verdict(low: float, high: float) -> Verdict:
    """What a difference means whose 95 % interval goes from `low` to `high`."""
    return BETTER if low > 0 else WORSE if high < 0 else NOT_CLEAR


def in_full(word: Verdict, seeds: int, other_seeds: int) -> str:
    """A verdict and how far it reaches: with one seed of each it is about these users, not about the method.

    Args:
        word: of `verdict`.
        seeds: runs that differ only in their seed, of the one that is judged.
        other_seeds: of the one that it is held against.
    """
    if word == NOT_CLEAR:
        return word
    if seeds == other_seeds == 1:
        return f"{word} on these users, one seed"
    return f"{word}, {seeds} seed{'s' * (seeds > 1)} against {other_seeds}"


@dataclass(frozen=True)
class Difference:
    """How far a metric of the run's own lists lies above another method's, over the same users.

    Attributes:
        value: mean difference.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    value: float
    low: float
    high: float

    @property
    def margin(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2

    @property
    def verdict(self) -> Verdict:
        """Whether the run's own lists are better."""
        return verdict(self.low, self.high)


def read_difference(metrics: Mapping[str, Any], split: str, method: str, metric: str) -> Difference | None:
    """A paired difference out of a run's `metrics.json`; None where it was not tested, or the file is damaged."""
    values: Any = metrics.get("differences")
    for name in (split, method, metric):
        values = values.get(name) if isinstance(values, Mapping) else None
    if not isinstance(values, Mapping):
        return None
    figures = [number(values.get(name), math.nan) for name in ("difference", "low", "high")]
    return None if any(map(math.isnan, figures)) else Difference(*figures)
