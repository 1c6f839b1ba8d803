"""Getting the machine ready for computing: threads, memory, number formats."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator

import torch

from core import processors
from core.settings import RunSettings

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's names for mallopt


def prepare(settings: RunSettings) -> None:
    """Set threads and the allocator; call it before any work. Computation is deterministic afterwards."""
    beside = max(1, int(os.environ.get("LOCAL_WORLD_SIZE", "1") or 1))  # processes that share this machine's cores
    _set_threads(settings.threads or max(1, processors.available_cpus() // beside))
    # As `use_deterministic_algorithms`, which loads the compiler besides: a second and more.
    torch.set_deterministic_debug_mode("warn")
    # Nothing here reads memory that it did not write.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if platform.libc_ver()[0] == "glibc":
        # Keep freed memory: giving every large tensor back to the system costs half of the time in page faults.
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)


@contextlib.contextmanager
def half_of_the_threads() -> Iterator[None]:
    """Compute with half of the threads inside, at least one: another process has the other half, or none needs it."""
    threads = torch.get_num_threads()
    _set_threads(max(1, threads // 2))
    try:
        yield
    finally:
        _set_threads(threads)


def _set_threads(threads: int) -> None:
    torch.set_num_threads(threads)
    processors.watch(threads)


def release() -> None:
    """Give memory that a finished stage no longer needs back to the system."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def device_of(settings: RunSettings) -> str:
    """The device to compute on: what the project names, or the best there is."""
    best = "cuda" if torch.cuda.is_available() else "cpu"
    device = best if settings.device == "auto" else settings.device
    own = os.environ.get("LOCAL_RANK")  # of several processes on one machine each has a device of its own
    return f"cuda:{own}" if device == "cuda" and own else device


def use_bf16(settings: RunSettings) -> bool:
    """Whether matrix products run in bf16: where asked for, or where the hardware multiplies it natively."""
    if settings.dtype != "auto":
        return settings.dtype == "bf16"
    if device_of(settings).startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
