"""Codes of a random tree: what an index without meaning would give."""

from __future__ import annotations

import numpy as np

from core.index.quantize import Quantized, Task
from core.index.quantize.tree import random_codes


def quantize(task: Task) -> Quantized:
    """Unique where the widths' product reaches the number of items."""
    codes = random_codes(len(task.vectors), task.widths, task.seed)
    nothing = tuple(np.zeros((width, 1), dtype=np.float32) for width in task.widths)
    return Quantized(codes, task.widths, np.zeros((len(codes), 1), dtype=np.float32), nothing)
