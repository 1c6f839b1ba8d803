"""How fast a long run opens, and whether memory stays flat behind it: `python tests/benchmarks/terminal/long_run.py`.

Opening is what a viewer does: a Follower reads the whole story in pieces of 1 MiB, as the app does, until it is live.
Beside it stands the time of `json.loads` alone over the same lines in the same process; the bar is 1 s for 200,000
events. Before that a run of 1,000,000 events is read, memory measured on the way, and one event appended at its end.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from core.run.folder import RunFolder
from core.run.follow import Follower

CHUNK = 1 << 20
START = 1_790_000_000.0
TASKS = ("next item", "title", "distil")


def story(count: int, seed: int = 1) -> Iterator[bytes]:
    """The lines of a run with `count` events, mixed as a training tells them: 50 a second."""
    rng = random.Random(seed)
    events = _happenings(rng, count)
    for seq in range(1, count + 1):
        kind, data = next(events)
        head = {"v": 1, "seq": seq, "ts": round(START + seq / 50, 3), "kind": kind}
        yield json.dumps({**head, **data}).encode() + b"\n"


def _happenings(rng: random.Random, count: int) -> Iterator[tuple[str, dict[str, object]]]:
    yield "run.started", {"run": "long", "resumed": False, "pid": 1}
    yield "stage.started", {"stage": "tune", "fingerprint": "f1"}
    step = 0
    while True:
        step += 1
        yield "progress", {"task": "tune", "done": step, "total": count // 2, "unit": "steps"}
        losses = {f"loss/{task}": rng.random() for task in TASKS}
        speed = {"tokens_per_second": 9000 * rng.random(), "gradient_norm": rng.random()}
        values = {"loss": sum(losses.values()), **losses, "learning_rate": 1e-3 * rng.random(), **speed}
        yield "metric", {"step": step, "values": values}
        if step % 10 == 0:
            load = {"cpu_percent": 180.5, "memory_mb": 2048.5 + rng.random(), "threads": 14.0, "disk_free_mb": 75000.2}
            yield "system", {"values": load}
            yield "log", {"text": f"step {step}: “naïve” readers 界"}
        if step % 200 == 0:
            yield "eval", {"step": step, "split": "valid", "values": {"ndcg@10": rng.random(), "recall@10": 0.1}}
            yield "checkpoint", {"path": f"checkpoints/step-{step}", "step": step, "best": False}


def open_run(folder: RunFolder) -> Follower:
    """A follower that has read everything."""
    follower = Follower(folder)
    follower.poll(CHUNK)
    while follower.behind:
        follower.poll(CHUNK)
    return follower


def measure_opening(folder: RunFolder, count: int, rounds: int) -> dict[str, object]:
    """Seconds to open the run, beside json.loads over its lines."""
    lines = list(story(count))
    folder.events_path.write_bytes(b"".join(lines))
    plain, ours, live = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        for line in lines:
            json.loads(line)
        plain.append(time.perf_counter() - began)
        began = time.perf_counter()
        follower = open_run(folder)
        ours.append(time.perf_counter() - began)
        assert (follower.state.last_seq, follower.state.missing, follower.bad_lines) == (count, 0, 0)
        began = time.perf_counter()
        assert not follower.poll(CHUNK)
        live.append(time.perf_counter() - began)
    one, two = statistics.median(plain), statistics.median(ours)
    return {
        "events": count,
        "mb": round(folder.events_path.stat().st_size / 2**20, 1),
        "json_s": round(one, 3),
        "open_s": round(two, 3),
        "ratio": round(two / one, 2),
        "idle_poll_ms": round(1000 * statistics.median(live), 3),
    }


def measure_memory(folder: RunFolder, count: int) -> dict[str, object]:
    """Memory of this process along a longer run, and whether an event behind its end is seen at once."""
    with folder.events_path.open("wb") as file:
        file.writelines(story(count))
    marks, me = [count // 4, count // 2, count], psutil.Process()
    follower, memory = Follower(folder), {"0": round(me.memory_info().rss / 2**20, 1)}
    while marks:
        follower.poll(CHUNK)
        if follower.state.last_seq >= marks[0]:
            memory[f"{marks.pop(0):,}"] = round(me.memory_info().rss / 2**20, 1)
    line = {"v": 1, "seq": count + 1, "ts": START, "kind": "log", "text": "and one more"}
    with folder.events_path.open("ab") as file:
        file.write(json.dumps(line).encode() + b"\n")
    began = time.perf_counter()
    seen = follower.poll(CHUNK) and follower.state.logs[-1][1] == "and one more"
    took = round(1000 * (time.perf_counter() - began), 3)
    return {"rss_mb_after": memory, "append_seen_at_next_poll": seen, "append_poll_ms": took}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--long", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as runs:
        run = RunFolder.create(Path(runs), "", "long")
        memory = measure_memory(run, arguments.long)  # first, in a process that held nothing large before
        print(json.dumps({**measure_opening(run, arguments.events, arguments.rounds), **memory}))
