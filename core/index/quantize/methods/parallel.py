"""Independent codebooks: every level codes directions of its own, none waits for another.

After Mixture-of-Codes (arXiv 2410.09560). The vectors are turned to their main directions, which are uncorrelated, and
the directions are shared out among the codebooks so that each gets a like part of the variance. Then each codebook is
k-means on its own directions. Where an item's codes say different things about it, no code refines another: losing one
loses only its part.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.index.quantize import Quantized, Quantizer, Task
from core.index.quantize.rotation import rotated


class Parallel(Quantizer):
    """An item's code at each level is the nearest in that level's directions.

    `latent` holds the turned vectors; a codebook is zero outside its directions, so the code vectors' sum approximates
    the item as elsewhere.
    """

    def quantize(self, task: Task) -> Quantized:
        """Turn the vectors, share their directions out, and fit each codebook on its own."""
        from core.index.kmeans import codebook
        from core.index.quantize.residual import nearest

        turned, variances = rotated(task.vectors)
        owner = balanced_partition(variances, len(task.widths))
        codes = np.zeros((len(turned), len(task.widths)), dtype=np.int32)
        books = []
        for level, width in enumerate(task.widths):
            task.reporter.stop_if_asked()
            book = np.zeros((width, turned.shape[1]), dtype=np.float32)
            mine = np.flatnonzero(owner == level)
            if len(mine):  # more levels than directions leave some without any: all items take code 0 there
                part = np.ascontiguousarray(turned[:, mine])
                book[:, mine] = centres = codebook(part, width, task.seed + level)
                codes[:, level] = nearest(part, centres)
            books.append(book)
            task.reporter.progress("codebooks", level + 1, len(task.widths), "levels")
        share = [float(variances[owner == level].sum() / max(variances.sum(), 1e-30)) for level in range(len(books))]
        figures = {"variance": [round(part, 4) for part in share]}
        return Quantized(codes, task.widths, turned, tuple(books), figures)


def balanced_partition(variances: npt.NDArray[np.float64], parts: int) -> npt.NDArray[np.int64]:
    """Which part each direction belongs to: greedily, the widest one left goes to the part of least variance so far."""
    owner = np.zeros(len(variances), dtype=np.int64)
    sums, counts = np.zeros(parts), np.zeros(parts, dtype=np.int64)
    for direction in np.argsort(-variances, kind="stable"):
        owner[direction] = part = np.lexsort((counts, sums))[0]  # among equals the one with the fewest directions
        sums[part] += variances[direction]
        counts[part] += 1
    return owner
