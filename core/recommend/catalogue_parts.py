"""Parts of a fused list that score the whole catalogue, each as log-probabilities: the dense head, baselines, repeats.

Log-probabilities of the next item are comparable between scorers of any kind. A baseline of logits goes through a
softmax. A baseline of counts is a language model of one n-gram: its share of the sum is interpolated with popularity
(Jelinek-Mercer smoothing, as in Zhai & Lafferty 2004, ACM TOIS 22(2)), so that what was never counted has a floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.baselines import BaselineTask, Scorer, popularity_of
from core.data.arrays import Sequences
from core.data.dataset import Dataset
from core.index.revisions.changes import LIKE, Growth
from core.model.dense import DenseHead
from core.project import Project
from core.recommend.encoded import Histories
from core.registry import BASELINES
from core.run.reporter import NullReporter
from core.stage import options_for

GENERATOR, DENSE = "model", "dense"
"""The parts that are a checkpoint's own."""
SMOOTHING = 0.1
"""Share of popularity in the probabilities of a baseline of counts."""
ALIKE = 0.1
"""How far the cosine of two texts may lie behind the nearest one's before an item speaks for one that came later with a
share of 1/e beside it."""


class CataloguePart(Protocol):
    """Scores every item that can be listed."""

    def log_probs(self, states: Tensor, histories: Histories) -> Tensor:
        """Log-probabilities after some histories.

        Args:
            states: of the generator, before the next item's code; shape (users, hidden).
            histories: item numbers.

        Returns:
            fp32, shape (users, items that can be listed), on the device of the states.
        """


@dataclass(frozen=True)
class DensePart:
    """The dense head of the generator.

    Attributes:
        head: knows all items of the histories.
        listed: numbers of the items that can be listed; None = all of them.
    """

    head: DenseHead
    listed: Tensor | None

    def log_probs(self, states: Tensor, histories: Histories) -> Tensor:
        """See `CataloguePart`."""
        log_probs = self.head.scores(states, torch.as_tensor(histories, dtype=torch.long, device=states.device))
        return log_probs if self.listed is None else torch.log_softmax(log_probs[:, self.listed], dim=1)


@dataclass(frozen=True)
class Later:
    """Known items that speak for those that came later.

    Attributes:
        items: numbers of known items, the one that is most like it first; shape (later items, like).
        log_shares: logarithm of how far each speaks for it; these shares sum to one; float32, same shape.
    """

    items: npt.NDArray[np.int64]
    log_shares: npt.NDArray[np.float32]

    @staticmethod
    def of(old: npt.NDArray[np.integer], growth: Growth) -> Later:
        """By their texts; where nothing is known of these, by codes, see `most_like`.

        Args:
            old: codes of the known items; shape (items, levels).
            growth: what was added.
        """
        items, shares = most_like(old, growth.codes), np.full((len(growth.codes), LIKE), 1 / LIKE)
        for row, (like, cosines) in enumerate(zip(growth.like, growth.cosines, strict=True)):
            if like:
                weights = np.exp((np.array(cosines) - cosines[0]) / ALIKE)
                items[row, : len(like)], shares[row] = like, 0.0
                shares[row, : len(like)] = weights / weights.sum()
        return Later(items, np.log(np.maximum(shares, 1e-30)).astype(np.float32))


@dataclass(frozen=True)
class BaselinePart:
    """A fitted baseline, which may know fewer items than there are.

    Attributes:
        scorer: fitted on the training sequences.
        scale: of its scores, see `core.baselines.Baseline`.
        popularity: share of each item in the training interactions, none of them 0; shape (items that it knows,).
        listed: numbers of the items that can be listed; None = all of them.
        later: who speaks for the items that came later; None = there are none.
    """

    scorer: Scorer
    scale: Literal["logits", "counts"]
    popularity: npt.NDArray[np.float32]
    listed: Tensor | None = None
    later: Later | None = None

    def log_probs(self, states: Tensor, histories: Histories) -> Tensor:
        """See `CataloguePart`."""
        scores = torch.from_numpy(self.scorer.score(self._known(histories)))
        if self.scale == "logits":
            log_probs = torch.log_softmax(scores, dim=1)
        else:
            # Each item's share of what was counted, and of everything that was ever taken; (users, items).
            total, popularity = scores.sum(dim=1, keepdim=True), torch.from_numpy(self.popularity)
            shares = torch.where(total > 0, scores / total.clamp_min(1e-30), popularity)
            log_probs = torch.log((1 - SMOOTHING) * shares + SMOOTHING * popularity)
        if self.later is not None:
            # The mean of their probabilities, one column of them after the other; (users, later items).
            spoken = log_probs.new_full((len(log_probs), len(self.later.items)), -torch.inf)
            for like, share in zip(self.later.items.T, self.later.log_shares.T, strict=True):
                spoken = torch.logaddexp(spoken, log_probs[:, torch.from_numpy(like)] + torch.from_numpy(share))
            log_probs = torch.cat([log_probs, spoken], dim=1)
        log_probs = log_probs.to(states.device)
        return log_probs if self.listed is None else torch.log_softmax(log_probs[:, self.listed], dim=1)

    def among(self, listed: Tensor | None, later: Later | None) -> BaselinePart:
        """The part where other items can be listed."""
        return replace(self, listed=listed, later=later)

    def _known(self, histories: Histories) -> Sequences:
        """The histories, with an item that came later as the known one that is most like it."""
        rows = np.asarray(histories, dtype=np.int32)
        count = len(self.popularity)
        if self.later is not None:
            rows = np.where(rows < count, rows, self.later.items[np.maximum(rows - count, 0), 0]).astype(np.int32)
        there = rows >= 0
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(there.sum(axis=1), dtype=np.int64)])
        return Sequences(rows[there], offsets)


