"""Codes that were made elsewhere: LC-Rec's `.index.json`, or Parquet."""

from __future__ import annotations

import math

import numpy as np

from core.index.quantize import Quantized, Quantizer, Task
from core.index.quantize.mean_steps import mean_steps


class CodesFile(Quantizer):
    """A file's codes as a quantizer's work, so that conflicts are settled as everywhere; `token_vectors` is None.

    A code's vector is the mean of what the codes before it leave of its items' vectors. Where there are no vectors, the
    code with the lowest number counts as the nearest. The last level is widened where there are fewer codes than items.
    """

    def quantize(self, task: Task) -> Quantized:
        """Read the file.

        Raises:
            ProjectError: there is no such file.
            DataError: it is no index of these items.
        """
        from core.index.exchange.in_out import read_index

        assert task.codes_file is not None and task.item_ids is not None
        read = read_index(task.codes_file, task.item_ids)
        widths, items = read.widths, len(read.codes)
        before = math.prod(widths[:-1])
        if before * widths[-1] < items:
            widths = (*widths[:-1], -(-items // before))
        distinct = len(np.unique(read.codes, axis=0))
        figures = {"format": read.format, "items": items, "distinct": distinct, "widths": list(widths)}
        return Quantized(read.codes, widths, task.vectors, mean_steps(task.vectors, read.codes, widths), figures)
