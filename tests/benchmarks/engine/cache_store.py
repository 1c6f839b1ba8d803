"""The cache of lists with a million made-up users: bytes, load rate, look-ups, a refresh; or a run's own, by its model.

    python tests/benchmarks/engine/cache_store.py [--users 1000000] [--items 20] [--calls 100000]
    python tests/benchmarks/engine/cache_store.py --run RUN [--limit 2000]

The first writes and reads the file as the jobs do, without a model. Bars: at most 300 bytes a user for 20 items and
20 spare ones (`--items 40`), a look-up within 200 microseconds for 99 of 100 on a quiet machine; of the processor
alone on a busy one. The second makes lists of a run's users by its model, in a folder of its own, and prints users a
second.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.recommend.cache.cached_lists import CachedLists
from core.recommend.cache.list_database import CACHE_FILE, ListDatabase, Row
from core.recommend.cache.list_question import ListQuestion, ListSource
from core.recommend.cache.packed_list import pack
from core.run.folder import RunFolder

BYTES, MICROSECONDS = 300.0, 200.0
CATALOGUE = 500_000
BATCH = 10_000


def made_up_run(folder: Path, users: int) -> RunFolder:
    """As much of a run as the cache reads: users, items, and whose lists these would be."""
    run = RunFolder.create(
        folder / "runs", 'recipe = "light"\n[data]\ninteractions = "log.csv"\nuser = "user"\nitem = "item"\n', "made-up"
    )
    for stage in ("data", "index", "tune"):
        (run.path / "made" / stage).mkdir(parents=True)
        (run.path / "stages" / f"{stage}.json").write_text(json.dumps({"artefact": f"made/{stage}"}))
    (run.path / "made" / "index" / "report.json").write_text('{"base_id": "made-up"}')
    pl.DataFrame({"user_id": [f"A{n:012d}" for n in range(users)]}).write_parquet(run.path / "made/data/users.parquet")
    return run


def rows(users: np.ndarray, items: int, draw: np.random.Generator) -> Iterator[Row]:
    """Made-up lists of some users."""
    scores = -np.sort(draw.gamma(2.0, 2.0, (len(users), items)).astype(np.float32), axis=1)
    numbers = draw.integers(0, CATALOGUE, (len(users), items), dtype=np.int32)
    marks = draw.integers(0, 1 << 62, len(users))
    for place, user in enumerate(users.tolist()):
        yield user, int(marks[place]), 8, pack(numbers[place], scores[place])


def store(count: int, items: int, calls: int) -> bool:
    """Print the figures of the file; whether both bars hold."""
    draw = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        run = made_up_run(Path(folder), count)
        question, source = ListQuestion(min(items, 20)), ListSource.of(run)
        with ListDatabase(run.path / CACHE_FILE) as base:
            number = base.begin(question, source, items)
            packed = [list(rows(np.arange(n, min(n + BATCH, count)), items, draw)) for n in range(0, count, BATCH)]
            began = time.perf_counter()
            for batch in packed:
                base.load(number, batch)
            base.swap(number, 0.0)
            loaded = time.perf_counter() - began
            size = base.nbytes() / count
            print(f"{count:,} lists of {items}: {size:.0f} bytes a user, loaded {count / loaded:,.0f} users a second")
        began = time.perf_counter()
        with CachedLists(run) as cache:
            print(f"opened in {time.perf_counter() - began:.2f} s")
            spent, work = [], []
            for user in draw.integers(0, count, calls):
                began, used = time.perf_counter(), time.thread_time()
                found = cache.get(f"A{user:012d}", question)
                work.append((time.thread_time() - used) * 1e6)
                spent.append((time.perf_counter() - began) * 1e6)
                assert found.state == "fresh"
            p50, p99 = np.percentile(spent, [50, 99])
            print(f"look-up of {calls:,} users: p50 {p50:.0f}, p99 {p99:.0f}, worst {max(spent):.0f} microseconds")
            p50, own = np.percentile(work, [50, 99])
            print(f"of the processor, which other programs do not lengthen: p50 {p50:.0f}, p99 {own:.0f}")
            changed = np.sort(draw.choice(count, count // 100, replace=False))
            began = time.perf_counter()
            cache.database.set_histories((int(user), 1, b"\1\0\0\0") for user in changed)
            pending = cache.database.pending(number)
            told = time.perf_counter() - began
            fresh = list(rows(np.array(pending), items, draw))
            began = time.perf_counter()
            cache.database.refresh({number: fresh})
            swapped = time.perf_counter() - began
            print(
                f"refresh of {len(pending):,} users: {told:.2f} s to mark and find, {swapped:.2f} s to swap their lists"
            )
    return size <= BYTES and float(own) <= MICROSECONDS and len(pending) == count // 100


def by_model(run: Path, limit: int) -> dict[str, Any]:
    """Make a cache by a run's model, of all users or so many drawn ones; its figures."""
    from core.recommend.cache.list_jobs import build_cache

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "runs" / run.name
        copy.mkdir(parents=True)
        for entry in run.iterdir():
            if entry.name not in (CACHE_FILE, f"{CACHE_FILE}-wal", f"{CACHE_FILE}-shm"):
                (copy / entry.name).symlink_to(entry.resolve())
        (copy.parent / ".store").symlink_to((run.parent / ".store").resolve())
        if limit:
            from core.recommend.cache import list_jobs

            whole = list_jobs.everybody

            def some(*given: object) -> object:
                users, histories = whole(*given)  # type: ignore[arg-type]
                chosen = np.sort(np.random.default_rng(0).permutation(len(users))[:limit])
                return users[chosen], histories.take(chosen)

            list_jobs.everybody = some  # type: ignore[assignment]
        return build_cache(copy, {"hide_seen": True}, print, lambda text: None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--run", type=Path, help="a trained run: its users by its model instead")
    parser.add_argument("--limit", type=int, default=0, help="with --run: only so many users")
    given = parser.parse_args()
    if given.run:
        print(by_model(given.run.resolve(), given.limit))
    else:
        raise SystemExit(0 if store(given.users, given.items, given.calls) else 1)
