"""Codes of a random tree: what an index without meaning would give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.index.quantize import Codes, Quantized, Quantizer, Task


class Random(Quantizer):
    """Codes by lot; unique where the widths' product reaches the number of items."""

    tree = True
    reads_vectors = False

    def quantize(self, task: Task) -> Quantized:
        """The vectors are not read; a code stands for nothing."""
        codes = random_codes(len(task.vectors), task.widths, task.seed)
        nothing = tuple(np.zeros((width, 1), dtype=np.float32) for width in task.widths)
        return Quantized(codes, task.widths, np.zeros((len(codes), 1), dtype=np.float32), nothing)


def random_codes(n_items: int, widths: Sequence[int], seed: int) -> Codes:
    """Codes of a random tree with these branches, shape (items, levels)."""
    noise = np.random.default_rng(seed).permutation(n_items)
    codes = np.zeros((n_items, len(widths)), dtype=np.int32)
    for level in reversed(range(len(widths))):
        noise, codes[:, level] = np.divmod(noise, widths[level])
    return codes
