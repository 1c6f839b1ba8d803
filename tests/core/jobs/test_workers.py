"""The other processes of a run: one that fails ends the wait of all."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from core.jobs import workers


def test_one_that_fails_is_no_reason_to_wait(capfd: pytest.CaptureFixture[str]) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"]) as child, workers._watched([child]):
            end = time.monotonic() + 30
            while not heard and time.monotonic() < end:
                time.sleep(0.05)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] and "ended with code 7" in capfd.readouterr().err


def test_those_that_finish_are(capfd: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child, workers._watched([child]):
        child.wait()
        time.sleep(1.2)
    assert capfd.readouterr().err == ""
