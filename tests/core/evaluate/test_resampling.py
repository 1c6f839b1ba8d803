"""Intervals from counts, against resampling users one by one, and how often they speak of a difference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from core.evaluate import resampling
from core.evaluate.compare import BETTER, NOT_CLEAR, WORSE, verdict
from core.evaluate.metrics import paired_difference, values_of
from core.evaluate.resampling import resampled_difference, resampled_interval
from tests.core.evaluate.comparison_tools import Ranks, like, made_up_ranks

METRIC = "ndcg@10"


def counted(ours: Ranks, theirs: Ranks) -> tuple[np.ndarray, np.ndarray]:
    """Gains of every pair of ranks, and how many users have each."""
    table = values_of(METRIC, np.arange(51))
    counts = np.bincount(ours.astype(np.int64) * 51 + theirs, minlength=51 * 51)
    return (table[:, None] - table[None, :]).ravel(), counts


def word(ours: Ranks, theirs: Ranks) -> str:
    found = resampled_difference(*counted(ours, theirs))
    return verdict(found.low, found.high)


@pytest.mark.parametrize("users", [60, 400, 3_000])
def test_an_interval_is_that_of_users_drawn_one_by_one(users: int) -> None:
    rng = np.random.default_rng(users)
    ours = made_up_ranks(rng, users)
    theirs = like(rng, ours, 0.7)
    gains = values_of(METRIC, ours) - values_of(METRIC, theirs)
    drawn = rng.integers(0, users, (3_000, users))
    low, high = np.percentile(gains[drawn].mean(axis=1), [2.5, 97.5])
    found = resampled_difference(*counted(ours, theirs))
    error = gains.std() / np.sqrt(users)
    assert found.value == pytest.approx(gains.mean(), abs=1e-12)
    assert found.low == pytest.approx(low, abs=0.15 * error) and found.high == pytest.approx(high, abs=0.15 * error)


def test_the_expansion_and_the_draws_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """A skewed metric of many users, both ways."""
    values, counts = np.array([0.0, 0.3, 1.0]), np.array([9_000, 700, 60])
    expanded = resampled_interval(values, counts)
    monkeypatch.setattr(resampling, "DIFFERING", 1 << 60)
    drawn = resampled_interval(values, counts, samples=40_000)
    share = counts / counts.sum()
    error = np.sqrt((values**2 @ share - (values @ share) ** 2) / counts.sum())
    assert expanded == pytest.approx(drawn, abs=0.05 * error)
    assert resampled_interval(values, counts) == resampled_interval(values[::-1], counts[::-1])


def test_many_values_keep_their_mean_and_their_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.001, 0.01, 450)
    counts = np.ones(len(values), dtype=np.int64)
    merged, users = resampling._merged(values, counts)
    assert len(merged) < 100 and users.sum() == 450 and merged @ users / 450 == pytest.approx(values.mean())
    coarse = resampled_interval(values, counts)
    monkeypatch.setattr(resampling, "MOST_KINDS", 1 << 60)
    assert coarse == pytest.approx(resampled_interval(values, counts), abs=0.1 * values.std() / np.sqrt(450))


def test_the_other_side_sees_the_opposite() -> None:
    rng = np.random.default_rng(5)
    for users in (50, 700, 5_000):
        ours = made_up_ranks(rng, users)
        theirs = like(rng, ours, 0.8)
        there, back = (resampled_difference(*counted(*pair)) for pair in ((ours, theirs), (theirs, ours)))
        opposite = pytest.approx((-there.value, -there.high, -there.low), rel=1e-12)
        assert (back.value, back.low, back.high) == opposite  # sums of the other order


def test_nobody_and_nothing() -> None:
    assert resampled_interval(np.array([0.5]), np.array([7])) == (0.5, 0.5)
    assert resampled_difference(np.zeros(3), np.array([4, 0, 2])).high == 0.0
    with pytest.raises(ValueError, match="nobody"):
        resampled_interval(np.array([0.5]), np.array([0]))


@pytest.mark.parametrize("seed", range(4))
def test_the_verdict_is_scipys(seed: int) -> None:
    """An independent implementation: scipy's own paired bootstrap of the mean, by percentiles."""
    rng = np.random.default_rng(seed)
    theirs = made_up_ranks(rng, 1_500)
    ours = like(rng, theirs, 0.8)
    lucky = rng.random(1_500) < 0.015 * (seed % 3)
    ours = np.where(lucky, 1, ours).astype(np.int32)
    gains = values_of(METRIC, ours) - values_of(METRIC, theirs)
    found = stats.bootstrap((gains,), np.mean, n_resamples=2_000, batch=500, method="percentile", rng=rng)
    ends = found.confidence_interval
    mine = resampled_difference(*counted(ours, theirs))
    assert (mine.low, mine.high) == pytest.approx((ends.low, ends.high), abs=0.2 * found.standard_error)
    clear = min(abs(ends.low), abs(ends.high)) > 0.2 * found.standard_error  # else both words are right
    assert not clear or word(ours, theirs) == verdict(ends.low, ends.high)


def test_it_is_what_the_evaluation_writes_down() -> None:
    rng = np.random.default_rng(2)
    ours = made_up_ranks(rng, 1_000)
    theirs = like(rng, ours, 0.7)
    written, mine = paired_difference(METRIC, ours, theirs), resampled_difference(*counted(ours, theirs))
    assert (mine.value, mine.low, mine.high) == pytest.approx(tuple(written.values()), abs=1e-6)


def test_null_pairs_are_seldom_clear_and_three_standard_errors_are_seen() -> None:
    """Small, for the suite: `tests/benchmarks/engine/comparison.py` measures both over 200 pairs."""
    rng = np.random.default_rng(11)
    clear = seen = 0
    for _ in range(40):
        first = made_up_ranks(rng, 2_500)
        second = like(rng, first, 0.6)
        swap = rng.random(len(first)) < 0.5
        ours, theirs = np.where(swap, second, first), np.where(swap, first, second)
        clear += word(ours, theirs) in (BETTER, WORSE)
        gains = values_of(METRIC, ours) - values_of(METRIC, theirs)
        shift = 3 * gains.std() / np.sqrt(len(gains)) - gains.mean()
        free = np.flatnonzero((ours == 0) & (theirs == 0))[: round(shift * len(gains))]
        ours = ours.copy()
        ours[free] = 1  # exactly three standard errors, but for those that the planted users add
        seen += word(ours, theirs) == BETTER
    assert clear <= 6  # 15 %, of which 5 % are meant
    assert seen == 40  # beyond 1.96 of them, without the luck of a draw
    assert word(first, first) == NOT_CLEAR
