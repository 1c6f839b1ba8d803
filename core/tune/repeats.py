"""How often a user takes again what is in the history: what teachers believe of it, and what the log says.

A scorer by vectors names the history's own items first, since an item is most like itself; on a log without a single
repeat SASRec still spends places of its lists on them. The log's rate of repeats is known, so the teachers' belief in
items of the history is scaled to it before anybody learns from them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.tune.rows import Rows
from core.tune.teacher import Lessons

BATCH = 1024


def calibrated(taught: Lessons, rows: Rows) -> Lessons:
    """The lessons with as much belief in repeats as the targets justify.

    One factor for all targets scales the odds that the target is an item of its history, so that the mean belief
    becomes about the share of targets that are; what a teacher prefers among those items, and among the others, stays.

    Args:
        taught: what the teachers expect.
        rows: the rows they were asked about.
    """
    had = np.zeros(taught.items.shape, dtype=np.bool_)
    repeated = 0
    for start in range(0, len(rows.first_target), BATCH):
        chosen = np.arange(start, min(start + BATCH, len(rows.first_target)))
        histories, targets = _histories(rows, chosen)
        places = slice(int(taught.offsets[chosen[0]]), int(taught.offsets[chosen[-1] + 1]))
        for item in histories.T:  # item by item: all at once would be a cube
            had[places] |= taught.items[places] == item[:, None]
        repeated += int((histories == targets[:, None]).any(axis=1).sum())
    believed = (taught.trust * had).sum(axis=1)
    mean = float(believed.mean()) if len(believed) else 0.0
    if not 0.0 < mean < 1.0:
        return taught
    share = min(repeated / len(believed), 1.0 - 1e-6)
    factor = share / (1.0 - share) * (1.0 - mean) / mean
    trust = taught.trust * np.where(had, factor, 1.0) / (1.0 - believed + factor * believed)[:, None]
    return Lessons(taught.offsets, taught.items, trust.astype(np.float32))


def _histories(rows: Rows, chosen: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The items before every target of some rows, -1 elsewhere; shape (targets, longest row). And the targets."""
    windows, first = (part.numpy() for part in rows.batch(chosen))
    place = np.arange(windows.shape[1])
    row, column = np.nonzero((windows >= 0) & (place >= first[:, None]))
    return np.where(place < column[:, None], windows[row], -1), windows[row, column]
