"""Served, cached and evaluated lists of a run's users beside each other, item by item.

    python tests/benchmarks/engine/served_lists.py RUN [--users 1000] [--dtype fp32]

As tested, seen items kept and hidden: the lists of all users in one call, alone, in batches of 7, 32 and 64, and from
a cache with 20 spare items; and the place of each user's held-out item as the run's evaluation wrote it down. The bar:
the lists agree item by item; neighbours change places only where their scores differ by less than 1e-5. To date,
hidden: no cached list holds its user's last item.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from core.data.arrays import Sequences
from core.recommend.cache.cached_lists import CachedLists
from core.recommend.cache.list_database import CACHE_FILE, ListDatabase
from core.recommend.cache.list_jobs import MARGIN, _rows
from core.recommend.cache.list_question import ListQuestion, ListSource
from core.recommend.cache.list_shards import ListShards
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder

CLOSE = 1e-5
K = 10
Lists = tuple[np.ndarray, np.ndarray]


def compare(name: str, found: np.ndarray, whole: Lists, rows: np.ndarray | None = None) -> bool:
    """Print how many places differ, and by how much the scores there do; whether the bar holds."""
    items, scores = whole if rows is None else (whole[0][rows], whole[1][rows])
    user, place = np.nonzero(found[:, :K] != items[:, :K])
    worst, lost = 0.0, 0
    for row, at in zip(user, place, strict=True):
        where = np.flatnonzero(items[row] == found[row, at])
        lost += not len(where)
        worst = max(worst, abs(float(scores[row, where[0]] - scores[row, at])) if len(where) else 0.0)
    good = lost == 0 and worst < CLOSE
    print(
        f"  {name:<12} {len(found):>5} lists, {len(user):>4} places differ, scores there by at most {worst:.1e}, "
        f"{lost} items in one list alone{'' if good else '  MISSED'}"
    )
    return good


def cached(
    run: RunFolder, recommender: Recommender, question: ListQuestion, users: np.ndarray, given: Sequences
) -> Lists:
    """The lists of these users from a cache that the jobs' own parts make."""
    depth = min(question.k + MARGIN, max(recommender.project.recommend.beams, question.k))
    history = recommender.project.data.max_history
    with tempfile.TemporaryDirectory() as folder:
        copy = RunFolder(Path(folder) / "runs" / run.id)
        copy.path.mkdir(parents=True)
        for entry in run.path.iterdir():
            if not entry.name.startswith("cache."):
                (copy.path / entry.name).symlink_to(entry.resolve())
        (copy.path.parent / ".store").symlink_to((run.path.parent / ".store").resolve())
        shards = ListShards(copy.path / "parts", question, users, given, depth, history)
        shards.fill(recommender, lambda done, of: None)
        with ListDatabase(copy.path / CACHE_FILE) as base:
            number = base.begin(question, ListSource.of(copy), depth)
            for table in shards.tables():
                base.load(number, _rows(table))
            base.swap(number, 1.0)
        items = np.full((len(users), question.k), -1, dtype=np.int32)
        scores = np.full((len(users), question.k), -np.inf, dtype=np.float32)
        with CachedLists(copy) as cache:
            ids = recommender.dataset.users[users.tolist()].to_list()
            for row, user in enumerate(ids):
                found = cache.get(user, question)
                assert found.state == "fresh", found
                items[row, : len(found.items)], scores[row, : len(found.items)] = found.items, found.scores
    return items, scores


def main(path: Path, count: int, dtype: str) -> bool:
    """Print the comparison; whether every bar holds."""
    run, recommender = RunFolder(path), Recommender.load(path)
    if dtype:
        recommender.project = replace(recommender.project, run=replace(recommender.project.run, dtype=dtype))
    split = recommender.dataset.evaluation("test")
    places = np.sort(np.random.default_rng(0).permutation(len(split))[:count])
    histories, users = split.histories.take(places), split.users[places].astype(np.int64)
    table = pl.read_parquet(run.path / "ranks.parquet").filter(pl.col("split") == "test")
    served = (name.removeprefix("rank_") for name in table.columns if name.startswith("rank_model+"))
    method = next(served, "model")  # what is served is the model with the other scorers, where there are some
    ranks = table[places.tolist()]
    assert ranks["user_id"].to_list() == recommender.dataset.users[users.tolist()].to_list()
    good = True
    for hide in (False, True):
        began = time.perf_counter()
        wide = recommender.recommend_many(histories, None, hide, recommender.project.recommend.beams)
        whole = recommender.recommend_many(histories, None, hide, K)
        pace = 2 * len(users) / (time.perf_counter() - began)
        print(f"as tested, seen items {'hidden' if hide else 'kept'}: {len(users)} users, {pace:.0f} a second")
        reference = (np.where(whole[0] >= 0, whole[0], -1), whole[1])
        near = (np.concatenate([reference[0], wide[0]], axis=1), np.concatenate([reference[1], wide[1]], axis=1))
        for size in (1, 7, 32, 64):
            parts = [np.arange(start, min(start + size, len(users))) for start in range(0, len(users), size)]
            parts = parts[:200] if size == 1 else parts
            found = [recommender.recommend_many(histories.take(part), None, hide, K)[0] for part in parts]
            rows = np.concatenate(parts)
            good &= compare("alone" if size == 1 else f"batches of {size}", np.concatenate(found), near, rows)
        question = ListQuestion(K, hide_seen=hide, as_tested=True)
        good &= compare("cached", cached(run, recommender, question, users, histories)[0], near)
        # Where evaluation saw the held-out item among the first K: it stands there in the served list.
        noted = ranks[f"{'masked_' if hide else ''}rank_{method}"].to_numpy()
        place = np.where((whole[0] == split.targets[places][:, None]).any(1),
                         (whole[0] == split.targets[places][:, None]).argmax(1) + 1, 0)  # fmt: skip
        differ = int((np.where(noted <= K, noted, 0) != place).sum())
        print(f"  evaluated    {len(users):>5} held-out items of {method}, {differ} at another place")
        good &= differ == 0
    every = recommender.dataset.sequences.take(users)
    items, _ = cached(run, recommender, ListQuestion(K, hide_seen=True), users, every)
    last = np.array([every[row][-1] for row in range(len(users))])
    holding = int((items == last[:, None]).any(axis=1).sum())
    print(f"to date, hidden: {holding} of {len(users)} cached lists hold the user's last item")
    return good and holding == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--dtype", default="", help="fp32 or bf16 instead of the run's own")
    given = parser.parse_args()
    raise SystemExit(0 if main(given.run.resolve(), given.users, given.dtype) else 1)
