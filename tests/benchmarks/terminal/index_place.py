"""The Index place over a million items at 80x24.

    python -m tests.benchmarks.terminal.index_place [--items N] [--folder F]

Makes an index (codes, branches with words, 40,000 conflict groups; one branch alone holds a tenth of the items), opens
it in the real app without a terminal and presses keys. A key counts from the moment it is handed to Textual until the
first frame drawn after its effect is there: the cursor moved, the branch is open, the items that were searched for are
listed, the item's code and siblings are shown. Bar: p99 at most 100 ms for every kind of key. With `--folder` what was
made is kept for the next time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
from textual import events

sys.path.insert(0, str(Path(__file__).parents[3]))

from core.jobs.start import create_run
from core.project import Project
from eagertui.places.index.item import FindItemScreen
from eagertui.places.index.screen import IndexScreen
from tests.benchmarks.terminal.responsiveness import OurApp
from tests.eagertui.index_tools import write_index

WIDTHS = (256, 256, 256, 256)
WORDS = [
    *("nail", "polish", "shampoo", "curl", "brush", "cream", "lotion", "gel", "matte", "organic", "serum", "mask"),
    *("balm", "tint", "toner", "scrub", "oil", "salt"),
]
FAKE = [sys.executable, str(Path(__file__).parents[2] / "fake_engine.py")]
PATIENCE = 20.0
STILL = 1.0
"""Seconds after a key's action without a frame from which on it counts as one that changes nothing."""


