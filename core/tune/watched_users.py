"""A few users, fixed for a whole training, whose lists are told after every validation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.data.dataset import Dataset
from core.model.generator import Generator
from core.model.trie import Trie
from core.recommend.beam import Lists, beam_search
from core.recommend.search_batches import search_batches
from core.run.reporting import Reporter
from core.run.watched_list import LENGTH, ListedItem, WatchedList

USERS = 16


class WatchedUsers:
    """The users and their histories.

    Args:
        dataset: logs and catalogue.
        sample: places in the validation split of the users that are validated on; the watched ones are drawn from them.
        seed: of the draw.
    """

    def __init__(self, dataset: Dataset, sample: npt.NDArray[np.int64], seed: int) -> None:
        split = dataset.evaluation("valid")
        count = min(USERS, len(sample))
        chosen = np.sort(np.random.default_rng(seed).choice(sample, count, replace=False)) if count else sample[:0]
        self._histories, self._targets = split.histories.take(chosen), split.targets[chosen]
        ids = dataset.users.to_list()
        self._users = [str(ids[user]) for user in split.users[chosen].tolist()]
        self._items = dataset.items.select("item_id", "title")

    def tell(
        self, model: Generator, trie: Trie, max_history: int, bf16: bool, at: tuple[str, int, int], reporter: Reporter
    ) -> None:
        """Tell every user's list.

        Args:
            model: the generator, in evaluation mode.
            trie: legal codes.
            max_history: items of history that the model sees.
            bf16: whether matrix products run in bf16.
            at: stage, epochs and steps that are done.
            reporter: hears the lists.
        """
        width = min(LENGTH, trie.n_items)

        def search(histories: npt.NDArray[np.integer], _: None) -> Lists:
            return beam_search(model, trie, histories, width)

        for places, (lists, _) in search_batches(search, trie, self._histories, max_history, bf16):
            for place, items in zip(places.tolist(), lists.tolist(), strict=True):
                listed = tuple(self._named(item) for item in items if item >= 0)
                target = self._named(int(self._targets[place]))
                reporter.sample(WatchedList(self._users[place], *at, listed, target))

    def _named(self, item: int) -> ListedItem:
        item_id, title = self._items.row(item)
        return ListedItem(str(item_id), str(title or item_id))
