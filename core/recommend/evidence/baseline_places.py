"""The baselines that a run was measured beside: where an item stands in the ranking of each, and their lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.baselines import BaselineTask, Scorer
from core.data.arrays import Sequences
from core.data.dataset import Dataset
from core.errors import EagerError
from core.project import Project
from core.recommend.restrictions import Mask
from core.registry import BASELINES
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.stage import options_for


@dataclass(frozen=True)
class FittedBaselines:
    """The baselines of a run that can still be asked.

    Attributes:
        scorers: by name.
        removed: which of the items that they know can no longer be recommended; shape (items,).
    """

    scorers: Mapping[str, Scorer]
    removed: npt.NDArray[np.bool_]

    @property
    def names(self) -> list[str]:
        """Their names, in the order of the settings."""
        return list(self.scorers)

    def places(self, history: Sequence[int], item: int, hide_seen: bool) -> dict[str, int]:
        """The item's rank by each, over all items that it knows; equal scores by item number, as in evaluation.

        Args:
            history: item numbers, oldest first; those that came later are passed over.
            item: the number of the item.
            hide_seen: items of the history do not count, but for the item itself.
        """
        asked = self._known(history)
        if item >= len(self.removed) or not len(asked.items):
            return {}
        others = ~self._hidden(history, hide_seen)
        others[item] = False
        lower = np.arange(len(others)) < item
        found = {}
        for name, scorer in self.scorers.items():
            scores = scorer.score(asked)[0]
            before = (scores > scores[item]) | ((scores == scores[item]) & lower)
            found[name] = 1 + int((before & others).sum())
        return found

    def best(self, name: str, history: Sequence[int], hide_seen: bool, allowed: Mask | None, k: int) -> list[int]:
        """The first items of a baseline's list, equal scores by item number.

        Args:
            name: of the baseline.
            history: item numbers, oldest first; those that came later are passed over.
            hide_seen: leave items of the history out.
            allowed: which items may be listed; None = every item.
            k: length of the list.
        """
        asked, hidden = self._known(history), self._hidden(history, hide_seen)
        if not len(asked.items):
            return []
        if allowed is not None:
            hidden |= ~allowed[: len(hidden)]
        scores = np.where(hidden, -np.inf, self.scorers[name].score(asked)[0])
        order = np.argsort(-scores, kind="stable")[:k]
        return [int(item) for item in order if np.isfinite(scores[item])]

    def _known(self, history: Sequence[int]) -> Sequences:
        known = [one for one in history if one < len(self.removed)]
        return Sequences(np.array(known, dtype=np.int32), np.array([0, len(known)], dtype=np.int64))

    def _hidden(self, history: Sequence[int], hide_seen: bool) -> npt.NDArray[np.bool_]:
        """Items that are in no list; shape (items,)."""
        hidden = self.removed.copy()
        if hide_seen:
            hidden[[one for one in history if one < len(hidden)]] = True
        return hidden


def fitted(project: Project, dataset: Dataset, folder: RunFolder, listed: npt.NDArray[np.integer]) -> FittedBaselines:
    """The baselines of a run, fitted on its training sequences as they were when it was measured.

    One whose own artefacts are gone is left out: a rank that cannot be computed is not shown.

    Args:
        project: of the run.
        dataset: what it was trained on.
        folder: of the run.
        listed: numbers of the items that can be recommended, those that came later too.
    """
    scorers = {}
    for name in project.evaluate.baselines:
        try:
            baseline = BASELINES.get(name)
            inputs = {stage: folder.artefact(stage) for stage in baseline.inputs}
            options = options_for(project, BASELINES, name)
            task = BaselineTask(dataset.train(), dataset.n_items, options, inputs, project.seed, NullReporter())
            scorers[name] = baseline.fit(task)
        except (EagerError, OSError):
            continue
    removed = np.ones(dataset.n_items, dtype=bool)
    removed[listed[listed < dataset.n_items]] = False
    return FittedBaselines(scorers, removed)
