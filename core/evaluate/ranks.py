"""Ranks of the held-out targets: in the model's lists, and in a baseline's scores of the whole catalogue.

The list of a user holds the best items first, equal scores by item number. A rank is 1-based; 0 means that the target
is not among the first `DEPTH`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.baselines import Scorer, Scores
from core.data.arrays import row_blocks
from core.data.dataset import Evaluation
from core.evaluate.metrics import DEPTH, Ranks
from core.model.generator import Generator
from core.model.trie import Trie
from core.recommend.beam import beam_search
from core.recommend.search_batches import Search, is_seen, search_batches
from core.run.reporter import Reporter

SCORES_BATCH, SCORES = 512, 1 << 25
"""Users whose scores of the whole catalogue are in memory at a time, and scores, at most."""
TOP = 10
"""Places of a list that count as shown."""

Users = npt.NDArray[np.int32] | npt.NDArray[np.int64]
Items = npt.NDArray[np.integer]


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


def save_ranking(path: Path, ranking: Ranking) -> None:
    """Write a ranking; `load_ranking` reads it."""
    fresh = path.with_suffix(".new.npz")
    np.savez_compressed(fresh, **vars(ranking))
    fresh.replace(path)


def load_ranking(path: Path) -> Ranking:
    """Read what `save_ranking` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Ranking(**{name: arrays[name] for name in arrays.files})


class Tally:
    """Counts ranks and shown items, batch by batch.

    Args:
        split: histories and targets.
        chosen: which of its users are ranked, as places in the split; a batch names its users by places in `chosen`.
        n_items: size of the catalogue.
    """

    def __init__(self, split: Evaluation, chosen: Users, n_items: int) -> None:
        self._split, self._chosen, self._n_items = split, chosen.astype(np.int64), n_items
        self._ranks, self._masked = (np.zeros(len(chosen), dtype=np.int32) for _ in range(2))
        self._shown, self._shown_masked = (np.zeros(n_items, dtype=np.int64) for _ in range(2))

    def add_lists(self, places: Users, lists: Items) -> None:
        """Count lists, of which the first `DEPTH` places matter.

        Args:
            places: whose lists these are.
            lists: item numbers, best first, each once, -1 where there are none; shape (users, length).
        """
        users = self._chosen[places]
        histories, targets = self._split.histories.take(users), self._split.targets[users]
        lists = lists[:, :DEPTH].astype(np.int64)
        # Which entries are in their user's history; bool, shape (users, length).
        seen = is_seen(histories, lists, self._n_items)
        # Place of each entry in the list without seen items, 1-based; shape (users, length).
        masked_place = np.cumsum(~seen, axis=1)
        # One row for each target that its list holds: which user, and at which place.
        row, place = np.nonzero(lists == targets[:, None])
        self._ranks[places[row]] = place + 1
        self._masked[places[row]] = np.where(seen[row, place], 0, masked_place[row, place])
        # The first places of both lists, counted item by item; shape (items,).
        real = lists >= 0
        self._shown += np.bincount(lists[:, :TOP][real[:, :TOP]], minlength=self._n_items)
        self._shown_masked += np.bincount(lists[real & ~seen & (masked_place <= TOP)], minlength=self._n_items)

    def add_scores(self, places: Users, scores: Scores) -> None:
        """Count lists that follow scores of the whole catalogue.

        Args:
            places: whose scores these are.
            scores: shape (users, items); are written over.
        """
        users = self._chosen[places]
        histories, targets = self._split.histories.take(users), self._split.targets[users]
        rows = np.arange(len(users))
        self._ranks[places] = _ranks_in_scores(scores, targets)
        self._shown += _shown_by_scores(scores)
        # Seen items fall out of the lists; a target among them has no rank.
        own = scores[rows, targets]
        scores[np.repeat(rows, histories.lengths), histories.items] = -np.inf
        repeated = np.isneginf(scores[rows, targets]) & ~np.isneginf(own)
        self._masked[places] = np.where(repeated, 0, _ranks_in_scores(scores, targets))
        self._shown_masked += _shown_by_scores(scores)

    def ranking(self) -> Ranking:
        """What was counted."""
        return Ranking(self._ranks, self._masked, self._shown, self._shown_masked)


