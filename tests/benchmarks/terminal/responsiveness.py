"""From a key to the screen while the machine trains.

    python tests/benchmarks/terminal/responsiveness.py [--keys N] [--quiet]

A real training of the sample keeps every core busy and a second run writes 50 events a second, which the app watches
live. A key counts from the moment it is handed to Textual until the first frame that is drawn after its action ran,
rendered to escape sequences as for a terminal. Bar: p99 at most 50 ms. The reference in the same run is an app without
any of our widgets, whose one label changes at every key. `--quiet` leaves the trainings out.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textual import events
from textual._compositor import CompositorUpdate
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Static

import eagertui
from core.jobs.start import create_run
from core.project import Project
from core.run import launch
from core.run.folder import RunFolder
from eagertui.app import EagerApp
from eagertui.cli.create_project import copy_sample

FAKE = Path(__file__).parents[2] / "fake_engine.py"
KEYS = (
    *("m", "y", "s", "plus", "plus", "minus", "0", "tab", "tab", "o", "o", "space", "space", "y", "s", "s", "s"),
    *("1", "3", "6", "4", "question_mark", "escape"),
)
"""Every one of them changes the screen: a key without an effect would be credited with the next live frame."""


class Stopwatch(App[None]):
    """Notes when the action of a key has run, and when a frame was drawn."""

    acted = 0.0
    drawn = 0.0

    async def run_action(self, *args: Any, **kwargs: Any) -> bool:
        """Run the action and note the time."""
        done = await super().run_action(*args, **kwargs)
        self.acted = time.monotonic()
        return done

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if isinstance(renderable, CompositorUpdate) and screen is self.screen and not self._batch_count:
            renderable.render_segments(self.console)  # as for a terminal
            self.drawn = time.monotonic()


class OurApp(Stopwatch, EagerApp):
    """EagerTUI under the watch."""

    CSS_PATH = Path(eagertui.__file__).with_name("app.tcss")


class EmptyApp(Stopwatch):
    """The least that an app can do for a key."""

    BINDINGS = [Binding("m", "change")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Static("0")

    def action_change(self) -> None:
        label = self.query_one(Static)
        label.update(str(int(str(label.content)) + 1))


async def press(app: Stopwatch, key: str, wait: float = 1.0) -> float | None:
    """Seconds from a key to the frame with its effect; None where no frame came."""
    assert app._driver is not None
    sent = time.monotonic()
    event = events.Key(key, key if len(key) == 1 else None)
    event.set_sender(app)
    app._driver.send_message(event)
    while time.monotonic() - sent < wait:
        if sent < app.acted <= app.drawn:
            return app.drawn - sent
        await asyncio.sleep(0.0005)
    return None


def figures(seconds: list[float]) -> dict[str, float]:
    """Median, p99 and most, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100)
    return {
        "median_ms": round(cuts[49] * 1e3, 1),
        "p99_ms": round(cuts[98] * 1e3, 1),
        "most_ms": round(max(seconds) * 1e3, 1),
    }


async def measure(shop: Path, keys: int) -> dict[str, Any]:
    """Press keys in both apps."""
    reference = []
    empty = EmptyApp()
    async with empty.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for _ in range(200):
            took = await press(empty, "m")
            reference += [took] if took else []
            await asyncio.sleep(0.01)
    app = OurApp(shop, "train")
    taken: dict[str, list[float]] = {}
    unseen = 0
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        while app.follower is None or len(app.follower.state.series) < 1:
            await pilot.pause(0.05)
        await pilot.press("4")
        for number in range(keys):
            key = KEYS[number % len(KEYS)]
            took = await press(app, key)
            if took is None:
                unseen += 1
            else:
                taken.setdefault(key, []).append(took)
            await asyncio.sleep(0.05)
        seen = app.follower.state.last_seq
    every = [took for times in taken.values() for took in times]
    p90 = {key: round(statistics.quantiles(times, n=10)[8] * 1e3, 1) for key, times in taken.items() if len(times) > 1}
    worst = {key: round(max(times) * 1e3, 1) for key, times in sorted(taken.items(), key=lambda kv: -max(kv[1]))[:5]}
    ours, theirs = figures(every), figures(reference)
    return {
        "keys": len(every), "without_a_frame": unseen, "eagertui": ours, "empty_app": theirs,
        "ratio_p99": round(ours["p99_ms"] / theirs["p99_ms"], 2), "slowest_keys_ms": worst, "p90_ms": p90,
        "events_seen": seen,
        "bar": "p99 <= 50 ms", "met": ours["p99_ms"] <= 50,
    }  # fmt: skip


@contextlib.contextmanager
def at_work(folder: Path, quiet: bool) -> Iterator[Path]:
    """The project whose scripted run writes 50 events a second, and a real training beside it."""
    shop = folder / "shop"
    shop.mkdir()
    (shop / "project.toml").write_text('name = "shop"\n[data]\ninteractions = "logs.csv"\n')
    watched = create_run(Project.load(shop))
    launch.launch(watched, command=[sys.executable, str(FAKE), "--steps", "1000000", "--tick", "0.019"])
    runs: list[RunFolder] = [watched]
    try:
        if not quiet:
            trained = create_run(Project.load(copy_sample(folder / "bookshop")))
            launch.launch(trained)
            runs.append(trained)
            while trained.status().task in ("", "data"):  # until it computes
                time.sleep(0.2)
        time.sleep(10)  # some history in the curves
        yield shop
    finally:
        for run in runs:
            launch.kill(run)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=500)
    parser.add_argument("--quiet", action="store_true", help="no training beside it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, at_work(Path(name), options.quiet) as project:
        print(json.dumps(asyncio.run(measure(project, options.keys)), indent=1))
