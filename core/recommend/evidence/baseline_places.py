"""Where an item stands in the full ranking of every baseline that its run was measured beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from core.baselines import BaselineTask, Scorer
from core.data.arrays import Sequences
from core.data.dataset import Dataset
from core.errors import EagerError
from core.project import Project
from core.registry import BASELINES
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.stage import options_for


def fitted(project: Project, dataset: Dataset, folder: RunFolder) -> dict[str, Scorer]:
    """The baselines of a run, fitted on its training sequences as they were when it was measured.

    One whose own artefacts are gone is left out: a rank that cannot be computed is not shown.
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
    return scorers


def places(
    scorers: Mapping[str, Scorer],
    history: Sequence[int],
    item: int,
    n_items: int,
    hidden: npt.NDArray[np.bool_],
) -> dict[str, int]:
    """The item's rank by each, over all items that it knows; equal scores by item number, as in evaluation.

    Args:
        scorers: fitted baselines.
        history: item numbers, oldest first.
        item: the number of the item.
        n_items: how many items they know; those of the history that came later are passed over.
        hidden: items that do not count, but for the item itself; shape (n_items,).
    """
    known = [one for one in history if one < n_items]
    if item >= n_items or not known:
        return {}
    asked = Sequences(np.array(known, dtype=np.int32), np.array([0, len(known)], dtype=np.int64))
    others = ~hidden
    others[item] = False
    lower = np.arange(n_items) < item
    found = {}
    for name, scorer in scorers.items():
        scores = scorer.score(asked)[0]
        before = (scores > scores[item]) | ((scores == scores[item]) & lower)
        found[name] = 1 + int((before & others).sum())
    return found


def best(scorer: Scorer, history: Sequence[int], n_items: int, hidden: npt.NDArray[np.bool_], k: int) -> list[int]:
    """The first items of a baseline's list, equal scores by item number.

    Args:
        scorer: a fitted baseline.
        history: item numbers, oldest first.
        n_items: how many items it knows; those of the history that came later are passed over.
        hidden: items that may not be listed; shape (n_items,).
        k: length of the list.
    """
    known = [one for one in history if one < n_items]
    if not known:
        return []
    asked = Sequences(np.array(known, dtype=np.int32), np.array([0, len(known)], dtype=np.int64))
    scores = np.where(hidden, -np.inf, scorer.score(asked)[0])
    order = np.argsort(-scores, kind="stable")[:k]
    return [int(item) for item in order if np.isfinite(scores[item])]
