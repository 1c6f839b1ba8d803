"""What one of a few fixed users would get after an epoch of a training: told by the engine, drawn by every viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.safe_json import number

NAME = 48
"""Characters of a title at most, so that a list fits into a line of the events."""
LENGTH = 20
"""Items of a list."""


@dataclass(frozen=True)
class ListedItem:
    """An item by its id and title."""

    item_id: str
    title: str


@dataclass(frozen=True)
class WatchedList:
    """A user's list after an epoch, for the history that validation follows.

    Attributes:
        user: the id.
        stage: the stage of the training.
        epoch: epochs of that stage that were done.
        step: steps of that stage that were done.
        items: the list, best first.
        target: the item that the user took next, held out for validation.
    """

    user: str
    stage: str
    epoch: int
    step: int
    items: tuple[ListedItem, ...]
    target: ListedItem

    @property
    def rank(self) -> int:
        """The place of the held-out item; 0 = none."""
        return self.place(self.target.item_id)

    def place(self, item_id: str) -> int:
        """The place of an item; 0 = none."""
        return next((n for n, item in enumerate(self.items, 1) if item.item_id == item_id), 0)

    def to_event(self) -> dict[str, Any]:
        """The fields of its event."""
        return {
            "user": self.user, "stage": self.stage, "epoch": self.epoch, "step": self.step,
            "target": _row(self.target), "items": [_row(item) for item in self.items[:LENGTH]],
        }  # fmt: skip

    @classmethod
    def from_event(cls, data: Mapping[str, Any]) -> WatchedList | None:
        """The list in an event; None where it holds none."""
        items, target = data.get("items"), _item(data.get("target"))
        if not isinstance(data.get("user"), str) or not isinstance(items, list) or target is None:
            return None
        listed = tuple(item for row in items[:LENGTH] if (item := _item(row)) is not None)
        epoch, step = (int(number(data.get(name))) for name in ("epoch", "step"))
        return cls(data["user"], str(data.get("stage", "")), epoch, step, listed, target)


Watched = Mapping[str, Sequence[WatchedList]]
"""The lists of each user, one an epoch, the newest last."""


def _row(item: ListedItem) -> list[str]:
    title = item.title if len(item.title) <= NAME else item.title[: NAME - 1] + "…"
    return [item.item_id, title]


def _item(row: object) -> ListedItem | None:
    if isinstance(row, list) and len(row) == 2 and all(isinstance(text, str) for text in row):
        return ListedItem(row[0], row[1])
    return None
