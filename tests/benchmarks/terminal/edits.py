"""What-if edits in Explore: how soon the list answers, and the keys meanwhile.

    python -m tests.benchmarks.terminal.edits PROJECT [--edits 100] [--train]

An item is taken out of a user's history and put back again, with ten keys (down) after each edit while the list is
computed. An edit counts from the question to the list on the screen; beside it stands the serving process's processor
time, which says more where other programs keep the machine busy. A key counts as in responsiveness.py. Bars: an edit
150 ms (p99) on Beauty by `light` while nothing else runs; a key 50 ms (p99), also with `--train`, beside a real
training of the sample.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil

from core.jobs.start import create_run
from core.project import Project
from core.run import launch
from core.run.listing import find_run
from eagertui.cli.create_project import copy_sample
from eagertui.places.explore.screen import ExploreScreen
from eagertui.widgets.row_list import RowList
from tests.benchmarks.terminal.responsiveness import OurApp, press

KEYS = 10
PATIENCE = 60.0


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and most, in milliseconds."""
    median, slow = np.percentile(seconds, [50, 99]) * 1e3
    shown = {"median_ms": median, "p99_ms": slow, "most_ms": max(seconds) * 1e3}
    return {name: round(float(value), 1) for name, value in shown.items()}


async def until(predicate: Any, pause: float = 0.05) -> None:
    """Wait for something."""
    end = time.monotonic() + PATIENCE * 5
    while not predicate():
        if time.monotonic() > end:
            raise SystemExit("it did not happen")
        await asyncio.sleep(pause)


async def measure(project: Path, edits: int) -> dict[str, Any]:
    """Make the edits, and press keys while they are answered."""
    data = find_run(Project.load(project).runs_dir).artefact("data")
    users = pl.read_parquet(data / "users.parquet").sort("interactions", descending=True)
    app = OurApp(project, "explore", user=users["user_id"][len(users) // 10])  # a long history, not the longest
    answers, work, keys, unseen = [], [], [], 0
    async with app.run_test(size=(80, 24), notifications=True):
        await until(lambda: isinstance(app.screen, ExploreScreen) and app.serving is not None and app.serving.ready)
        screen = app.screen
        assert isinstance(screen, ExploreScreen) and app.serving is not None
        await until(lambda: screen.has_class("-answered"))
        screen.query_one("#items", RowList).focus()
        child = psutil.Process(app.serving.pid)
        for number in range(edits):
            await asyncio.sleep(0.2)
            before, spent = screen.answer, sum(child.cpu_times()[:2])
            question, began = screen.question, time.perf_counter()
            assert question is not None
            if number % 2:
                screen.action_undo()
            else:
                screen.edit(question.dropped(screen.history, number // 2 % len(screen.history)))

            async def answered(before: object = before, began: float = began, spent: float = spent) -> None:
                await until(lambda: screen.answer is not before, 0.001)
                answers.append(time.perf_counter() - began)
                work.append(sum(child.cpu_times()[:2]) - spent)

            waiting = asyncio.create_task(answered())
            for _ in range(KEYS):
                took = await press(app, "down")
                if took is None:
                    unseen += 1
                else:
                    keys.append(took)
                await asyncio.sleep(0.01)
            await waiting
        await app.serving.close()
    return {
        "edits": {**percentiles(answers), "bar_ms": 150}, "processor_time": percentiles(work),
        "keys": {**percentiles(keys), "count": len(keys), "without_a_frame": unseen, "bar_ms": 50},
    }  # fmt: skip


@contextlib.contextmanager
def training(folder: Path) -> Iterator[None]:
    """A real training of the sample meanwhile."""
    run = create_run(Project.load(copy_sample(folder / "bookshop")))
    launch.launch(run)
    try:
        while run.status().task in ("", "data"):
            time.sleep(0.2)
        yield
    finally:
        launch.kill(run)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--train", action="store_true", help="beside a real training")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, training(Path(name)) if options.train else contextlib.nullcontext():
        print(json.dumps(asyncio.run(measure(options.project, options.edits)), indent=1))


if __name__ == "__main__":
    main()
