"""Ranks of the targets in the generator's lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.data.dataset import Evaluation
from core.evaluate.metrics import DEPTH, Ranks
from core.recommend.beam import beam_search
from core.recommend.trie import Trie
from core.run.reporter import Reporter
from core.tune.generator import Generator
from core.tune.loop import StopRequested

BATCH = 64


@dataclass(frozen=True)
class Ranking:
    """What a method's lists say about a split.

    Attributes:
        ranks: of each user's target; 0 = not among the first `DEPTH`.
        masked: the same with the items of the history left out of the lists.
        shown: how often each item stands in a top-10 list; shape (items,).
        shown_masked: the same with seen items left out.
    """

    ranks: Ranks
    masked: Ranks
    shown: npt.NDArray[np.int64]
    shown_masked: npt.NDArray[np.int64]


def ranks_of(
    model: Generator,
    trie: Trie,
    split: Evaluation,
    chosen: npt.NDArray[np.integer],
    max_history: int,
    beams: int,
    bf16: bool,
    reporter: Reporter,
) -> Ranking:
    """Search for the items of some users of a split.

    Args:
        model: the generator, in evaluation mode.
        trie: legal codes.
        split: histories and targets.
        chosen: places in the split.
        max_history: items of history the model sees.
        beams: width of the search; a list is as long.
        bf16: whether matrix products run in bf16.
        reporter: hears the progress.

    Raises:
        StopRequested: somebody asked to stop.
    """
    ranks = np.zeros(len(chosen), dtype=np.int32)
    masked = np.zeros(len(chosen), dtype=np.int32)
    shown = np.zeros(trie.n_items, dtype=np.int64)
    shown_masked = np.zeros(trie.n_items, dtype=np.int64)
    done = 0
    for places, histories in _batches(split, chosen, max_history):
        with torch.autocast(trie.item_nodes.device.type, torch.bfloat16, enabled=bf16):
            items, _ = beam_search(model, trie, histories, beams)
        items = items[:, :DEPTH]
        for place, row in zip(places, items, strict=True):
            user = chosen[place]
            target = split.targets[user]
            new = row[~np.isin(row, split.histories[int(user)])]
            ranks[place], masked[place] = _rank(row, target), _rank(new, target)
            shown_masked[new[:10][new[:10] >= 0]] += 1
            shown[row[:10][row[:10] >= 0]] += 1
        done += len(places)
        reporter.progress("ranking", done, len(chosen), "users")
        if reporter.wants() == "stop":
            raise StopRequested
    return Ranking(ranks, masked, shown, shown_masked)


def _rank(row: npt.NDArray[np.integer], target: int) -> int:
    hits = np.flatnonzero(row == target)
    return int(hits[0]) + 1 if len(hits) else 0


def _batches(
    split: Evaluation, chosen: npt.NDArray[np.integer], max_history: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[Any]]]:
    """Users whose visible histories have one length, so nothing is padded: places in `chosen`, and the histories."""
    lengths = np.minimum(split.histories.lengths[chosen], max_history)
    order = np.argsort(lengths, kind="stable")
    for length in np.unique(lengths):
        group = order[lengths[order] == length]
        for start in range(0, len(group), BATCH):
            places = group[start : start + BATCH]
            yield places, np.stack([split.histories[int(chosen[p])][-length:] for p in places])
