"""The items and users of a run by their ids, titles and numbers, and which of the items may be listed."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from core.data.dataset import Dataset
from core.data.known_ids import unknown_id
from core.errors import DataError
from core.index.revisions.changes import Growth
from core.recommend.restrictions import Mask, condition_mask, listed_mask


class ItemsOfRun:
    """What a run was trained on, and behind it the items that came later.

    Args:
        dataset: what it was trained on.
        growth: what was added and removed since; None = nothing.
    """

    def __init__(self, dataset: Dataset, growth: Growth | None) -> None:
        self.dataset = dataset
        items = dataset.items
        if growth is not None and growth.number:
            items = pl.concat([items, growth.items.select("item_id", "title", "text")], how="diagonal")
        self.items = items
        """The item table; the position is the item number, also in histories, masks and lists."""
        self._item_ids: list[str] = items["item_id"].to_list()
        self._titles = [title or item for title, item in zip(items["title"], self._item_ids, strict=True)]
        self._item_number = {item: number for number, item in enumerate(self._item_ids)}
        self._user_number = {user: number for number, user in enumerate(dataset.users.to_list())}
        self._listed: npt.NDArray[np.int32] | None = None
        """Item number of each item of the trie, where these are not the same."""
        if growth is not None and growth.number:
            gone = [self._item_number[item] for item in growth.removed]
            self._listed = np.setdiff1d(np.arange(len(self._item_ids), dtype=np.int32), gone)

    def allowed(self, only: str = "", allow: Collection[str] | None = None, deny: Collection[str] = ()) -> Mask | None:
        """The mask of the items that satisfy every restriction; None where there is none.

        Args:
            only: condition of SQL on the item table (`items`); of added items only id, title and text are known.
            allow: ids of the only items that may be listed; unknown ones are passed over.
            deny: ids of items that may not; unknown ones are passed over.

        Raises:
            DataError: the condition cannot be used, or no id of a list is known.
        """
        masks = [condition_mask(self.items, only)] if only else []
        if allow is not None:
            masks.append(listed_mask(self._item_number, allow, "allow"))
        if deny:
            masks.append(~listed_mask(self._item_number, deny, "deny"))
        return np.logical_and.reduce(masks) if masks else None

    def unknown(self, ids: Collection[str]) -> list[str]:
        """Which ids no item has."""
        return [one for one in ids if one not in self._item_number]

    def history_of(self, user: str, as_tested: bool = False) -> tuple[list[int], int | None]:
        """Item numbers of what a user took, oldest first; as tested without the held-out test target, and that.

        Raises:
            DataError: unknown user.
        """
        number = self._find(user, self._user_number, "user")
        items: list[int] = self.dataset.sequences[number].tolist()
        test = int(self.dataset.split.test[number])
        return (items[:test], items[test]) if as_tested and test >= 0 else (items, None)

    def users(self, prefix: str = "", limit: int = 50) -> list[str]:
        """Ids of users that start with a prefix, in the order of the logs."""
        return [user for user in self._user_number if user.startswith(prefix)][:limit]

    @property
    def listed(self) -> npt.NDArray[np.int32]:
        """Numbers of the items that can be recommended, rising; the place is the trie's number."""
        return np.arange(len(self._item_ids), dtype=np.int32) if self._listed is None else self._listed

    def named(self, item: int) -> tuple[str, str]:
        """Id and title of an item number; the title of one without is its id."""
        return self._item_ids[item], self._titles[item]

    def item_number(self, item_id: str) -> int | None:
        """The number of an item id; None where no item has it."""
        return self._item_number.get(item_id)

    def number(self, item_id: str) -> int:
        """The number of an item id.

        Raises:
            DataError: unknown item.
        """
        return self._find(item_id, self._item_number, "item")

    def trie_places(self, items: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Items as the trie numbers them; refuses those that it has not."""
        listed = self.listed
        places = np.searchsorted(listed, items)
        wrong = listed[np.minimum(places, len(listed) - 1)] != items
        if wrong.any():
            number = int(np.asarray(items)[wrong][0])
            if not 0 <= number < len(self._item_ids):
                raise DataError(f"no item has the number {number}", f"they go from 0 to {len(self._item_ids) - 1}")
            raise DataError(f"item {self._item_ids[number]!r} is no longer recommended", "it was removed")
        return places.astype(np.int64)

    def of_trie(self, mask: Mask) -> torch.Tensor:
        """A mask of all items, (..., items), as one of the items that can be recommended."""
        return torch.from_numpy(mask if self._listed is None else mask[..., self._listed])

    def _find(self, name: str, numbers: dict[str, int], kind: str) -> int:
        if name in numbers:
            return numbers[name]
        raise unknown_id(name, numbers, kind)
