"""Codes drawn by a hash of the item's number: no meaning, no training."""

from dataclasses import dataclass

import numpy as np

from core.index.quantize import Quantized, Quantizer, Task
from core.settings import opt


@dataclass(frozen=True)
class HashOptions:
    """The table `[index.toy-hash]`."""

    factor: int = opt(7, "what an item's number is multiplied by", low=1, high=1000)


class HashCodes(Quantizer):
    """Codes drawn by a hash of the item's number."""

    options = HashOptions

    def quantize(self, task: Task) -> Quantized:
        """Codes of shape (items, levels); items that share theirs are told apart afterwards."""
        numbers = np.arange(len(task.vectors)) * task.options.factor
        codes = np.stack([numbers // (level + 1) % width for level, width in enumerate(task.widths)], axis=1)
        dim = task.vectors.shape[1]
        books = tuple(np.zeros((width, dim), dtype=np.float32) for width in task.widths)
        return Quantized(codes.astype(np.int32), task.widths, task.vectors, books)
