"""The processors: how many, and beside other programs fewer of them and shorter waits, with the same results.

Threads that share their work wait for each other after every product. Where others want the processors too, one of them
is always off its processor while the rest spin: two threads beside two others take five times as long. The number of
threads decides in which order numbers are added, so it stays; but threads on one processor need not wait for another,
and one of their own is what a fair share of a crowded machine comes to. It is looked at every second, and taken back
when the others have ended. Linux alone tells and does this; elsewhere nothing happens.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PERIOD = 1.0
"""Seconds between two looks."""
SPARE = 0.5
"""Processors that may be missing before anything is done: half of one is what any desktop takes."""
GAIN = 0.25
"""Share of a processor that another one must have free to move there: less is chance."""
CALM = 3
"""Looks without a crowd after which all is as before."""
ALLOWED = "EAGERTUI_CPUS"
"""The processors of this process at its start, for the processes that it starts while it is on fewer."""


def available_cpus() -> int:
    """How many processors this process may use; on systems that do not say so, how many there are."""
    if given := os.environ.get(ALLOWED):
        return given.count(",") + 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Use:
    """Seconds of processor time so far.

    Attributes:
        busy: of each processor, by all programs.
        own: of this process.
        at: the clock.
    """

    busy: dict[int, float]
    own: float
    at: float

    @classmethod
    def now(cls) -> Use:
        """Read the system's counts."""
        tick, busy = os.sysconf("SC_CLK_TCK"), {}
        for line in Path("/proc/stat").read_text().splitlines():
            name, *counts = line.split()
            if name.startswith("cpu") and name != "cpu":
                user, nice, system, _, _, irq, soft = (int(count) for count in counts[:7])
                busy[int(name[3:])] = (user + nice + system + irq + soft) / tick
        return cls(busy, time.process_time(), time.monotonic())


def free_shares(before: Use, now: Use, mine: frozenset[int], allowed: frozenset[int]) -> dict[int, float]:
    """What other programs leave of each allowed processor, 0 to 1.

    Args:
        before: an earlier reading.
        now: the present one.
        mine: the processors that this process was on; its time is taken as spread evenly.
        allowed: those that it may be on.
    """
    seconds = max(1e-6, now.at - before.at)
    own = (now.own - before.own) / seconds / len(mine)
    busy = {cpu: (now.busy.get(cpu, 0.0) - before.busy.get(cpu, 0.0)) / seconds for cpu in allowed}
    return {cpu: min(1.0, max(0.0, 1.0 - share + (own if cpu in mine else 0.0))) for cpu, share in busy.items()}


def chosen(free: dict[int, float], threads: int, mine: frozenset[int]) -> frozenset[int]:
    """The processors to be on: all, or beside a crowd as many as the others leave, where they leave most.

    Args:
        free: as `free_shares`.
        threads: of this process that share their work.
        mine: the processors that it is on now.
    """
    left = sum(free.values())
    count = max(1, math.ceil(left - SPARE))
    if threads < left + SPARE or count >= len(free):
        return frozenset(free)
    stays = GAIN if len(mine) < len(free) else 0.0
    best = sorted(free, key=lambda cpu: (-free[cpu] - (stays if cpu in mine else 0.0), cpu))
    return frozenset(best[:count])


class Crowd(threading.Thread):
    """Watches other programs, and keeps this process on fewer processors while they compute."""

    def __init__(self) -> None:
        super().__init__(name="crowd", daemon=True)
        self.allowed = self.mine = frozenset(os.sched_getaffinity(0))
        os.environ[ALLOWED] = ",".join(map(str, sorted(self.allowed)))
        self.threads = 1
        self._end: threading.Event | None = None
        self._calm = 0

    def run(self) -> None:
        """Look every second."""
        before = Use.now()
        while True:
            time.sleep(PERIOD)
            now = Use.now()
            self.look(before, now)
            before = now

    def look(self, before: Use, now: Use) -> None:
        """Go to fewer processors, or back to all, as the time between two readings was used."""
        wanted = chosen(free_shares(before, now, self.mine, self.allowed), self.threads, self.mine)
        crowded = wanted != self.allowed
        self._calm = 0 if crowded else self._calm + 1
        if wanted == self.mine or (not crowded and self._calm < CALM):
            return
        self.mine = wanted
        for task in Path("/proc/self/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended
                os.sched_setaffinity(int(task.name), wanted)
        if crowded and self._end is None:
            self._end = self._short_waits()
        elif not crowded and self._end is not None:
            self._end.set()
            self._end = None

    def _short_waits(self) -> threading.Event:
        """Let threads sleep at once where they wait for each other, until the event is set.

        libgomp spins only where it has at most as many threads as there are processors. So some are made that do
        nothing: each of these has helpers of its own, as a thread that has computed once.
        """
        end = threading.Event()
        pools = (len(self.allowed) - self.threads) // max(1, self.threads - 1) + 1

        def idle() -> None:
            import torch

            torch.ones(1 << 18).add_(1.0)
            end.wait()

        for number in range(max(1, pools)):
            threading.Thread(target=idle, name=f"idle-{number}", daemon=True).start()
        return end


_crowd: Crowd | None = None


def watch(threads: int) -> None:
    """Watch other programs from now on, for a process whose work is shared by so many threads."""
    global _crowd
    if not (hasattr(os, "sched_setaffinity") and Path("/proc/stat").exists()):
        return
    if _crowd is None:
        if given := os.environ.get(ALLOWED):  # started by a process that may be on fewer at this moment
            with contextlib.suppress(OSError, ValueError):
                os.sched_setaffinity(0, {int(cpu) for cpu in given.split(",")})
        if threads < 2:
            return
        _crowd = Crowd()
        _crowd.start()
    _crowd.threads = threads