def codes(items: int) -> npt.NDArray[np.int32]:
    """Different codes; a tenth of the items share the first three of them as far as there is room."""
    random = np.random.default_rng(0)
    share = (random.random((items * 2, 4)) ** 1.3 * 256).astype(np.int64)
    share[: items // 10, :1] = 7
    keys = np.unique(share @ np.array([1 << 24, 1 << 16, 1 << 8, 1]))
    keys = random.permutation(keys)[:items]
    return np.stack([keys >> shift & 255 for shift in (24, 16, 8, 0)], axis=1).astype(np.int32)


def make(folder: Path, items: int) -> Path:
    """A project with a run that has such an index."""
    shop = folder / "shop"
    shop.mkdir(parents=True, exist_ok=True)
    (shop / "project.toml").write_text('name = "shop"\n[data]\ninteractions = "logs.csv"\n')
    random = np.random.default_rng(1)
    run = create_run(Project.load(shop))
    store = shop / "runs" / ".store"
    if not (store / "index" / "report.json").is_file():
        words = np.array(WORDS)
        picked = random.integers(0, len(WORDS), (items, 6))
        titles = [" ".join(row) + f" {n}" for n, row in enumerate(words[picked].tolist())]
        shared = random.permutation(items)[: items // 8]
        groups = [shared[at : at + 2 + at // 2 % 2].tolist() for at in range(0, len(shared) - 3, 3)]
        names = [[WORDS[n % 18], WORDS[n * 5 % 17], WORDS[n * 7 % 13]] for n in range(997)]
        sources = ("semantic", "semantic", "behavior", "behavior")
        write_index(store / "index", store / "data", codes(items), [f"B{n:09}" for n in range(items)], titles, WIDTHS,
                    sources, names, groups)  # fmt: skip
    for stage in ("index", "data"):
        (run.path / "stages").mkdir(exist_ok=True)
        note = {"stage": stage, "artefact": f"../.store/{stage}"}
        (run.path / "stages" / f"{stage}.json").write_text(json.dumps(note))
    return shop


class Hand:
    """Presses keys and looks at the clock."""

    def __init__(self, app: OurApp) -> None:
        self.app = app
        self.taken: dict[str, list[float]] = {}
        self.still: dict[str, int] = {}

    async def press(self, kind: str, key: str, there: Callable[[], object] | None = None) -> None:
        """Press a key and wait for the frame that shows its effect."""
        app, begun = self.app, time.monotonic()
        assert app._driver is not None
        event = events.Key(key, " " if key == "space" else key if len(key) == 1 else None)
        event.set_sender(app)
        app._driver.send_message(event)
        seen = 0.0
        while True:
            now = time.monotonic()
            if now - begun > PATIENCE:
                raise SystemExit(f"{kind}: key {key} had no effect")
            if seen and now - seen > STILL:
                if there is None:  # such as up on the first row
                    self.still[kind] = self.still.get(kind, 0) + 1
                else:  # such as a letter more that finds the same items: it was drawn before they were known
                    self.taken.setdefault(kind, []).append(seen - begun)
                return
            if not seen and (begun < app.acted if there is None else there()):
                seen = app.acted if there is None else now
            if seen and app.drawn >= seen:
                break
            await asyncio.sleep(0.0005)
        self.taken.setdefault(kind, []).append(app.drawn - begun)
        await asyncio.sleep(0.02)


async def until(there: Callable[[], object]) -> float:
    """Seconds until something is there."""
    began = time.monotonic()
    while not there():
        await asyncio.sleep(0.005)
        if time.monotonic() - began > 120:
            raise SystemExit("it did not appear")
    return time.monotonic() - began


async def measure(shop: Path, presses: int) -> dict[str, object]:
    """Press everything; figures in milliseconds."""
    app = OurApp(shop, "home", engine=FAKE)
    app.animation_level = "none"
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(lambda: app.runs_read)
        await pilot.pause(1.5)  # the other screens are loaded meanwhile, as in a person's hands
        began = time.monotonic()
        await pilot.press("3")
        screen = app.screen
        assert isinstance(screen, IndexScreen)
        await until(lambda: screen.opened is not None)
        opening = time.monotonic() - began
        await pilot.pause(0.5)
        gc.freeze()
        hand, tree = Hand(app), screen.codes
        await browse(hand, screen, presses)
        await look_up(hand, screen, presses)
        await conflicts(hand, screen, presses)
        rows = tree.height
    kinds = {
        kind: {
            "p50": round(statistics.median(times) * 1e3, 1),
            "p99": round(sorted(times)[math.ceil(len(times) * 0.99) - 1] * 1e3, 1),
            "most": round(max(times) * 1e3, 1),
            "keys": len(times),
        }
        for kind, times in hand.taken.items()
    }
    worst = max(one["p99"] for one in kinds.values())
    memory = round(psutil.Process().memory_info().rss / 2**20)
    return {
        "opening_s": round(opening, 2),
        "kinds_ms": kinds,
        "changed_nothing": hand.still,
        "rows_open": rows,
        "memory_mb": memory,
        "bar": "p99 <= 100 ms",
        "met": worst <= 100,
    }


def listed(app: OurApp, text: str) -> bool:
    """Whether the items that a text finds are listed."""
    return isinstance(app.screen, FindItemScreen) and app.screen.searched == text


async def browse(hand: Hand, screen: IndexScreen, presses: int) -> None:
    """The tree: branch by branch, page by page, and through the largest branch to its items."""
    tree = screen.codes
    for _ in range(presses):
        await hand.press("down", "down")
    for _ in range(presses):
        await hand.press("page down", "pagedown")
        await hand.press("up", "up")
    await hand.press("home", "home")
    for _ in range(presses):
        await hand.press("down", "down")
        spot = tree.spot
        if spot is not None and spot.item < 0:
            await hand.press("expand", "right")
    for _ in range(presses):
        await hand.press("page down, open", "pagedown")
    await hand.press("end", "end")
    for _ in range(presses // 4):
        await hand.press("collapse or parent", "left")
        await hand.press("up", "up")


async def look_up(hand: Hand, screen: IndexScreen, presses: int) -> None:
    """Search titles and ids, open what was found, and go on to a sibling."""
    app = hand.app
    for number in range(max(4, presses // 8)):
        await hand.press("find: open", "slash", lambda: app.focused is not None and app.focused.id == "finder-text")
        typed = ""
        for sign in f"{WORDS[number % 18]} {WORDS[number * 7 % 17]}":
            typed += sign
            await hand.press("find: type", "space" if sign == " " else sign, partial(listed, app, typed.strip()))
        await hand.press("item", "enter", lambda: getattr(app.screen, "shown", None) is not None)
        await hand.press("item: back", "escape", lambda: app.screen is screen)
    for _ in range(max(4, presses // 8)):
        await hand.press("items of a branch", "i", lambda: app.screen.query("#items"))
        await hand.press("items: page down", "pagedown")
        await hand.press("items: end", "end")
        await hand.press("items: back", "escape", lambda: app.screen is screen)
        await hand.press("home", "home")


async def conflicts(hand: Hand, screen: IndexScreen, presses: int) -> None:
    """The conflicts, and a group of them; then the report."""
    app = hand.app
    await hand.press("view: conflicts", "v", lambda: screen.has_class("-conflicts") and app.focused)
    for _ in range(presses):
        await hand.press("conflicts: page down", "pagedown")
    for _ in range(max(4, presses // 8)):
        await hand.press("conflict: open", "enter", lambda: app.screen.query("#items"))
        await hand.press("conflict: back", "escape", lambda: app.screen is screen)
        await hand.press("conflicts: down", "down")
    for _ in range(4):
        for view in ("report", "tree", "conflicts"):
            await hand.press(f"view: {view}", "v", partial(screen.has_class, f"-{view}"))


def main() -> None:
    """Make, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--presses", type=int, default=60)
    parser.add_argument("--folder", type=Path, help="keep the index here")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = asyncio.run(measure(make(folder.absolute(), args.items), args.presses))
    if args.json:
        print(json.dumps(found))
        return
    print(f"{args.items:,} items at 80x24; opened in {found['opening_s']} s, {found['memory_mb']:,} MB")
    print(f"{'milliseconds':24}{'p50':>8}{'p99':>8}{'most':>8}{'keys':>6}")
    for kind, one in found["kinds_ms"].items():  # type: ignore[attr-defined]
        print(f"{kind:24}{one['p50']:8.1f}{one['p99']:8.1f}{one['most']:8.1f}{one['keys']:6}")
    print(f"keys that changed nothing: {found['changed_nothing'] or 'none'}")
    print(f"bar: {found['bar']}: {'met' if found['met'] else 'missed'}")


if __name__ == "__main__":
    main()
