"""What several tasks share: prefixes of histories, texts of items, texts about users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.data.arrays import Int32, Int64
from core.prompts.tasks import Draw, FieldRows, TextTask, Value

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData

NO_HISTORY = "no training sequence has two items"


class Prefixes:
    """Every item of a training sequence but the first, with what stands before it.

    Args:
        data: the training sequences.
        allowed: which items may be the target, shape (items,); None = all.

    Attributes:
        places: place of each target in the flat training items; shape (prefixes,).
        users: its user; same shape.
    """

    def __init__(self, data: TaskData, allowed: npt.NDArray[np.bool_] | None = None) -> None:
        train = data.train
        mask = np.ones(len(train.items), dtype=bool)
        mask[train.offsets[:-1][train.lengths > 0]] = False
        if allowed is not None:
            mask &= allowed[train.items]
        self.places = np.flatnonzero(mask)
        self.users = np.repeat(np.arange(len(train)), train.lengths)[self.places]
        self._train, self._max_history = train, data.max_history

    def __len__(self) -> int:
        return len(self.places)

    @property
    def starts(self) -> Int64:
        """Where each history begins in the flat training items; it ends before `places`."""
        return np.maximum(self._train.offsets[self.users], self.places - self._max_history)

    def keep(self, mask: npt.NDArray[np.bool_]) -> None:
        """Leave out all others."""
        self.places, self.users = self.places[mask], self.users[mask]

    def at(self, row: int) -> tuple[Int32, int]:
        """History, the oldest first, and target."""
        place, start = int(self.places[row]), int(self._train.offsets[self.users[row]])
        return self._train.items[max(start, place - self._max_history) : place], int(self._train.items[place])


def prefixes_with_negatives(data: TaskData) -> Prefixes:
    """The prefixes of users for whom there is an item that they did not take."""
    prefixes = Prefixes(data)
    users, inverse = np.unique(prefixes.users, return_inverse=True)
    prefixes.keep(data.negatives.spare(users)[inverse])
    return prefixes


def items_with(data: TaskData, text: str) -> npt.NDArray[np.bool_]:
    """Which items have a `title` or a `description`; shape (items,)."""
    return data.texts.titled if text == "title" else data.texts.described


def no_texts(*texts: str) -> str:
    """The reason where no item has some texts."""
    names = " and a ".join(texts)
    return f"no item has a {names}: data.text names no such column"


def table_starts(texts: Sequence[tuple[str, ...]]) -> Int64:
    """Where each user's texts start in a table of `core.prompts.task_data.user_tables`; shape (users + 1,)."""
    return np.cumsum([0, *map(len, texts)], dtype=np.int64)


class ItemTask(TextTask):
    """One row an item that has the texts: its code, and each text by the item's number."""

    scales_with = "items"

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        texts = [name for name in (*self.prompt_fields, *self.response_fields) if name != "item"]
        items = np.flatnonzero(np.logical_and.reduce([items_with(data, text) for text in texts]))

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            return dict.fromkeys(("item", *texts), int(items[row]))

        return FieldRows(len(items), fields, no_texts(*texts))


class HistoryTextTask(TextTask):
    """One row a prefix whose target has the text of the response."""

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        (text,) = self.response_fields
        allowed = items_with(data, text)
        prefixes = Prefixes(data, allowed)

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            history, target = prefixes.at(row)
            return {"history": history, text: target}

        return FieldRows(len(prefixes), fields, NO_HISTORY if allowed.any() else no_texts(text))


class IntentTask(TextTask):
    """One row a user with an intent, whose target is the user's last training item."""

    response_fields = ("item",)
    needs_user_texts = True
    scales_with = "users"

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        with_history = "history" in self.prompt_fields
        train, starts = data.train, table_starts(data.users.intents)
        counts = np.diff(starts)
        users = np.flatnonzero((counts > 0) & (train.lengths > int(with_history)))

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            user = int(users[row])
            items = train[user]
            number = int(starts[user] + rng.integers(counts[user]))
            before = {"history": items[:-1][-data.max_history :]} if with_history else {}
            return {"intent": ("intent", number), "item": int(items[-1]), **before}

        return FieldRows(len(users), fields, f"no user has an intent (texts.users: {data.users.source})")


class PreferenceTask(TextTask):
    """One row a user with a preference: the history is all training items but the last, from which it was made."""

    prompt_fields = ("history",)
    needs_user_texts = True
    scales_with = "users"

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        train, starts = data.train, table_starts(data.users.preferences)
        counts = np.diff(starts)
        users = np.flatnonzero((counts > 0) & (train.lengths > 1))

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            user = int(users[row])
            number, items = int(starts[user] + rng.integers(counts[user])), train[user]
            given: dict[str, Value] = {"history": items[:-1][-data.max_history :], "preference": ("preference", number)}
            return given | ({"item": int(items[-1])} if "item" in self.response_fields else {})

        return FieldRows(len(users), fields, f"no user has a preference (texts.users: {data.users.source})")
