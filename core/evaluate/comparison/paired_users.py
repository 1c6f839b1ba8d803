"""Two contenders on the same users: what each user gains, and the paired difference with its verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.evaluate.compare import Difference, in_full
from core.evaluate.comparison.contenders import Contender
from core.evaluate.comparison.measured_run import Ranks
from core.evaluate.metrics import DEPTH, values_of
from core.evaluate.resampling import SAMPLES, resampled_difference, resampled_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer]

PLACES = DEPTH + 1
"""Ranks that there are: none, and 1 to `DEPTH`."""


@dataclass(frozen=True)
class JudgedDifference(Difference):
    """A difference between two contenders.

    Attributes:
        seeds: runs that the first is the mean of.
        other_seeds: runs that the second is the mean of.
    """

    seeds: int = 1
    other_seeds: int = 1

    @property
    def in_full(self) -> str:
        """The verdict and how far it reaches."""
        return in_full(self.verdict, self.seeds, self.other_seeds)


@dataclass(frozen=True, eq=False)
class PairedUsers:
    """What users gain from one contender over another, as few kinds of users.

    Attributes:
        kinds: the kind of each user; shape (users,).
        gains: what a user of each kind gains; shape (kinds,).
    """

    kinds: Ints
    gains: Floats

    def counts(self, chosen: npt.NDArray[np.bool_] | None = None) -> Ints:
        """Users of each kind, or of some users alone."""
        return np.bincount(self.kinds if chosen is None else self.kinds[chosen], minlength=len(self.gains))

    @property
    def of_users(self) -> Floats:
        """What each user gains; shape (users,)."""
        return np.asarray(self.gains[self.kinds])


def worth(metric: str) -> Floats:
    """What each rank from 0 to `DEPTH` is worth under a metric."""
    return values_of(metric, np.arange(PLACES))


def user_values(contender: Contender, metric: str, masked: bool) -> Floats:
    """What each user's list is worth, over the seeds on average; shape (users,)."""
    table = worth(metric)
    return np.asarray(sum(table[ranks] for ranks in contender.ranks(masked)) / contender.seeds)


def pair_users(one: Contender, other: Contender, metric: str, masked: bool) -> PairedUsers:
    """Pair two contenders on the common users."""
    if one.seeds == other.seeds == 1:
        (a,), (b,) = one.ranks(masked), other.ranks(masked)
        table = worth(metric)
        # Every pair of ranks is a kind: gains of shape (PLACES * PLACES,).
        return PairedUsers(a.astype(np.int32) * PLACES + b, (table[:, None] - table[None, :]).ravel())
    gains = user_values(one, metric, masked) - user_values(other, metric, masked)
    different, kinds = np.unique(np.round(gains, 12), return_inverse=True)
    return PairedUsers(kinds, different)


def judged(
    one: Contender, other: Contender, metric: str, masked: bool, pairs: PairedUsers,
    chosen: npt.NDArray[np.bool_] | None = None, samples: int = SAMPLES,
) -> JudgedDifference:  # fmt: skip
    """How far `one` lies above `other`: over users by the bootstrap, and over seeds where there are several.

    With more than one seed of either, the interval is that of the users, widened by the error of the mean over the
    seeds (Welch's t); a contender with one seed is taken to vary as the other does.

    Args:
        one: the contender that is judged.
        other: what it is held against.
        metric: such as `ndcg@10`.
        masked: whether seen items are hidden.
        pairs: of `pair_users`.
        chosen: these users alone; shape (users,).
        samples: resamples.

    Raises:
        ValueError: there are no users.
    """
    users = resampled_difference(pairs.gains, pairs.counts(chosen), samples)
    if one.seeds == other.seeds == 1:
        return JudgedDifference(users.value, users.low, users.high)
    margin = _margin_of_seeds(_means(one, metric, masked, chosen), _means(other, metric, masked, chosen))
    low = users.value - math.hypot(users.value - users.low, margin)
    high = users.value + math.hypot(users.high - users.value, margin)
    return JudgedDifference(users.value, low, high, one.seeds, other.seeds)


def mean_interval(contender: Contender, metric: str, masked: bool) -> tuple[float, float]:
    """The 95 % bootstrap interval of a contender's mean over users."""
    if contender.seeds == 1:
        counts = np.bincount(contender.ranks(masked)[0], minlength=PLACES)
        return resampled_interval(worth(metric), counts)
    values, counts = np.unique(np.round(user_values(contender, metric, masked), 12), return_counts=True)
    return resampled_interval(values, counts)


def seed_means(contender: Contender, metric: str, masked: bool) -> list[float]:
    """The mean over users for each seed."""
    return _means(contender, metric, masked, None)


def _means(contender: Contender, metric: str, masked: bool, chosen: npt.NDArray[np.bool_] | None) -> list[float]:
    table = worth(metric)

    def mean(ranks: Ranks) -> float:
        counts = np.bincount(ranks if chosen is None else ranks[chosen], minlength=PLACES)
        return float(table @ counts / max(int(counts.sum()), 1))

    return [mean(ranks) for ranks in contender.ranks(masked)]


def _margin_of_seeds(one: list[float], other: list[float]) -> float:
    """Half the 95 % interval of the difference of two means over seeds; 0 where each has one seed."""
    spreads = [float(np.var(means, ddof=1)) if len(means) > 1 else None for means in (one, other)]
    known = [spread for spread in spreads if spread is not None]
    if not known:
        return 0.0
    terms = [(known[0] if spread is None else spread) / len(means)
             for spread, means in zip(spreads, (one, other), strict=True)]  # fmt: skip
    error = sum(terms)
    # Welch and Satterthwaite; what was borrowed brings no freedom of its own.
    parts = [term**2 / (len(means) - 1) for term, means in zip(terms, (one, other), strict=True) if len(means) > 1]
    freedom = error**2 / sum(parts) if sum(parts) > 0 else 1.0
    if len(known) == 1:
        freedom = max(len(one), len(other)) - 1.0
    from scipy.special import stdtrit  # loaded where there are seeds alone

    return float(stdtrit(freedom, 0.975)) * math.sqrt(error)
