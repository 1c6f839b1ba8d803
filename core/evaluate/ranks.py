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
from core.model.generator import Generator
from core.model.trie import Trie
from core.recommend.beam import beam_search
from core.run.reporter import Reporter

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


class Tally:
    """Counts what the lists of some users say.

    Args:
        users: how many.
        items: size of the catalogue.
    """

    def __init__(self, users: int, items: int) -> None:
        self.ranks, self.masked = (np.zeros(users, dtype=np.int32) for _ in range(2))
        self.shown, self.shown_masked = (np.zeros(items, dtype=np.int64) for _ in range(2))

    def add(
        self,
        places: npt.NDArray[np.int64],
        lists: npt.NDArray[np.integer],
        split: Evaluation,
        chosen: npt.NDArray[np.integer],
    ) -> None:
        """Count lists: item numbers, best first, -1 where there are none.

        Args:
            places: whose lists these are, among the chosen.
            lists: shape (users, depth).
            split: histories and targets.
            chosen: places of the users in the split.
        """
        for place, row in zip(places, lists, strict=True):
            user = chosen[place]
            target = split.targets[user]
            new = row[~np.isin(row, split.histories[int(user)])]
            self.ranks[place], self.masked[place] = _rank(row, target), _rank(new, target)
            self.shown_masked[new[:10][new[:10] >= 0]] += 1
            self.shown[row[:10][row[:10] >= 0]] += 1

    def ranking(self) -> Ranking:
        """What was counted."""
        return Ranking(self.ranks, self.masked, self.shown, self.shown_masked)


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
    tally = Tally(len(chosen), trie.n_items)
    done = 0
    for places, histories in batches(split, chosen, max_history):
        with torch.autocast(trie.item_nodes.device.type, torch.bfloat16, enabled=bf16):
            items, _ = beam_search(model, trie, histories, beams)
        tally.add(places, items[:, :DEPTH], split, chosen)
        done += len(places)
        reporter.progress("ranking", done, len(chosen), "users")
        reporter.stop_if_asked()
    return tally.ranking()


def _rank(row: npt.NDArray[np.integer], target: int) -> int:
    hits = np.flatnonzero(row == target)
    return int(hits[0]) + 1 if len(hits) else 0


def batches(
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
