"""The table of five million interactions, on a screen of 120x40.

    python tests/benchmarks/terminal/frame_table.py [--json]

Times are from what a person does to the frame that shows it, through a real app without a terminal. The reference is
Textual's own DataTable with 5,000 of the same rows, painted for the first time in the same process. The bars: first
paint at most 150 ms, page down at most 30 ms, and a filter ends when its text changes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import psutil
from textual.app import App, ComposeResult
from textual.events import Key
from textual.widgets import DataTable

sys.path.insert(0, str(Path(__file__).parents[3]))

from core.data.arrays import Sequences
from eagertui.widgets.table.frame_rows import InteractionRows
from eagertui.widgets.table.frame_table import FrameTable
from eagertui.widgets.table.frame_view import Stopped

USERS, ITEMS, REFERENCE = 200_000, 50_000, 5_000
WORDS = ["nail", "polish", "shampoo", "curl", "brush", "cream", "指甲油", "lotion", "🙂", "gel", "matte", "organic"]
SLOW = "=pos + length(title) > 60 and user like '%7%'"


class WatchedRows(InteractionRows):
    """Remembers when a filter ended early."""

    ended: float = 0.0

    def filtered(self, text: str, stopped: Stopped) -> InteractionRows | None:
        found = super().filtered(text, stopped)
        if found is None:
            WatchedRows.ended = time.perf_counter()
        return found


class Host(App[None]):
    CSS = "FrameTable { border: round $border-blurred; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.highlighted = asyncio.Event()

    def compose(self) -> ComposeResult:
        yield FrameTable()

    def on_frame_table_highlighted(self) -> None:
        self.highlighted.set()

    async def painted(self) -> None:
        """Wait for the frame after what was asked for."""
        done = asyncio.Event()
        self.screen.call_after_refresh(done.set)
        await done.wait()


def synthetic(count: int) -> WatchedRows:
    """Interactions of users with long and short histories, and items with titles of 4 to 16 words."""
    random = np.random.default_rng(0)
    lengths = random.geometric(USERS / count, USERS)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).clip(0, count)
    offsets[-1] = count
    words = np.array(WORDS)
    titles = [" ".join(words[random.integers(0, len(words), random.integers(4, 17))]) for _ in range(ITEMS)]
    items = pl.DataFrame({"item_id": [f"B{i:09}" for i in range(ITEMS)], "title": titles})
    users = pl.Series([f"reader-{i}" for i in range(USERS)])
    numbers = random.integers(0, ITEMS, count).astype(np.int32)
    return WatchedRows(users, items, Sequences(numbers, offsets.astype(np.int64)))


async def measure(count: int, presses: int) -> dict[str, float]:
    """All figures in milliseconds."""
    rows, figures = synthetic(count), {}
    app = Host()
    async with app.run_test(size=(120, 40)) as pilot:
        table = app.query_one(FrameTable)
        table.focus()
        await pilot.pause()

        async def timed(act: Callable[[], object]) -> float:
            app.highlighted.clear()
            began = time.perf_counter()
            act()
            await app.highlighted.wait()
            await app.painted()
            return (time.perf_counter() - began) * 1000

        def press(key: str) -> Callable[[], object]:
            return lambda: app.post_message(Key(key, None))

        figures["first paint"] = await timed(lambda: table.show(rows))
        assert "reader-0" in table.render_line(1).text and f"of {count:,}" in table.status
        used = time.process_time()
        gc.freeze()  # as the application does after its first frames
        pages = sorted([await timed(press("pagedown")) for _ in range(presses)])
        figures["page down, processor time"] = (time.process_time() - used) * 1000 / presses
        figures["page down, median (frames come every 16.7)"] = statistics.median(pages)
        figures["page down, p99"] = pages[int(len(pages) * 0.99) - 1]
        figures["end"] = await timed(press("end"))
        figures["filter, plain text"] = await timed(lambda: table.filter("指甲油 lotion"))
        assert 0 < table.rows.height < count
        figures["filter, condition on items"] = await timed(lambda: table.filter("=title like '%gel matte%'"))
        figures["filter, condition on all columns"] = await timed(lambda: table.filter(SLOW))
        assert 0 < table.rows.height < count
        figures["sort"] = await timed(lambda: table.sort(3))
        await timed(lambda: table.show(rows))
        ended, shown = [], []
        for number, text in enumerate(WORDS[:4]):
            WatchedRows.ended = 0.0
            table.filter(SLOW)
            await asyncio.sleep(0.05 * (number + 1))
            changed = time.perf_counter()
            shown.append(await timed(partial(table.filter, text)))
            assert WatchedRows.ended, "the older filter was not stopped"
            ended.append((WatchedRows.ended - changed) * 1000)
        figures["text changed: old filter ended, slowest of 4"] = max(ended)
        figures["text changed: new rows, slowest of 4"] = max(shown)
    figures["reference: DataTable of 5,000 rows, first paint"] = await reference(rows)
    return figures


async def reference(rows: InteractionRows) -> float:
    """Milliseconds until Textual's own table shows the first 5,000 rows."""
    app = Host()
    async with app.run_test(size=(120, 40)) as pilot:
        table: DataTable[str] = DataTable()
        await app.screen.mount(table)
        await pilot.pause()
        texts = rows.slice(0, REFERENCE)
        began = time.perf_counter()
        table.add_columns(*rows.NAMES)
        table.add_rows(texts)
        await app.painted()
        await app.painted()  # it measures its new rows on the first idle moment
        return (time.perf_counter() - began) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--presses", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = asyncio.run(measure(args.rows, args.presses))
    memory = psutil.Process().memory_info().rss / 2**20
    if args.json:
        print(json.dumps({**figures, "memory": memory}))
        return
    base = list(figures.values())[-1]
    print(f"{args.rows:,} interactions at 120x40\n{'':48}      ms  of the reference")
    for name, value in figures.items():
        print(f"{name:48} {value:7.1f}  {value / base:7.3f}")
    print(f"{'memory':48} {memory:7.0f} MB")


if __name__ == "__main__":
    main()
