"""Residual k-means: each level's codebook is found by k-means on what the levels before leave of the items."""

from __future__ import annotations

from core.index.quantize import Quantized, Quantizer, Task


class RqKmeans(Quantizer):
    """An item's code at each level is the nearest to what is left of it."""

    def quantize(self, task: Task) -> Quantized:
        """Fit one codebook after the other on the full catalogue."""
        from core.index.quantize.residual import fit

        codes, books = fit(task.vectors, task.widths, task.seed, task.reporter)
        return Quantized(codes, task.widths, task.vectors, books)
