"""Bootstrap intervals of means over users, from counts of users instead of users: a million cost what a thousand do.

A metric with one target a user takes few values, so resampling the users is drawing how often each value comes
(a multinomial draw); equal values are one kind. The source of the percentile interval is Efron & Tibshirani, "An
Introduction to the Bootstrap" (1993), chapter 13. Where many users differ, nothing is drawn: the percentiles that ever
more resamples approach follow from the moments (Hall, "The Bootstrap and Edgeworth Expansion", 1992, section 2.5), and
what that leaves out, of the order of one over those users, is less than what ten thousand draws scatter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.evaluate.compare import Difference

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.integer]

SAMPLES = 10_000
SLICE_SAMPLES = 2_000
"""Resamples of a slice of the users: there are many slices, and each is looked at for its order of size."""
DIFFERING = 300
"""Users apart from the most frequent value, from which on the percentiles are computed instead of drawn."""
PROBABLE = 1.959963984540054
"""Quantile of the normal distribution at 97.5 %."""
DIRECT = 15
"""Users a kind below which drawing users is cheaper than drawing how many are of each kind."""
BLOCK = 2_000_000
"""Draws that are in memory at a time."""
MOST_KINDS = 48
"""Values above which near ones are drawn together."""
STEPS = 8
"""Such values are rounded to an eighth of their standard deviation, which adds 1/768 to the variance."""


def resampled_interval(values: Floats, counts: Counts, samples: int = SAMPLES, seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of users of whom `counts` have each of the `values`.

    Args:
        values: what a user of each kind is worth; shape (kinds,).
        counts: users of each kind; shape (kinds,).
        samples: resamples.
        seed: of the draws.

    Raises:
        ValueError: there are no users.
    """
    users = int(counts.sum())
    if not users:
        raise ValueError("nobody to resample")
    values, counts = _merged(values, counts)
    if len(values) == 1:
        return float(values[0]), float(values[0])
    if users - int(counts.max()) >= DIFFERING:
        return _expanded(values, counts / users, users)
    rng, share = np.random.default_rng(seed), counts / users
    few = users < DIRECT * len(values)
    everybody = np.repeat(values, counts) if few else values
    rows = max(1, BLOCK // len(everybody))

    def block(size: int) -> Floats:
        """The mean of each of `size` resamples; shape (size,)."""
        if few:
            return np.asarray(everybody[rng.integers(0, users, (size, users))].mean(axis=1))
        return np.asarray(rng.multinomial(users, share, size=size) @ values / users)

    means = np.concatenate([block(min(rows, samples - start)) for start in range(0, samples, rows)])
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def resampled_difference(gains: Floats, counts: Counts, samples: int = SAMPLES, seed: int = 0) -> Difference:
    """The mean gain of paired users with its interval; the gains of the other side give exactly the opposite.

    Args:
        gains: how far a user of each kind lies above the other method; shape (kinds,).
        counts: users of each kind; shape (kinds,).
        samples: resamples.
        seed: of the draws.

    Raises:
        ValueError: there are no users.
    """
    value = float(gains @ counts / max(int(counts.sum()), 1))
    if value < 0:  # drawn from the side that gains, whichever is asked for, so that both see the same draws
        other = resampled_difference(-gains, counts, samples, seed)
        return Difference(-other.value, -other.high, -other.low)
    return Difference(value, *resampled_interval(gains, counts, samples, seed))


def _expanded(values: Floats, share: Floats, users: int) -> tuple[float, float]:
    """The percentiles of the resampled mean by the Cornish-Fisher expansion to the second order.

    Args:
        values: of each kind; shape (kinds,).
        share: of the users that are of each kind; shape (kinds,).
        users: how many are resampled.
    """
    mean = float(values @ share)
    away = values - mean
    deviation = float(np.sqrt(away**2 @ share))
    # Skewness and excess of the mean of so many users, not of a single one.
    skew = float(away**3 @ share) / deviation**3 / users**0.5
    excess = (float(away**4 @ share) / deviation**4 - 3) / users

    def quantile(z: float) -> float:
        bend = (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * excess / 24 - (2 * z**3 - 5 * z) * skew**2 / 36
        return float(mean + (z + bend) * deviation / users**0.5)

    return quantile(-PROBABLE), quantile(PROBABLE)


def _merged(values: Floats, counts: Counts) -> tuple[Floats, Counts]:
    """Kinds that somebody has, each value once; very many are rounded, and their mean is kept."""
    there = counts > 0
    different, place = np.unique(np.round(values[there], 12), return_inverse=True)
    users = np.bincount(place, weights=counts[there]).astype(np.int64)
    if len(different) <= MOST_KINDS:
        return different, users
    mean = different @ users / users.sum()
    step = np.sqrt(((different - mean) ** 2) @ users / users.sum()) / STEPS
    _, place = np.unique(np.round(different / step), return_inverse=True)
    merged = np.bincount(place, weights=users)
    rounded = np.bincount(place, weights=users * different) / merged  # each bin's own mean: the whole mean is kept
    return rounded, merged.astype(np.int64)
