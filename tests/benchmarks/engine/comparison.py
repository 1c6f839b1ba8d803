"""Comparing a run of a million users: seconds until its table is there (bar: 1 s), and its slices (bar: 2 s).

And how the verdict behaves: over 200 null pairs, ranks of two methods swapped user by user at random, it says that one
of them is ahead in 2 to 9 % (it is meant to be 5); a planted difference of three standard errors is seen in at least
80 % (`--verdict` alone). The ranks are made up: a fifth of the users have a hit, seven methods agree on most of them.

    python tests/benchmarks/engine/comparison.py [--users 1000000] [--verdict]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from core.data.arrays import Sequences
from core.data.data_report import DataReport
from core.data.dataset import Dataset
from core.evaluate.compare import BETTER, NOT_CLEAR, verdict
from core.evaluate.comparison.comparison_of_runs import HEAD_METRIC, Comparison
from core.evaluate.comparison.measured_run import load_run
from core.evaluate.metrics import values_of
from core.evaluate.resampling import resampled_difference
from core.run.folder import RunFolder

METHODS = ("model+dense", "model", "dense", "popularity", "transitions", "itemknn", "sasrec")
ITEMS, MEAN_HISTORY, PAIRS = 50_000, 9, 200


def made_up_ranks(rng: np.random.Generator, users: int, hit: float = 0.2) -> np.ndarray:
    """Ranks of which a share is inside the list; int32, shape (users,)."""
    return np.where(rng.random(users) < hit, rng.geometric(0.06, users).clip(1, 50), 0).astype(np.int32)


def like(rng: np.random.Generator, ranks: np.ndarray, same: float) -> np.ndarray:
    """Ranks of another method, which are the same for a share of the users."""
    return np.where(rng.random(len(ranks)) < same, ranks, made_up_ranks(rng, len(ranks)))


def made_up_run(folder: Path, users: int) -> RunFolder:
    """A run as the stages write it: ranks, metrics, and a data set."""
    rng = np.random.default_rng(0)
    lengths = 3 + rng.poisson(MEAN_HISTORY, users)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    items = np.minimum(rng.zipf(1.3, int(offsets[-1])) - 1, ITEMS - 1).astype(np.int32)
    table = pl.DataFrame({"item_id": [f"i{n:05d}" for n in range(ITEMS)], "title": [f"Item {n}" for n in range(ITEMS)],
                          "text": [""] * ITEMS, "category": [f"kind {n % 20}" for n in range(ITEMS)]})  # fmt: skip
    ids = pl.Series("user_id", [f"u{n}" for n in range(users)])
    dataset = Dataset(ids, table, Sequences(items, offsets), DataReport())
    store = folder / "runs" / ".store" / "data"
    run = RunFolder(folder / "runs" / "2026-01-01-000000_million_0001")
    (run.path / "stages").mkdir(parents=True)
    store.mkdir(parents=True)
    dataset.save(store)
    (run.path / "stages" / "data.json").write_text(json.dumps({"artefact": "../.store/data", "fingerprint": "one"}))
    (run.path / "run.json").write_text(json.dumps({"recipe": "light"}))
    questions = dataset.evaluation("test")
    popularity = np.bincount(dataset.train().items, minlength=ITEMS)
    columns = {
        "split": ["test"] * users, "user_id": ids, "item_id": table["item_id"].gather(questions.targets.astype(np.int64)),
        "history": questions.histories.lengths, "popularity": popularity[questions.targets],
    }  # fmt: skip
    first = made_up_ranks(rng, users)
    for name in METHODS:
        ranks = first if name == METHODS[0] else like(rng, first, 0.6)
        columns |= {f"rank_{name}": ranks, f"masked_rank_{name}": np.maximum(ranks - (ranks > 5), 0)}
    frame = pl.DataFrame(columns)
    pl.concat([frame.with_columns(pl.lit("valid").alias("split")), frame]).write_parquet(run.path / "ranks.parquet")
    (run.path / "metrics.json").write_text("{}")
    return run


def clear(ours: np.ndarray, theirs: np.ndarray, seed: int = 0) -> str:
    """The verdict on two arrays of ranks."""
    kinds = np.arange(51)
    gains = (values_of(HEAD_METRIC, kinds)[:, None] - values_of(HEAD_METRIC, kinds)[None, :]).ravel()
    counts = np.bincount(ours.astype(np.int64) * 51 + theirs, minlength=len(gains))
    found = resampled_difference(gains, counts, seed=seed)
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
    """Shares of null pairs, and of pairs with a planted difference, on which the verdict is clear."""
    rng = np.random.default_rng(1)
    null = planted = 0
    for _ in range(PAIRS):
        first = made_up_ranks(rng, users)
        second = like(rng, first, 0.6)
        swap = rng.random(users) < 0.5
        ours, theirs = np.where(swap, second, first), np.where(swap, first, second)
        null += clear(ours, theirs) != NOT_CLEAR
        planted += clear(plant(rng, ours, theirs), theirs) == BETTER
    return null / PAIRS, planted / PAIRS


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--verdict", action="store_true", help="the behaviour of the verdict alone")
    args = parser.parse_args()
    null, planted = behaviour()
    print(f"null pairs with a clear verdict {null:.1%} (bar: 2 to 9 %), three standard errors {planted:.1%} (bar: 80 %)")
    if args.verdict:
        return
    with tempfile.TemporaryDirectory() as folder:
        run = made_up_run(Path(folder), args.users)
        began = time.perf_counter()
        comparison = Comparison([load_run(run)])
        for one in comparison.contenders:
            comparison.value(one, HEAD_METRIC, False)
        figures = time.perf_counter() - began
        for one in comparison.contenders:
            comparison.interval(one, HEAD_METRIC, False)
            comparison.difference(one, HEAD_METRIC, False)
        table = time.perf_counter() - began
        began = time.perf_counter()
        found = comparison.slices(comparison.contenders[-1], HEAD_METRIC, False)
        slices = time.perf_counter() - began
        began = time.perf_counter()
        comparison.movers(comparison.contenders[-1], HEAD_METRIC, False)
        movers = time.perf_counter() - began
    print(f"{args.users:,} users, {len(METHODS)} methods: figures {figures:.2f} s (bar: 1 s), "
          f"with intervals and verdicts {table:.2f} s, {len(found)} slices {slices:.2f} s (bar: 2 s), "
          f"who gained and lost {movers:.2f} s")  # fmt: skip


if __name__ == "__main__":
    main()
