"""What a serving process did: requests by method, failures by kind, how long answers took."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import Any

import numpy as np
import psutil

KEPT = 2000
"""Newest answers of a method whose seconds are kept."""


class ServerStats:
    """Counters that several threads share."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._came: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._seconds: dict[str, deque[float]] = {}

    def came(self, method: str) -> None:
        """A request of a method came."""
        with self._lock:
            self._came[method] += 1

    def failed(self, kind: str) -> None:
        """A request failed."""
        with self._lock:
            self._failed[kind] += 1

    def answered(self, method: str, seconds: float) -> None:
        """A request was answered after so many seconds of work."""
        with self._lock:
            self._seconds.setdefault(method, deque(maxlen=KEPT)).append(seconds)

    def figures(self, waiting: int) -> dict[str, Any]:
        """All of it as JSON values: milliseconds of the newest `KEPT` answers, memory in MB."""
        with self._lock:
            spent = {method: np.array(seconds) for method, seconds in self._seconds.items()}
            came, failed = dict(self._came), dict(self._failed)
        return {
            "seconds": round(time.monotonic() - self._began, 3),
            "memory_mb": round(psutil.Process().memory_info().rss / 1e6, 1),
            "waiting": waiting,
            "requests": came,
            "failures": failed,
            "milliseconds": {
                method: {f"p{p}": round(float(np.percentile(values, p)) * 1e3, 3) for p in (50, 95, 99)}
                for method, values in spent.items()
            },
        }
