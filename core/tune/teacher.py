"""What simpler models expect at every training target, for the generator to learn from besides the answers themselves.

Distillation (Hinton, Vinyals & Dean 2015) from two kinds of teachers: SASRec, with and without the items' text, which
generalises; and item-to-item transitions, which remember what other users took next. All saw training prefixes only,
so nothing leaks; and the transitions forget a user's own step before they are asked about it, else they would only
repeat the answer.
"""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from core.baselines.transitions import Transitions
from core.data.arrays import Sequences
from core.run.reporter import Reporter
from core.tune.rows import Rows
from core.vectors.sasrec_model import SasRec

TOP_SASREC, TOP_TRANSITIONS = 64, 32
BATCH = 256


@dataclass(frozen=True)
class Lessons:
    """The items that the teachers expect at every target.

    Attributes:
        offsets: where each row's targets start; shape (rows + 1,).
        items: item numbers, int32, shape (targets, expected); an item may stand there twice, its trust then adds up.
        trust: probabilities among the whole catalogue, float32, same shape.
    """

    offsets: npt.NDArray[np.int64]
    items: npt.NDArray[np.int32]
    trust: npt.NDArray[np.float32]


@torch.inference_mode()
def lessons(
    models: Several[SasRec],
    train: Sequences,
    rows: Rows,
    transitions_share: float,
    bf16: bool,
    reporter: Reporter,
) -> Lessons:
    """Ask the teachers at every target of every row.

    Args:
        models: SASRec models, whose probabilities are averaged.
        train: the sequences that the transitions count.
        rows: the training rows.
        transitions_share: weight of the transitions where they know any; the rest is the models'.
        bf16: whether matrix products run in bf16.
        reporter: hears the progress.

    Raises:
        StopRequested: somebody asked to stop.
    """
    count = models[0].n_items
    memory = Transitions(train, count) if transitions_share else None
    offsets = np.concatenate([[0], np.cumsum(rows.windows.lengths - rows.first_target)]).astype(np.int64)
    tops = (min(TOP_SASREC, count), min(TOP_TRANSITIONS, count) if memory else 0)
    items = np.zeros((int(offsets[-1]), sum(tops)), dtype=np.int32)
    trust = np.zeros(items.shape, dtype=np.float32)
    order = np.argsort(rows.windows.lengths, kind="stable")
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        numbers, first = rows.batch(chosen)
        wanted = (numbers >= 0) & (torch.arange(numbers.shape[1]) >= first[:, None])
        known = torch.where(numbers < 0, count, numbers)[:, :-1]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = [model.eval().logits(model.states(known)[wanted[:, 1:]]).float() for model in models]
        chance = torch.stack([torch.softmax(one, dim=1) for one in logits]).mean(dim=0)
        best, found = chance.topk(tops[0], dim=1)
        places = np.concatenate([np.arange(offsets[row], offsets[row + 1]) for row in chosen])
        items[places, : tops[0]] = found.numpy()
        trust[places, : tops[0]] = best.numpy()
        if memory:
            recalled, weight = _recall(memory, numbers.numpy(), wanted.numpy(), tops[1])
            spoken = weight.sum(axis=1, keepdims=True) > 0
            items[places, tops[0] :] = recalled
            trust[places, tops[0] :] = weight * transitions_share
            trust[places, : tops[0]] *= np.where(spoken, 1.0 - transitions_share, 1.0)
        reporter.progress("lessons", min(start + BATCH, len(order)), len(order), "rows")
        reporter.stop_if_asked()
    return Lessons(offsets, items, trust)


def _recall(
    memory: Transitions, numbers: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_], top: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """What followed the last items of other users: items and probabilities, shape (targets, top)."""
    row, column = np.nonzero(wanted)
    count = memory.matrix.shape[0]
    asked = sparse.csr_array((len(row), count))
    for step in range(1, memory.STEPS + 1):
        there = np.flatnonzero(column >= step)
        before = numbers[row[there], column[there] - step]
        weights = np.full(len(there), 1.0 / step)
        asked = asked + sparse.csr_array((weights, (there, before)), shape=asked.shape)
    # The counts hold this very step with the weights it is asked with.
    own = np.asarray(asked.power(2).sum(axis=1)).ravel()
    target = sparse.csr_array((own, (np.arange(len(row)), numbers[row, column])), shape=asked.shape)
    scores = (asked @ memory.matrix - target).toarray()
    np.maximum(scores, 0.0, out=scores)
    scores[scores < 1e-6] = 0.0
    best = np.argpartition(scores, count - top, axis=1)[:, count - top :]
    weight = np.take_along_axis(scores, best, axis=1)
    return best, (weight / np.maximum(scores.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
