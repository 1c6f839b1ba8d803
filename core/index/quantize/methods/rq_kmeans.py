"""Residual k-means: a codebook a level, each found by k-means on what the levels before leave of the full catalogue."""

from __future__ import annotations

from core.index.quantize import Quantized, Task
from core.index.quantize.residual import fit


def quantize(task: Task) -> Quantized:
    """An item's code at each level is the nearest to what is left of it.

    Raises:
        StopRequested: somebody asked to stop.
    """
    codes, books = fit(task.vectors, task.widths, task.seed, task.reporter)
    return Quantized(codes, task.widths, task.vectors, books)
