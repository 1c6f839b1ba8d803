"""What the model is asked in the Explore place: whose history, as it is or edited, and under which restrictions.

A question is a value: every edit makes a new one, so that undoing an edit is going back to the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

LENGTHS = (10, 20, 50)
"""How long a list may be, one key after the other."""


@dataclass(frozen=True)
class Taken:
    """An item of a history, and when it was taken; empty where that is not known."""

    item_id: str
    title: str
    time: str = ""


@dataclass(frozen=True)
class ExploreQuestion:
    """What is asked.

    Attributes:
        user: whose history; None for a basket of a new customer.
        basket: the history, oldest first, once it was edited or where it is a new customer's; None = the user's own.
        as_tested: the user's own history without the held-out item.
        hide_seen: leave items of the history out of the list; None = the project's own rule.
        k: length of the list.
        only: a condition on the item table.
        deny: items that may not be listed.
        more: words that the list is steered towards.
        less: words that it is steered away from.
        wish: words to find items by.
    """

    user: str | None = None
    basket: tuple[Taken, ...] | None = None
    as_tested: bool = True
    hide_seen: bool | None = None
    k: int = LENGTHS[1]
    only: str = ""
    deny: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    less: tuple[str, ...] = ()
    wish: str = ""

    @property
    def edited(self) -> bool:
        """Whether the history is another than the user's own."""
        return self.basket is not None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to ask about."""
        return not self.wish and (not self.basket if self.basket is not None else self.user is None)

    def params(self) -> dict[str, Any]:
        """The parameters of the serving process's `recommend` and of what explains a list."""
        params: dict[str, Any] = {"k": self.k}
        if self.basket:
            params["history"] = [item.item_id for item in self.basket]
        elif self.user is not None and self.basket is None:
            params |= {"user": self.user, "as_tested": self.as_tested}
        if self.hide_seen is not None:
            params["hide_seen"] = self.hide_seen
        optional = {"only": self.only, "deny": list(self.deny), "more": list(self.more), "less": list(self.less)}
        optional |= {"wish": self.wish}
        return params | {name: value for name, value in optional.items() if value}

    # --- edits; `history` is the one that is on the screen, oldest first ---------------------------------------------

    def added(self, history: Sequence[Taken], item: Taken) -> ExploreQuestion:
        """With one more item at the end."""
        return replace(self, basket=(*history, item))

    def dropped(self, history: Sequence[Taken], place: int) -> ExploreQuestion:
        """Without the item at a place."""
        return replace(self, basket=tuple(item for at, item in enumerate(history) if at != place))

    def moved(self, history: Sequence[Taken], place: int, by: int) -> ExploreQuestion:
        """With the item at a place `by` places later; unchanged where there is no such place."""
        to = place + by
        if not 0 <= to < len(history):
            return self
        order = list(history)
        order.insert(to, order.pop(place))
        return replace(self, basket=tuple(order))

    def next_length(self, by: int) -> ExploreQuestion:
        """With a longer or a shorter list."""
        at = LENGTHS.index(self.k) if self.k in LENGTHS else 0
        return replace(self, k=LENGTHS[max(0, min(at + by, len(LENGTHS) - 1))])

    def restrictions(self) -> list[str]:
        """What narrows or steers the list, in words."""
        said = [] if self.hide_seen is None else ["seen hidden" if self.hide_seen else "seen kept"]
        said += [f"only {self.only}"] if self.only else []
        said += [f"{len(self.deny)} denied"] if self.deny else []
        said += [f"wish {self.wish}"] if self.wish else []
        return said + [f"more {words}" for words in self.more] + [f"less {words}" for words in self.less]


def taken(items: object) -> tuple[Taken, ...]:
    """A history as the serving process tells it."""
    rows = items if isinstance(items, list) else []
    return tuple(
        Taken(str(row.get("item_id", "")), str(row.get("title") or row.get("item_id", "")), str(row.get("time") or ""))
        for row in rows
        if isinstance(row, Mapping)
    )


def ranks_of(items: object) -> dict[str, int]:
    """The place of each item of a list."""
    rows = items if isinstance(items, list) else []
    return {
        str(row.get("item_id")): int(row["rank"])
        for row in rows
        if isinstance(row, Mapping) and isinstance(row.get("rank"), int)
    }
