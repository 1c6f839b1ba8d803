"""What evidence costs: one list, one list with evidence, and the smallest change, through the warm serving process.

    python tests/benchmarks/engine/explain.py RUN [--users 200] [--changes 50] [--faithfulness]

Users are drawn by a seed. Bars on two quiet cores, Beauty by `light`: p99 of a list 100 ms, with evidence 400 ms, of a
smallest change 2 s. Every second change is asked of the list's first item (out of the list), every other of one that
the list does not hold (into it). Beside the time that the asker waited stands the process's processor time, which says
more where other programs keep the machine busy. With --faithfulness also the deletion test, which is not kept.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from pathlib import Path

import numpy as np
import polars as pl
import psutil

from core.run.folder import RunFolder
from core.serve.client import ServingClient

BARS = {"list": 0.1, "with evidence": 0.4, "smallest change": 2.0}


async def measure(folder: RunFolder, users: int, changes: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of each question, from asking to the answer, and of the serving process's processor time."""
    client = ServingClient(folder, lambda text: None)
    await client.start()
    (child,) = psutil.Process().children()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in BARS}

    def busy() -> float:
        times = child.cpu_times()
        return float(times.user + times.system)

    async def ask(name: str, method: str, **params: object) -> dict[str, object]:
        began, before = time.perf_counter(), busy()
        answer = await client.ask(method, **params)
        seconds[name].append((time.perf_counter() - began, busy() - before))
        return answer

    try:
        names = pl.read_parquet(folder.artefact("data") / "users.parquet")["user_id"].to_list()
        items = pl.read_parquet(folder.artefact("data") / "items.parquet")["item_id"].to_list()
        draw = random.Random(0)
        chosen = draw.sample(names, min(users, len(names)))
        await client.ask("warm")
        await client.ask("explain", user=chosen[0])  # what is loaded once is loaded now
        for number, user in enumerate(chosen):
            answer = await ask("list", "recommend", user=user)
            await ask("with evidence", "explain", user=user)
            if number < changes:
                listed = [one["item_id"] for one in answer["items"]]
                item = listed[0] if number % 2 else draw.choice([one for one in items if one not in listed])
                await ask("smallest change", "smallest_change", user=user, item=item)
    finally:
        await client.close()
    return seconds


def main() -> None:
    """Print median, 99th percentile and worst of each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--faithfulness", action="store_true")
    args = parser.parse_args()
    for name, seconds in asyncio.run(measure(RunFolder(args.run), args.users, args.changes)).items():
        if seconds:
            (median, work), (slow, most) = np.percentile(seconds, [50, 99], axis=0) * 1000
            verdict = "ok" if slow <= BARS[name] * 1000 else f"above {BARS[name] * 1000:.0f}"
            print(f"{name:16} {len(seconds):4} asked, p50 {median:7.1f}, p99 {slow:7.1f} ms  {verdict}; "
                  f"processor time p50 {work:7.1f}, p99 {most:7.1f} ms")  # fmt: skip
    if args.faithfulness:
        from core.evaluate.faithfulness import measure_faithfulness
        from core.recommend.recommender import Recommender
        from core.run.reporter import NullReporter

        figure = measure_faithfulness(Recommender.load(args.run), NullReporter())
        print(f"without the heaviest preference {figure.preference:.3f}, random {figure.random:.3f}, "
              f"newest {figure.newest:.3f}; skipped {figure.skipped}. {figure.sentence()}")  # fmt: skip


if __name__ == "__main__":
    main()
