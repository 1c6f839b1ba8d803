"""The scripted engine as a child of the tests, and ways to wait for what it does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.run import launch
from core.run.folder import RunFolder
from core.run.follow import Follower

FAKE = Path(__file__).parents[2] / "fake_engine.py"
FOREVER = ("--steps", "100000")
QUICK = ("--steps", "5", "--tick", "0")


def command(*options: str) -> list[str]:
    """The command line of the scripted engine."""
    return [sys.executable, str(FAKE), *options]


def wait_until(predicate: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not predicate():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def is_alive(folder: RunFolder) -> bool:
    """Whether an engine is at work on the run."""
    launch.reap()
    return folder.status().live


def follow(folder: RunFolder) -> Follower:
    """Look at a run until it is over."""
    follower = Follower(folder)

    def over() -> bool:
        follower.poll()
        launch.reap()
        return follower.over

    wait_until(over)
    launch.reap()
    follower.poll()
    return follower


def at_work(folder: RunFolder) -> Follower:
    """A follower of a run whose engine has begun to train."""
    follower = Follower(folder)
    wait_until(lambda: follower.poll() and follower.state.series)
    return follower
