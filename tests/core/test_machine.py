"""Threads as the project says, on every system."""

from __future__ import annotations

import os

import pytest
import torch

from core import processors
from core.machine import prepare
from core.processors import available_cpus
from core.settings import RunSettings


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What torch is asked for; nothing of this process changes."""
    asked: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", asked.append)
    monkeypatch.delenv(processors.ALLOWED, raising=False)
    monkeypatch.setattr(torch, "set_deterministic_debug_mode", lambda *a, **k: None)
    return asked


def test_the_setting_is_obeyed_where_the_system_tells_no_affinity(
    monkeypatch: pytest.MonkeyPatch, threads: list[int]
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    prepare(RunSettings(threads=3))
    prepare(RunSettings(threads=0))
    assert threads == [3, 7]
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cpus() == 1


def test_the_setting_wins_over_the_affinity(monkeypatch: pytest.MonkeyPatch, threads: list[int]) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3, 4}, raising=False)
    prepare(RunSettings(threads=2))
    prepare(RunSettings(threads=0))
    assert threads == [2, 5]
