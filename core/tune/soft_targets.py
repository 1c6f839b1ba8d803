"""What simpler models expect at every training target, for the generator to learn from besides the answers themselves.

Distillation (Hinton, Vinyals & Dean, arXiv 1503.02531) from two kinds of teachers: SASRec, with and without
the items' text, which generalises; and item-to-item transitions, which remember what other users took next. All saw
training prefixes only, so nothing leaks; and the transitions forget a user's own step before they are asked about it,
else they would only repeat the answer.

What teachers say of the log's own prefixes they have learnt by heart; what they know shows where they have not been.
So in every further epoch some items give way to what the teachers expect there, and they are asked about the rows that
come of it: a student follows its teachers on many inputs rather than on one (Beyer et al., arXiv 2106.05237).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor

from core.baselines.transitions import Transitions
from core.data.arrays import Sequences, row_blocks
from core.run.reporter import Reporter
from core.tune.target_rows import TargetRows
from core.vectors.sasrec_model import SasRec

TOP_SASREC, TOP_TRANSITIONS = 64, 32
BATCH = 256
BLOCK = 1024
"""Rows that are asked about at once, and targets that are scored at once."""
SCORES = 1 << 22
"""Scores of a block: what is larger comes from the system anew every time, page by page, which takes longest of all."""
CALIBRATED_ROWS, CALIBRATED_TARGETS = 1024, 1 << 12


@dataclass(frozen=True)
class SoftTargets:
    """The items that the teachers expect at every target, in the order of `TargetRows.offsets`.

    Attributes:
        items: item numbers, int32, shape (targets, top); an item may stand there twice, its probabilities then add up.
        probs: probabilities among the whole catalogue, float32, same shape.
    """

    items: npt.NDArray[np.int32]
    probs: npt.NDArray[np.float32]


@torch.inference_mode()
def ask_teachers(
    models: Sequence[SasRec],
    train: Sequences,
    rows: TargetRows,
    transitions_share: float,
    bf16: bool,
    reporter: Reporter,
) -> SoftTargets:
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
    transitions = Transitions(train, count) if transitions_share else None
    offsets = rows.offsets
    tops = (min(TOP_SASREC, count), min(TOP_TRANSITIONS, count) if transitions else 0)
    teacher_items = np.zeros((int(offsets[-1]), sum(tops)), dtype=np.int32)
    teacher_probs = np.zeros(teacher_items.shape, dtype=np.float32)
    order = np.argsort(rows.windows.lengths, kind="stable")
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        models = [model.frozen() for model in models]
    for start in range(0, len(order), BATCH):
        # Windows of like length, (rows, longest), and the mask of their targets, same shape.
        chosen = order[start : start + BATCH]
        windows, first = rows.batch(chosen)
        is_target = (windows >= 0) & (torch.arange(windows.shape[1]) >= first[:, None])
        # SASRec: mean probabilities over the models, (targets, items), and the best of them, (targets, top); in blocks.
        inputs = torch.where(windows < 0, count, windows)[:, :-1]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            states = [model.states(inputs)[is_target[:, 1:]] for model in models]
            blocks = row_blocks(len(states[0]), count, SCORES, BLOCK)
            best = [_best(models, [one[block] for one in states], tops[0]) for block in blocks]
        best_probs, best_items = (torch.cat(some) for some in zip(*best, strict=True))
        places = np.concatenate([np.arange(offsets[row], offsets[row + 1]) for row in chosen])
        teacher_items[places, : tops[0]] = best_items.numpy()
        teacher_probs[places, : tops[0]] = best_probs.numpy()
        # Transitions beside them, (targets, top); where they know nothing the models keep the whole probability.
        if transitions:
            own = rows.own(chosen, windows.shape[1])
            items, weights = _next_items(transitions, windows.numpy(), is_target.numpy(), own, tops[1])
            known = weights.sum(axis=1, keepdims=True) > 0
            teacher_items[places, tops[0] :] = items
            teacher_probs[places, tops[0] :] = weights * transitions_share
            teacher_probs[places, : tops[0]] *= np.where(known, 1.0 - transitions_share, 1.0)
        reporter.progress("soft targets", min(start + BATCH, len(order)), len(order), "rows")
        reporter.stop_if_asked()
    return SoftTargets(teacher_items, teacher_probs)


def drawn_rows(rows: TargetRows, expected: SoftTargets, share: float, seed: Sequence[int]) -> TargetRows:
    """The same rows with other items in the place of some targets, drawn from what the teachers expect there.

    Args:
        rows: the users' own rows.
        expected: what the teachers expect at their targets.
        share: probability that a target gives way.
        seed: of the draw.
    """
    rng = np.random.default_rng(list(seed))
    given = np.flatnonzero(rng.random(rows.targets) < share)
    items, drawn = rows.windows.items.copy(), np.zeros(len(rows.windows.items), dtype=np.bool_)
    for start in range(0, len(given), CALIBRATED_ROWS):
        some = given[start : start + CALIBRATED_ROWS]
        # The first of a target's items at which the sum of their probabilities passes a number that was drawn.
        sums = expected.probs[some].cumsum(axis=1, dtype=np.float64)
        passed = sums > rng.random(len(some))[:, None] * sums[:, -1:]
        known = passed.any(axis=1)  # a teacher that expects nothing leaves the answer
        some, place = some[known], passed.argmax(axis=1)[known]
        items[rows.places[some]] = expected.items[some, place]
        drawn[rows.places[some]] = True
    return TargetRows(Sequences(items, rows.windows.offsets), rows.first_target, drawn)


def _best(models: Sequence[SasRec], states: Sequence[Tensor], top: int) -> tuple[Tensor, Tensor]:
    """Mean probabilities of the models, and the items that have the highest; shape (targets, top) both."""
    probs, *others = (
        torch.softmax(model.logits(own), dim=1, dtype=torch.float32) for model, own in zip(models, states, strict=True)
    )
    for one in others:
        probs += one
    best_sums, best_items = probs.topk(top, dim=1)
    return best_sums / len(models), best_items


def _next_items(
    transitions: Transitions,
    windows: npt.NDArray[np.int64],
    is_target: npt.NDArray[np.bool_],
    own: npt.NDArray[np.bool_],
    top: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """What followed the last items of other users: items and probabilities, shape (targets, top)."""
    row, column = np.nonzero(is_target)
    count = transitions.matrix.shape[0]
    real = own[row, column]  # (targets,): whether the step is one that a user took, and so in the counts
    # The weights of the last items before each target, the nearest most; sparse, (targets, items).
    history = sparse.csr_array((len(row), count))
    for step in range(1, transitions.STEPS + 1):
        there = np.flatnonzero(column >= step)
        before = windows[row[there], column[there] - step]
        real[there] &= own[row[there], column[there] - step]
        weights = np.full(len(there), 1.0 / step)
        history = history + sparse.csr_array((weights, (there, before)), shape=history.shape)
    # The counts hold this very step with the weights it is asked with: it is taken off the target's score.
    weight_of_own = np.asarray(history.power(2).sum(axis=1)).ravel() * real
    own_step = sparse.csr_array((weight_of_own, (np.arange(len(row)), windows[row, column])), shape=history.shape)
    scores = sparse.csr_array(history @ transitions.matrix - own_step)  # (targets, items), most of them 0
    scores.data[scores.data < 1e-6] = 0.0
    # The best of them, (targets, top), as shares of the whole sum; where there are fewer, item 0 with no share.
    target = np.repeat(np.arange(len(row)), np.diff(scores.indptr))
    order = np.lexsort((scores.indices, -scores.data, target))
    place = np.arange(len(order)) - scores.indptr[target]  # within the target's own scores, best first
    among = place < top
    best, weight = np.zeros((len(row), top), dtype=np.int64), np.zeros((len(row), top))
    best[target[among], place[among]] = scores.indices[order][among]
    weight[target[among], place[among]] = scores.data[order][among]
    return best, (weight / np.maximum(scores.sum(axis=1)[:, None], 1e-9)).astype(np.float32)


def calibrate_repeats(soft_targets: SoftTargets, rows: TargetRows) -> SoftTargets:
    """The same with as much probability on repeats as the targets justify.

    A scorer by vectors names the history's own items first, since an item is most like itself; on a log without a
    single repeat SASRec still spends places of its lists on them. One factor for all targets scales the odds that the
    target is an item of its history, so that their mean probability becomes about the share of targets that are; what
    a teacher prefers among those items, and among the others, stays.

    Args:
        soft_targets: what the teachers expect.
        rows: the rows they were asked about.
    """
    # Mask of the teachers' items that stand in the history, (targets, top); their probability, (targets,); and how many
    # targets do.
    in_history = np.zeros(soft_targets.items.shape, dtype=np.bool_)
    repeat_probs = np.zeros(len(in_history), dtype=np.float32)
    repeats, offsets = 0, rows.offsets
    for start in range(0, len(rows.first_target), CALIBRATED_ROWS):
        chosen = np.arange(start, min(start + CALIBRATED_ROWS, len(rows.first_target)))
        histories, targets = _histories(rows, chosen)
        places = slice(int(offsets[chosen[0]]), int(offsets[chosen[-1] + 1]))
        for item in histories.T:  # item by item: all at once would be a cube
            in_history[places] |= soft_targets.items[places] == item[:, None]
        repeat_probs[places] = (soft_targets.probs[places] * in_history[places]).sum(axis=1)
        repeats += int((histories == targets[:, None]).any(axis=1).sum())
    mean = float(repeat_probs.mean()) if len(repeat_probs) else 0.0
    if not 0.0 < mean < 1.0:
        return soft_targets
    share = min(repeats / len(repeat_probs), 1.0 - 1e-6)
    factor = share / (1.0 - share) * (1.0 - mean) / mean
    probs = np.empty_like(soft_targets.probs)
    for start in range(0, len(probs), CALIBRATED_TARGETS):  # in float64, some at a time
        some = slice(start, start + CALIBRATED_TARGETS)
        scale = np.where(in_history[some], factor, 1.0)
        rest = 1.0 - repeat_probs[some] + factor * repeat_probs[some]
        probs[some] = soft_targets.probs[some] * scale / rest[:, None]
    return SoftTargets(soft_targets.items, probs)


def _histories(rows: TargetRows, chosen: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The items before every target of some rows, -1 elsewhere, shape (targets, longest row); and the targets."""
    windows, first = (part.numpy() for part in rows.batch(chosen))
    place = np.arange(windows.shape[1])
    row, column = np.nonzero((windows >= 0) & (place >= first[:, None]))
    return np.where(place < column[:, None], windows[row], -1), windows[row, column]
