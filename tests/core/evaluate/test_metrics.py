"""The figures of a ranking, against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.evaluate.metrics import (
    CUTS,
    INTERVAL_METRICS,
    Ranks,
    bootstrap_interval,
    exposure_metrics,
    paired_difference,
    ranking_metrics,
    sliced,
    values_of,
)

RANKS = st.lists(st.integers(0, 50), min_size=1, max_size=60).map(lambda r: np.array(r, dtype=np.int32))


def of(*ranks: int) -> Ranks:
    return np.array(ranks, dtype=np.int32)


@pytest.mark.parametrize(("rank", "gain"), [(1, 1.0), (2, 0.63093), (3, 0.5), (5, 0.38685), (10, 0.28906)])
def test_the_worth_of_a_rank(rank: int, gain: float) -> None:
    found = ranking_metrics(of(rank))
    for cut in CUTS:
        inside = rank <= cut
        assert found[f"recall@{cut}"] == inside
        assert found[f"ndcg@{cut}"] == pytest.approx(gain if inside else 0.0, abs=1e-5)
    assert found["mrr@50"] == pytest.approx(1 / rank, abs=1e-6)


def test_no_rank_is_worth_nothing() -> None:
    assert set(ranking_metrics(of(0, 0)).values()) == {0.0}
    assert set(ranking_metrics(of()).values()) == {0.0}


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="precision"):
        values_of("precision@10", of(1))


@given(RANKS)
@settings(max_examples=60, deadline=None)
def test_metrics_against_their_definitions(ranks: Ranks) -> None:
    found = ranking_metrics(ranks)
    for cut in CUTS:
        hits = [int(r) for r in ranks if 1 <= r <= cut]
        assert found[f"recall@{cut}"] == pytest.approx(len(hits) / len(ranks), abs=1e-6)
        assert found[f"ndcg@{cut}"] == pytest.approx(sum(1 / math.log2(r + 1) for r in hits) / len(ranks), abs=1e-6)
        assert found[f"ndcg@{cut}"] <= found[f"recall@{cut}"]
    assert found["recall@1"] == found["ndcg@1"]
    for name in ("recall", "ndcg"):
        rising = [found[f"{name}@{cut}"] for cut in CUTS]
        assert rising == sorted(rising)
    assert found["mrr@50"] == pytest.approx(sum(1 / int(r) for r in ranks if r) / len(ranks), abs=1e-6)


@given(RANKS, st.sampled_from(INTERVAL_METRICS))
@settings(max_examples=30, deadline=None)
def test_the_interval_holds_the_mean(ranks: Ranks, metric: str) -> None:
    low, high = bootstrap_interval(metric, ranks, 400)
    assert low - 1e-6 <= values_of(metric, ranks).mean() <= high + 1e-6
    assert (low, high) == bootstrap_interval(metric, ranks, 400)
    assert bootstrap_interval(metric, ranks[::-1].copy(), 400) == (low, high)  # the order of users does not matter


def test_the_interval_has_the_width_of_the_theory() -> None:
    """For a share p of n users it is about p +- 1.96 sqrt(p (1 - p) / n)."""
    ranks = of(*[1] * 300, *[0] * 700)
    low, high = bootstrap_interval("recall@10", ranks, 4000)
    margin = 1.96 * math.sqrt(0.3 * 0.7 / 1000)
    assert low == pytest.approx(0.3 - margin, abs=0.004)
    assert high == pytest.approx(0.3 + margin, abs=0.004)


def test_a_paired_difference() -> None:
    ours, theirs = of(*[1, 2, 0, 5] * 50), of(*[2, 0, 0, 11] * 50)
    found = paired_difference("ndcg@10", ours, theirs)
    expected = (1 - 0.63093 + 0.63093 + 0.38685) / 4
    assert found["difference"] == pytest.approx(expected, abs=1e-5)
    assert 0 < found["low"] < found["difference"] < found["high"]
    back = paired_difference("ndcg@10", theirs, ours)
    assert back["difference"] == -found["difference"] and back["high"] < 0
    assert paired_difference("ndcg@10", ours, ours) == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_pairing_knows_that_the_users_are_the_same() -> None:
    """Ours is better for one user in ten and never worse: clear in pairs, lost among the users without them."""
    theirs = of(*[1] * 150, *[0] * 150)
    ours = theirs.copy()
    ours[150:180] = 1
    found = paired_difference("recall@10", ours, theirs)
    assert found["low"] > 0.06
    assert bootstrap_interval("recall@10", ours, 1000)[0] < bootstrap_interval("recall@10", theirs, 1000)[1]


def test_slices() -> None:
    edges = {"short": (0, 5), "long": (6, 9), "nobody": (50, 60)}
    found = sliced("ndcg@10", of(1, 0, 3, 2), np.array([1, 5, 6, 9]), edges)
    assert found == {"short": 0.5, "long": pytest.approx((0.5 + 0.63093) / 2, abs=1e-5)}


def test_exposure() -> None:
    popularity = np.array([5, 1, 1, 0])
    even = exposure_metrics(np.array([3, 3, 3, 3]), popularity)
    assert even == {"coverage@10": 1.0, "gini@10": 0.0, "popularity@10": 0.5}
    one = exposure_metrics(np.array([9, 0, 0, 0]), popularity)
    assert one["coverage@10"] == 0.25
    assert one["gini@10"] == pytest.approx(0.75)  # (n - 1) / n, the most there is for n items
    assert one["popularity@10"] == pytest.approx(0.875)
    tail = exposure_metrics(np.array([0, 1, 1, 2]), popularity)
    assert tail["popularity@10"] < 0.5
    assert set(exposure_metrics(np.zeros(4, dtype=int), popularity).values()) == {0.0}


@given(st.lists(st.integers(0, 30), min_size=2, max_size=25).filter(any))
@settings(max_examples=40, deadline=None)
def test_gini_is_half_the_relative_mean_difference(shown: list[int]) -> None:
    n, total = len(shown), sum(shown)
    expected = sum(abs(a - b) for a in shown for b in shown) / (2 * n * total)
    assert exposure_metrics(np.array(shown), np.zeros(n, dtype=int))["gini@10"] == pytest.approx(expected, abs=1e-6)