def _ranks_in_scores(scores: Scores, targets: Items) -> npt.NDArray[np.int64]:
    """1 + how many items stand before the target: (users, items) -> (users,)."""
    own = scores[np.arange(len(targets)), targets][:, None]
    lower = np.arange(scores.shape[1])[None, :] < targets[:, None]
    rank = 1 + (scores > own).sum(axis=1) + ((scores == own) & lower).sum(axis=1)
    return np.where(rank <= DEPTH, rank, 0)


def _shown_by_scores(scores: Scores) -> npt.NDArray[np.int64]:
    """How often each item is among the first `TOP`: (users, items) -> (items,)."""
    count = scores.shape[1]
    top = min(TOP, count)
    # The lowest score that is still shown; where several items have it, the lower numbers take the room that is left.
    edge = torch.from_numpy(scores).topk(top, dim=1).values[:, -1:].numpy()
    above, at = scores > edge, (scores == edge) & np.isfinite(scores)
    room = top - above.sum(axis=1)
    crowded = np.flatnonzero(at.sum(axis=1) > room)
    at[crowded] &= np.cumsum(at[crowded], axis=1) <= room[crowded, None]
    return np.asarray((above | at).sum(axis=0))


def rank_by_scores(scorer: Scorer, split: Evaluation, n_items: int, name: str, reporter: Reporter) -> Ranking:
    """Rank every user's target by scores of the whole catalogue.

    Args:
        scorer: a fitted baseline.
        split: histories and targets.
        n_items: size of the catalogue.
        name: of the baseline, for the progress.
        reporter: hears the progress.

    Raises:
        StopRequested: somebody asked to stop.
    """
    tally = Tally(split, np.arange(len(split)), n_items)
    for block in row_blocks(len(split), n_items, SCORES, SCORES_BATCH):
        places = np.arange(block.start, block.stop)
        tally.add_scores(places, scorer.score(split.histories.take(places)))
        reporter.progress(name, block.stop, len(split), "users")
        reporter.stop_if_asked()
    return tally.ranking()


def ranks_of(
    model: Generator,
    trie: Trie,
    split: Evaluation,
    chosen: Users,
    max_history: int,
    beams: int,
    bf16: bool,
    reporter: Reporter,
) -> Ranking:
    """Rank the targets of some users of a split in the generator's lists.

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

    def search(histories: Items, _: None) -> list[Items]:
        return [beam_search(model, trie, histories, beams)[0]]

    (ranking,) = rank_by_lists(search, 1, trie, split, chosen, max_history, bf16, reporter)
    return ranking


def rank_by_lists(
    search: Search[None],
    methods: int,
    trie: Trie,
    split: Evaluation,
    chosen: Users,
    max_history: int,
    bf16: bool,
    reporter: Reporter,
) -> list[Ranking]:
    """Rank the targets of some users under several methods that share their work.

    Args:
        search: histories to a list a user for each method, shape (users, depth) each; threads may share it.
        methods: how many these are.
        trie: its items are the catalogue.
        split: histories and targets.
        chosen: places in the split.
        max_history: items of history the methods see.
        bf16: whether matrix products run in bf16.
        reporter: hears the progress.

    Returns:
        A ranking for each method.

    Raises:
        StopRequested: somebody asked to stop.
    """
    tallies = [Tally(split, chosen, trie.n_items) for _ in range(methods)]
    done = 0
    histories = split.histories.take(chosen)
    for places, lists in search_batches(search, trie, histories, max_history, bf16, together=True):
        for tally, one in zip(tallies, lists, strict=True):
            tally.add_lists(places, one)
        done += len(places)
        reporter.progress("ranking", done, len(chosen), "users")
        reporter.stop_if_asked()
    return [tally.ranking() for tally in tallies]
