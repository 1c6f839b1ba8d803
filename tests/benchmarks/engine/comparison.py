"""Comparing a run of a million users: seconds until its table is there (bar: 1 s), and its slices (bar: 2 s).

And finding one of them by outcome and by the beginning of the id, as Explore does at every key (bar: 100 ms).

And how the verdict behaves: over 200 null pairs, ranks of two methods swapped user by user at random, it says that one
of them is ahead in 2 to 9 % (it is meant to be 5); a planted difference of three standard errors is seen in at least
80 % (`--verdict` alone). The ranks are made up: a third of the users have a hit, seven methods agree on most of them.

    python -m tests.benchmarks.engine.comparison [--users 1000000] [--verdict]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from core.evaluate.compare import BETTER, NOT_CLEAR, verdict
from core.evaluate.comparison.comparison_of_runs import HEAD_METRIC, Comparison
from core.evaluate.comparison.measured_run import load_run
from core.evaluate.metrics import values_of
from core.evaluate.resampling import resampled_difference
from eagertui.places.explore.outcomes import KINDS, Outcomes
from tests.core.evaluate.comparison_tools import (
    METHODS,
    like,
    made_up_dataset,
    made_up_ranks,
    some_ranks,
    write_project,
    write_run,
)

ITEMS, PAIRS = 50_000, 200


def word(ours: np.ndarray, theirs: np.ndarray) -> str:
    """The verdict on two arrays of ranks."""
    table = values_of(HEAD_METRIC, np.arange(51))
    counts = np.bincount(ours.astype(np.int64) * 51 + theirs, minlength=51 * 51)
    found = resampled_difference((table[:, None] - table[None, :]).ravel(), counts)
    return verdict(found.low, found.high)


def plant(rng: np.random.Generator, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Ours with a difference of three standard errors more: users without a hit on either side get the first place."""
    free = rng.permutation(np.flatnonzero((ours == 0) & (theirs == 0)))
    better, count = ours, 0
    while count < 3 * np.sqrt(len(ours)) * (values_of(HEAD_METRIC, better) - values_of(HEAD_METRIC, theirs)).std():
        better, count = ours.copy(), count + 1
        better[free[:count]] = 1
    return better


def behaviour(users: int = 4_000) -> tuple[float, float]:
    """Shares of null pairs with a clear verdict, and of pairs with a planted difference in which it is seen."""
    rng = np.random.default_rng(1)
    null = planted = 0
    for _ in range(PAIRS):
        first = made_up_ranks(rng, users)
        second = like(rng, first, 0.6)
        swap = rng.random(users) < 0.5
        ours, theirs = np.where(swap, second, first), np.where(swap, first, second)
        null += word(ours, theirs) != NOT_CLEAR
        planted += word(plant(rng, ours, theirs), theirs) == BETTER
    return null / PAIRS, planted / PAIRS


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


class Clock:
    """Seconds on the wall and of this process's own work since the last look."""

    def __init__(self) -> None:
        self._wall, self._own = time.perf_counter(), time.process_time()

    def __str__(self) -> str:
        wall, own = time.perf_counter() - self._wall, time.process_time() - self._own
        self.__init__()  # type: ignore[misc]
        return f"{wall:.2f} s ({own:.2f} s of processor time)"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--verdict", action="store_true", help="the behaviour of the verdict alone")
    args = parser.parse_args()
    null, planted = behaviour()
    print(f"{PAIRS} null pairs: a clear verdict in {null:.1%} (bar: 2 to 9 %)")
    print(f"{PAIRS} planted differences of three standard errors: seen in {planted:.1%} (bar: 80 %)")
    if args.verdict:
        return
    with tempfile.TemporaryDirectory() as folder:
        project = write_project(Path(folder) / "shop")
        dataset = made_up_dataset(args.users, ITEMS)
        run = write_run(project, 1, dataset, some_ranks(args.users), bootstrap=False)
        del dataset
        clock = Clock()
        comparison = Comparison([load_run(run)])
        for one in comparison.contenders:
            comparison.value(one, HEAD_METRIC, False)
            comparison.interval(one, HEAD_METRIC, False)
            comparison.difference(one, HEAD_METRIC, False)
        print(f"{args.users:,} users, {len(METHODS)} methods: the table in {clock} (bar: 1 s)")
        found = comparison.slices(comparison.contenders[-1], HEAD_METRIC, False)
        print(f"{len(found)} slices in {clock} (bar: 2 s)")
        comparison.movers(comparison.contenders[-1], HEAD_METRIC, False)
        print(f"who gained and lost in {clock}")
        outcomes = Outcomes.load(run.path / "ranks.parquet", masked=False)
        some = outcomes.find("everybody", "", 200)[0][-1].user
        print(f"the users' outcomes in {clock}")
        slowest = max(
            (timed(lambda kind=kind, typed=some[:size]: outcomes.find(kind, typed, 200)), kind, size)
            for kind in KINDS for size in range(len(some) + 1)
        )  # fmt: skip
        seconds, kind, letters = slowest
        print(f"finding a user: {seconds * 1e3:.0f} ms a key at most ({kind}, {letters} letters; bar: 100 ms)")
        print(f"the outcomes of 200 users: {timed(lambda: outcomes.some([some] * 200)) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
