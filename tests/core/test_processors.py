"""Beside other programs: on how many processors, on which, and that nothing else changes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.processors import ALLOWED, CALM, Crowd, Use, available_cpus, chosen, free_shares

ALL = frozenset({0, 1})


def use(busy: dict[int, float], own: float, at: float = 1.0) -> Use:
    return Use(busy, own, at)


@pytest.mark.parametrize(
    ("busy", "own", "mine", "free"),
    [
        ({0: 0.0, 1: 0.0}, 0.0, ALL, {0: 1.0, 1: 1.0}),  # nobody computes
        ({0: 1.0, 1: 1.0}, 2.0, ALL, {0: 1.0, 1: 1.0}),  # this process alone
        ({0: 1.0, 1: 1.0}, 1.0, ALL, {0: 0.5, 1: 0.5}),  # two others beside its two threads
        ({0: 1.0, 1: 1.0}, 1.0, frozenset({1}), {0: 0.0, 1: 1.0}),  # they have gone to the other processor
        ({0: 1.0, 1: 0.0}, 0.5, frozenset({0}), {0: 0.5, 1: 1.0}),  # another one came to the same processor
    ],
)
def test_what_others_leave(busy: dict[int, float], own: float, mine: frozenset[int], free: dict[int, float]) -> None:
    nothing = use({0: 0.0, 1: 0.0}, 0.0, 0.0)
    assert free_shares(nothing, use(busy, own), mine, ALL) == pytest.approx(free)


@pytest.mark.parametrize(
    ("free", "threads", "mine", "wanted"),
    [
        ({0: 1.0, 1: 1.0}, 2, ALL, ALL),
        ({0: 0.8, 1: 0.8}, 2, ALL, ALL),  # a desktop
        ({0: 0.5, 1: 0.5}, 2, ALL, frozenset({0})),
        ({0: 0.0, 1: 1.0}, 2, frozenset({1}), frozenset({1})),
        ({0: 0.5, 1: 1.0}, 2, frozenset({0}), frozenset({1})),  # where more is free
        ({0: 0.5, 1: 0.6}, 2, frozenset({0}), frozenset({0})),  # but not for a little more
        ({0: 0.5, 1: 0.5}, 1, ALL, ALL),  # one thread waits for nobody
        ({0: 0.1, 1: 0.1}, 2, ALL, frozenset({0})),  # at least one
        ({0: 0.1}, 2, frozenset({0}), frozenset({0})),
        (dict.fromkeys(range(8), 0.5), 8, frozenset(range(8)), frozenset(range(4))),
    ],
)
def test_where_to_be(free: dict[int, float], threads: int, mine: frozenset[int], wanted: frozenset[int]) -> None:
    assert chosen(free, threads, mine) == wanted


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    """A watch of this very process, asked by hand; all is as before afterwards."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("this system has one processor, or does not say on which a process may be")
    before = os.sched_getaffinity(0)
    monkeypatch.setenv(ALLOWED, "")
    one = Crowd()
    one.threads = len(one.allowed)
    yield one
    quiet(one)
    assert os.sched_getaffinity(0) == before


def quiet(crowd: Crowd) -> None:
    for _ in range(CALM):
        crowd.look(use(dict.fromkeys(crowd.allowed, 0.0), 0.0, 0.0), use(dict.fromkeys(crowd.allowed, 0.0), 0.0))


def crowded(crowd: Crowd) -> None:
    busy = dict.fromkeys(crowd.allowed, 1.0)
    crowd.look(use(dict.fromkeys(busy, 0.0), 0.0, 0.0), use(busy, len(busy) / 2))


def test_fewer_processors_while_others_compute_and_the_same_sums(crowd: Crowd) -> None:
    numbers = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0))
    before = numbers.sum()
    crowded(crowd)
    half = round(len(crowd.allowed) / 2)
    tasks = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    assert all(len(os.sched_getaffinity(task)) == half for task in tasks)
    assert available_cpus() == len(crowd.allowed)  # what is read from it, as the number of threads, stays
    assert numbers.sum() == before  # to the last bit
    assert any(thread.name.startswith("idle-") for thread in threading.enumerate())


def test_all_processors_again_once_it_has_been_quiet_for_a_while(crowd: Crowd) -> None:
    crowded(crowd)
    fewer = os.sched_getaffinity(0)
    nothing = use(dict.fromkeys(crowd.allowed, 0.0), 0.0, 0.0)
    for _ in range(CALM - 1):
        crowd.look(nothing, use(dict.fromkeys(crowd.allowed, 0.0), 0.0))
        assert os.sched_getaffinity(0) == fewer
    crowd.look(nothing, use(dict.fromkeys(crowd.allowed, 0.0), 0.0))
    assert os.sched_getaffinity(0) == set(crowd.allowed)
    end = time.monotonic() + 10
    while any(thread.name.startswith("idle-") for thread in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_readings_are_the_systems(crowd: Crowd) -> None:
    before = Use.now()
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    now = Use.now()
    assert now.own - before.own >= 0.2
    assert sum(now.busy.values()) - sum(before.busy.values()) >= 0.1
    assert crowd.allowed <= set(now.busy)
