"""Baselines that any recommender must be held against; one file each, named as in `evaluate.baselines`.

Each one is fitted on training prefixes and scores the whole catalogue for a batch of histories. They are plug-ins, see
`core.registry`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from core.cost import Job, Work
from core.data.arrays import Sequences
from core.run.reporting import Reporter

Scores = npt.NDArray[np.float32]


class Scorer(Protocol):
    """Scores every item for each history; higher is better."""

    def score(self, histories: Sequences) -> Scores:
        """Scores of shape (histories, items)."""


@dataclass(frozen=True)
class BaselineTask:
    """What a baseline gets to be fitted on.

    Attributes:
        train: every user's training sequence of item numbers; no validation or test target is in it.
        n_items: size of the catalogue.
        options: the baseline's own settings, an instance of its `options`; None where it has none.
        inputs: the folder of each further artefact that the baseline reads, by stage.
        seed: of everything random.
        reporter: hears the progress; may ask to stop.
    """

    train: Sequences
    n_items: int
    options: Any
    inputs: Mapping[str, Path]
    seed: int
    reporter: Reporter


class Baseline(ABC):
    """A method that the model is measured beside.

    Its module is imported whenever its name is looked up, so heavy libraries belong inside its methods.

    Attributes:
        version: raised when the code changes its scores.
        options: a frozen dataclass of settings, each declared with `core.settings.opt`; None = it has none.
        inputs: stages besides `data` whose artefacts it reads, e.g. `sasrec`.
        scale: how its scores become probabilities where lists are fused (`core.recommend.catalogue_parts`): `logits` go
            through a softmax, `counts` are divided by their sum.
    """

    version: ClassVar[int] = 1
    options: ClassVar[type | None] = None
    inputs: ClassVar[tuple[str, ...]] = ()
    scale: ClassVar[Literal["logits", "counts"]] = "logits"

    @classmethod
    @abstractmethod
    def fit(cls, task: BaselineTask) -> Scorer:
        """Fit on the training sequences; what comes back scores.

        Raises:
            StopRequested: somebody asked to stop.
        """

    @classmethod
    def work(cls, job: Job) -> Work:
        """For the estimate of a run: what it does beside counting the log once and ranking every user's scores."""
        return Work()


def popularity_of(train: Sequences, n_items: int) -> npt.NDArray[np.int64]:
    """Training interactions of each item; shape (items,)."""
    return np.bincount(train.items, minlength=n_items)