@dataclass(frozen=True)
class RepeatsPart:
    """How often people come back: one probability for the items of the history together, and one for all others.

    Repeat and explore are told apart as in RepeatNet (arXiv 1812.02646), by a rate instead of a network.

    Attributes:
        rate: share of the next items that stood in the history before, between 0 and 1.
        n_items: items that a history may hold.
        listed: numbers of the items that can be listed; None = all of them.
    """

    rate: float
    n_items: int
    listed: Tensor | None = None

    def log_probs(self, states: Tensor, histories: Histories) -> Tensor:
        """See `CataloguePart`."""
        rows = torch.as_tensor(histories, dtype=torch.long, device=states.device)
        rows = torch.where(rows < 0, rows[:, -1:], rows)  # padding stands for the last item, which counts once
        had = torch.zeros(len(rows), self.n_items, device=states.device).scatter_(1, rows, 1.0)
        many = had.sum(dim=1, keepdim=True)
        again = torch.log(self.rate / many)
        other = torch.log((1 - self.rate) / (self.n_items - many).clamp_min(1.0))
        log_probs = torch.where(had > 0, again, other)
        return log_probs if self.listed is None else torch.log_softmax(log_probs[:, self.listed], dim=1)

    def among(self, listed: Tensor | None, later: Later | None) -> RepeatsPart:
        """The part where other items can be listed."""
        return replace(self, n_items=self.n_items + (0 if later is None else len(later.items)), listed=listed)


FittedPart = BaselinePart | RepeatsPart


def repeat_rate(train: Sequences) -> float:
    """Share of the items after the first that stood in their user's sequence before, never quite 0 or 1."""
    owner = np.repeat(np.arange(len(train), dtype=np.int64), train.lengths)
    pairs = len(np.unique(owner * (int(train.items.max(initial=0)) + 1) + train.items))
    after = len(train.items) - int((train.lengths > 0).sum())
    return (len(train.items) - pairs + 0.5) / (after + 1.0)


def fitted_parts(
    names: Iterable[str], project: Project, dataset: Dataset, artefacts: Mapping[str, Path]
) -> dict[str, FittedPart]:
    """The parts that are not a checkpoint's own, over the items that the run was trained on.

    Args:
        names: of parts; those of a checkpoint are passed over.
        project: the settings of baselines.
        dataset: all are fitted on its training sequences.
        artefacts: what baselines read, by stage.

    Raises:
        ProjectError: a baseline is not there.
    """
    train, count = dataset.train(), dataset.n_items
    counts = popularity_of(train, count) + 1.0
    popularity = (counts / counts.sum()).astype(np.float32)
    parts: dict[str, FittedPart] = {}
    for name in names:
        if name == "repeats":
            parts[name] = RepeatsPart(repeat_rate(train), count)
        elif name not in (GENERATOR, DENSE):
            baseline = BASELINES.get(name)
            inputs = {stage: artefacts[stage] for stage in baseline.inputs}
            options = options_for(project, BASELINES, name)
            scorer = baseline.fit(BaselineTask(train, count, options, inputs, project.seed, NullReporter()))
            parts[name] = BaselinePart(scorer, baseline.scale, popularity)
    return parts


def most_like(old: npt.NDArray[np.integer], new: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """For each item that came later, the known items whose codes share its longest prefix.

    Args:
        old: codes of the known items; shape (items, levels).
        new: codes of those that came later; shape (later items, levels).

    Returns:
        Numbers of known items, at most `LIKE` different ones an item, repeated where there are fewer; shape (later
        items, LIKE).
    """
    like = np.zeros((len(new), LIKE), dtype=np.int64)
    open_rows = np.arange(len(new))
    for length in range(old.shape[1], -1, -1):  # from the whole code to the empty prefix, which all items share
        # A number for every prefix of this length, old and new items' alike; known items in the order of theirs.
        _, marks = np.unique(np.concatenate([old[:, :length], new[open_rows, :length]]), axis=0, return_inverse=True)
        known, wanted = np.split(marks.ravel(), [len(old)])
        order = np.argsort(known, kind="stable")
        first, end = (np.searchsorted(known[order], wanted, side) for side in ("left", "right"))
        there = end > first
        places = first[there, None] + np.arange(LIKE) % (end - first)[there, None]
        like[open_rows[there]] = order[places]
        open_rows = open_rows[~there]
    return like
