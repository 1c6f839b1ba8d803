"""What a run takes of the machine, and what is left of it."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

LOW_DISK = 1024.0
"""Free megabytes below which a person is warned."""
HIGH_MEMORY = 95.0
"""Per cent of the machine's memory above which a person is warned."""
JUMP = 5.0
"""Seconds that the wall clock may wander between two looks before that counts as a jump."""
MB = 2**20

_CGROUP = Path("/sys/fs/cgroup")


class LoadSampler:
    """Measures the processes of a run and the machine they work on.

    Args:
        folder: a folder on the disk that matters.
        gpus: the graphics cards, where there are any.
        cgroup: where a container's own bound on memory stands.
    """

    def __init__(self, folder: Path, gpus: Gpus | None = None, cgroup: Path = _CGROUP) -> None:
        self.folder, self.gpus, self.cgroup = folder, gpus, cgroup
        self._me = psutil.Process()
        self._at, self._busy = time.monotonic(), _busy(self._tree())
        psutil.cpu_percent()

    def measure(self) -> dict[str, float]:
        """The figures of now; those of the processors are means since the last call."""
        processes = self._tree()
        now, busy = time.monotonic(), _busy(processes)
        share = 100.0 * (busy - self._busy) / max(1e-6, now - self._at)
        self._at, self._busy = now, busy
        values = {
            "cpu_percent": max(0.0, share),
            "memory_mb": _sum(processes, lambda process: process.memory_info().rss) / MB,
            "threads": _sum(processes, lambda process: process.num_threads()),
            "machine_cpu_percent": psutil.cpu_percent(),
            "machine_memory_percent": max(psutil.virtual_memory().percent, self._bound_percent()),
        }
        with contextlib.suppress(OSError):
            values["disk_free_mb"] = shutil.disk_usage(self.folder).free / MB
        if self.gpus is not None:
            values.update(self.gpus.measure())
        return {name: round(float(value), 1) for name, value in values.items()}

    def _tree(self) -> list[psutil.Process]:
        """This process and everything that it started."""
        with contextlib.suppress(psutil.Error):
            return [self._me, *self._me.children(recursive=True)]
        return [self._me]

    def _bound_percent(self) -> float:
        """How much of a container's own memory is in use; 0 where it has no bound. Caches of files do not count."""
        with contextlib.suppress(OSError, ValueError):
            most = int((self.cgroup / "memory.max").read_text())
            used = int((self.cgroup / "memory.current").read_text())
            stat = dict(line.split() for line in (self.cgroup / "memory.stat").read_text().splitlines())
            return 100.0 * (used - int(stat.get("inactive_file", 0))) / most
        return 0.0


def _sum(processes: list[psutil.Process], ask: Callable[[psutil.Process], float]) -> float:
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            total += ask(process)
    return total


def _busy(processes: list[psutil.Process]) -> float:
    """Processor seconds of the processes, and of those children that ended already."""
    return _sum(processes, lambda process: sum(process.cpu_times()[:4]))


class Gpus:
    """The graphics cards that a run may use, asked through NVIDIA's management library.

    Args:
        nvml: the module `pynvml`, initialised.
        visible: CUDA_VISIBLE_DEVICES; None is all of them.
    """

    def __init__(self, nvml: Any, visible: str | None = None) -> None:
        self._nvml = nvml
        names = list(range(nvml.nvmlDeviceGetCount())) if visible is None else visible.split(",")
        self._cards = []
        for name in names:
            card = self._ask(self._find, str(name).strip())
            if card is None:
                break  # CUDA too sees none from the first wrong name on
            self._cards.append(card)

    @classmethod
    def find(cls) -> Gpus | None:
        """The machine's cards; None without a card, a driver or the module (`pip install eagertui[gpu]`)."""
        with contextlib.suppress(Exception):  # a broken driver has many ways to say so, and none concerns the run
            nvml = importlib.import_module("pynvml")
            nvml.nvmlInit()
            gpus = cls(nvml, os.environ.get("CUDA_VISIBLE_DEVICES"))
            return gpus if gpus._cards else None
        return None

    def _find(self, name: str) -> Any:
        if name.isdigit():
            return self._nvml.nvmlDeviceGetHandleByIndex(int(name))
        return self._nvml.nvmlDeviceGetHandleByUUID(name)

    def _ask(self, question: Callable[[Any], Any], about: Any) -> Any:
        """The answer, or None where this card has none."""
        try:
            return question(about)
        except self._nvml.NVMLError:
            return None

    def memory(self, number: int) -> tuple[float, float] | None:
        """All memory of a card and what is free of it, in MB of 10^6 bytes; None where it does not say.

        Args:
            number: as CUDA counts the cards that it sees.
        """
        if number >= len(self._cards):
            return None
        memory = self._ask(self._nvml.nvmlDeviceGetMemoryInfo, self._cards[number])
        return None if memory is None else (memory.total / 1e6, memory.free / 1e6)

    def measure(self) -> dict[str, float]:
        """Mean use, memory and power of all cards together; a figure that a card does not tell is left out."""
        nvml, values = self._nvml, {}
        rates = [r.gpu for r in self._answers(nvml.nvmlDeviceGetUtilizationRates)]
        memory = list(self._answers(nvml.nvmlDeviceGetMemoryInfo))
        watts = list(self._answers(nvml.nvmlDeviceGetPowerUsage))
        if rates:
            values["gpu_percent"] = sum(rates) / len(rates)
        if memory:
            values["gpu_memory_mb"] = sum(m.used for m in memory) / MB
            values["gpu_memory_total_mb"] = sum(m.total for m in memory) / MB
        if watts:
            values["gpu_watts"] = sum(watts) / 1000
        return values

    def _answers(self, question: Callable[[Any], Any]) -> Iterator[Any]:
        for card in self._cards:
            if (answer := self._ask(question, card)) is not None:
                yield answer


class Cautions:
    """What a person should be told about the machine; each thing once."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def about(self, values: Mapping[str, float]) -> list[tuple[str, str]]:
        """Title and text of whatever is new."""
        warnings = []
        free, memory = values.get("disk_free_mb", LOW_DISK), values.get("machine_memory_percent", 0.0)
        if free < LOW_DISK:
            text = f"{free:,.0f} MB are left on the disk of the run; without space it fails, and loses what came "
            warnings.append(("The disk is almost full", text + "after its last checkpoint"))
        if memory > HIGH_MEMORY:
            text = f"{memory:.0f} % of the memory is in use; where none is left the system kills the largest process"
            warnings.append(("The memory is almost full", text))
        fresh = [(title, text) for title, text in warnings if title not in self._said]
        self._said.update(title for title, _ in fresh)
        return fresh


class Clock:
    """Notices when somebody sets the wall clock, or when the machine slept, by the clock that nobody can set."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def jumped(self) -> float:
        """Seconds by which the wall clock jumped since the last look; 0 where it did not."""
        before, self._ahead = self._ahead, time.time() - time.monotonic()
        jump = self._ahead - before
        return jump if abs(jump) > JUMP else 0.0
