"""The serving loop under 100,000 mixed requests, with eight threads of the library beside it.

    python -m tests.benchmarks.engine.serving_soak RUN [--requests 100000] [--lists 0.02]

Well-formed, odd and malformed requests go through the real loop over a run, in this process; meanwhile eight threads
ask the same recommender for lists. The bars: exactly one answer a line and none that is an internal fault, memory at
the end within 5 % and 50 MB of what it was after a fifth, and every list of the threads as one thread alone makes it.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from core.serve.methods import LOOKUPS, answer
from core.serve.protocol import MAX_WAITING
from core.serve.served_run import ServedRun
from tests.core.serve.serve_tools import Conversation, request_lines

THREADS, ASKED = 8, 16


class Talk(Conversation):
    """Counts answers by kind, and keeps none."""

    def __init__(self, run: ServedRun) -> None:
        super().__init__(run)
        self.count, self.kinds = 0, Counter[str]()

    def _heard(self, message: dict[str, object]) -> None:
        error = message.get("error")
        with self._more:
            self.count += 1
            self.kinds[str(error["kind"]) if isinstance(error, dict) else "answered"] += 1
            self._more.notify_all()

    def until(self, count: int) -> None:
        """Wait for so many answers."""
        with self._more:
            assert self._more.wait_for(lambda: self.count >= count, 300.0), (self.count, count)


def memory() -> float:
    """Of this process, in MB."""
    return psutil.Process().memory_info().rss / 1e6


def main(path: Path, requests: int, share: float) -> bool:
    """Print the figures; whether every bar holds."""
    run = ServedRun(path, False, print)
    answer(run, "warm", {})
    recommender = run.recommender
    draw = random.Random(0)
    users = [draw.choice(run.users) for _ in range(THREADS * ASKED)]
    histories = [[recommender.history_of(user)[0] for user in users[n::THREADS]] for n in range(THREADS)]
    alone = [recommender.recommend_many(some, None, n % 2 == 0, 10) for n, some in enumerate(histories)]
    over, compared, differ = threading.Event(), Counter[int](), Counter[int]()

    def library(number: int) -> None:
        while not over.is_set():
            items, scores = recommender.recommend_many(histories[number], None, number % 2 == 0, 10)
            compared[number] += len(items)
            same = np.array_equal(items, alone[number][0]) and np.array_equal(scores, alone[number][1])
            differ[number] += not same
            over.wait(1.0)

    threads = [threading.Thread(target=library, args=(n,)) for n in range(THREADS)]
    lookups = (*sorted(LOOKUPS), "cancel", "stats")
    often, lists = request_lines((*lookups, "dance"), 1), request_lines(("recommend", "recommend", "recommend"), 2)
    began, marks = time.perf_counter(), list[float]()
    for thread in threads:
        thread.start()
    with Talk(run) as talk:
        for number in range(requests):
            talk.say(lists() if draw.random() < share else often())
            if number % (MAX_WAITING // 2) == 0:
                talk.until(number + 1)
            if number % (requests // 10) == requests // 10 - 1:
                marks.append(memory())
                print(f"{number + 1:,} requests, {time.perf_counter() - began:.0f} s, {marks[-1]:.0f} MB", flush=True)
        talk.until(requests)
    over.set()
    for thread in threads:
        thread.join()
    print(f"answers: {dict(talk.kinds)}; {requests / (time.perf_counter() - began):,.0f} requests a second")
    print(f"{sum(compared.values()):,} lists by {THREADS} threads, {sum(differ.values())} calls with another answer")
    flat = marks[-1] <= marks[1] * 1.05 + 50
    print(f"memory: {marks[1]:.0f} MB after a fifth, {marks[-1]:.0f} MB at the end")
    return talk.count == requests and flat and not sum(differ.values()) and not talk.kinds["internal"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--lists", type=float, default=0.02, help="share of the requests that ask for a list")
    given = parser.parse_args()
    raise SystemExit(0 if main(given.run.resolve(), given.requests, given.lists) else 1)
