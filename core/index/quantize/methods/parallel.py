"""Independent codebooks (Mixture-of-Codes): every level codes dimensions of its own, none waits for another.

The vectors are turned to their main directions, which are uncorrelated, and the directions are dealt out to the
codebooks so that each gets a like part of the variance. Then each codebook is k-means on its own directions. Where an
item's codes say different things about it, no code refines another: losing one loses only its part.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.index.quantize import Quantized, Task
from core.index.quantize.residual import centroids, nearest
from core.index.quantize.rotation import rotated


def quantize(task: Task) -> Quantized:
    """An item's code at each level is the nearest in that level's dimensions.

    `latent` holds the turned vectors; a codebook is zero outside its dimensions, so the code vectors' sum approximates
    the item as elsewhere.

    Raises:
        StopRequested: somebody asked to stop.
    """
    turned, variances = rotated(task.vectors)
    owner = dealt(variances, len(task.widths))
    codes = np.zeros((len(turned), len(task.widths)), dtype=np.int32)
    books = []
    for level, width in enumerate(task.widths):
        task.reporter.stop_if_asked()
        book = np.zeros((width, turned.shape[1]), dtype=np.float32)
        mine = np.flatnonzero(owner == level)
        if len(mine):  # more levels than dimensions leave some without any: all items take code 0 there
            part = np.ascontiguousarray(turned[:, mine])
            book[:, mine] = centres = centroids(part, width, task.seed + level)
            codes[:, level] = nearest(part, centres)
        books.append(book)
        task.reporter.progress("codebooks", level + 1, len(task.widths), "levels")
    share = [float(variances[owner == level].sum() / max(variances.sum(), 1e-30)) for level in range(len(books))]
    figures = {"variance": [round(part, 4) for part in share]}
    return Quantized(codes, task.widths, turned, tuple(books), figures)


def dealt(variances: npt.NDArray[np.float64], hands: int) -> npt.NDArray[np.int64]:
    """Which hand gets each direction: the widest left goes to the hand with the least variance so far."""
    owner = np.zeros(len(variances), dtype=np.int64)
    held, counts = np.zeros(hands), np.zeros(hands, dtype=np.int64)
    for place in np.argsort(-variances, kind="stable"):
        owner[place] = hand = np.lexsort((counts, held))[0]  # among equals the one with the fewest directions
        held[hand] += variances[place]
        counts[hand] += 1
    return owner
