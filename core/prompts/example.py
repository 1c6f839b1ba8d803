"""One rendered training row."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Example:
    """A row of tokens and what of it is predicted.

    Attributes:
        tokens: the whole row: begin token or frame, prompt, response, end token; int64, shape (length,).
        targets: which tokens are predicted (the response and the end token); same length.
        codes: places in `tokens` of the first code token of every supervised item; shape (k,).
        items: item number of each of these; shape (k,).
        task: place in `core.settings.TASKS`.
        lessons: place of each item's lesson among the teachers' (`core.tune.teacher`); empty = none.
        before: items of the history in front of the first one that is predicted, of the sequential task.
        asking: places in `tokens` of the wording's own words in the prompt: not of its fields, nor the begin token.
    """

    tokens: npt.NDArray[np.int64]
    targets: npt.NDArray[np.bool_]
    codes: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    task: int
    lessons: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    before: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    asking: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
