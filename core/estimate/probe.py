"""What this machine computes with, how crowded it is, and what it has free; without torch."""

from __future__ import annotations

import contextlib
import os
import shutil
from importlib import metadata
from pathlib import Path

from core.cost import MachineSpeed
from core.processors import available_cpus
from core.run.system import Gpus
from core.settings import RunSettings
from core.tune.memory import Room

_NATIVE_BF16 = {"avx512_bf16", "amx_tile"}
NEVER_IDLE = 0.5
"""Load that nobody's machine is without."""
_CGROUP = Path("/sys/fs/cgroup")


def machine_for(settings: RunSettings) -> MachineSpeed:
    """Look at this machine."""
    threads = min(settings.threads or available_cpus(), available_cpus())  # more threads than cores add nothing
    gpu = on_gpu(settings)
    native = gpu or _multiplies_bf16()
    bf16 = native if settings.dtype == "auto" else settings.dtype == "bf16"
    return MachineSpeed(threads, bf16, native, gpu)


def on_gpu(settings: RunSettings) -> bool:
    """Whether the model would run on a GPU."""
    return settings.device.startswith("cuda") or (settings.device == "auto" and _has_gpu())


def _multiplies_bf16() -> bool:
    """Whether the processor multiplies bf16 itself, as far as the system tells."""
    try:
        return not _NATIVE_BF16.isdisjoint(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return False


def _has_gpu() -> bool:
    """Whether torch would find a GPU, as far as can be seen without loading it."""
    try:
        built_for_cpu = metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False
    return Path("/dev/nvidia0").exists() and not built_for_cpu


def room(settings: RunSettings) -> Room:
    """All the memory that a training may ever have."""
    import psutil

    most = float(psutil.virtual_memory().total)
    with contextlib.suppress(OSError, ValueError):  # a container without a bound says "max"
        most = min(most, float((_CGROUP / "memory.max").read_text()))
    return _room(settings, most / 1e6, 0)


def free_room(settings: RunSettings) -> Room:
    """The memory that is free now."""
    return _room(settings, free_memory_mb(), 1)


def _room(settings: RunSettings, machine: float, which: int) -> Room:
    if not on_gpu(settings):
        return Room(machine)
    gpus = Gpus.find()
    number = settings.device.partition(":")[2]
    memory = gpus.memory(int(number) if number.isdigit() else 0) if gpus else None
    return Room(machine, memory[which] if memory else None, True)


def free_memory_mb() -> float:
    """Memory that a process may still take: what the system has, or what its container leaves."""
    import psutil

    free = [float(psutil.virtual_memory().available)]
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        if limit != "max":
            free.append(float(limit) - float((_CGROUP / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return max(0.0, min(free)) / 1e6


def free_disk_mb(folder: Path) -> float:
    """Room on the disk of a folder that may not be there yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free / 1e6


def crowding(threads: int) -> float:
    """How much longer everything takes beside the other programs of the last minute; 1 = it has its cores for itself.

    Programs share the cores evenly: with `load` others a run has `cores / (load + threads)` of what it asks for.
    """
    try:
        load = os.getloadavg()[0]
    except (AttributeError, OSError):
        return 1.0
    return max(1.0, (load + threads - NEVER_IDLE) / available_cpus())
