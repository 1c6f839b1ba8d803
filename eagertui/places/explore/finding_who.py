"""Whom or what to ask about: users by id or by how the test went for them, items by title."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from core.errors import EagerError
from core.run.folder import RunFolder
from eagertui.places.explore.explore_question import taken
from eagertui.places.explore.lines import ITEM, USER, found_item_row, user_row
from eagertui.places.explore.outcomes import BY_LENGTH, KINDS, Outcomes
from eagertui.places.explore.what_if import WhatIf
from eagertui.widgets.draw import clip
from eagertui.widgets.row_list import RowList
from eagertui.widgets.typed_line import TypedLine

USERS, ITEMS = 200, 20
"""Users, and items, that the search shows at most."""
NARROW = 22
"""Cells of the pane below which its border says less."""
LETTERS = 2
"""Letters from which on items are looked for, too."""


class UserInput(TypedLine):
    """Where a user's id or an item's title is typed; down and escape lead to the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "leave(True)", "To the list", show=False),
        Binding("escape", "leave(False)", "Every user", show=False),
    ]

    @dataclass
    class Left(Message):
        """Somebody wants to the list; `keep` is False where all users are wanted again."""

        keep: bool

    def action_leave(self, keep: bool) -> None:
        """Go to the list."""
        self.post_message(self.Left(keep))


class FindingWho(WhatIf):
    """The pane at the left: what is typed, and what it finds."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: Outcomes | None = None  # of the run that is asked
        self.kind = next(iter(KINDS))

    @abstractmethod
    def choose(self, row: str) -> None:
        """Ask about the user or the item of a row."""

    @work(group="users", exclusive=True, exit_on_error=False)
    async def list_found(self, text: str) -> None:
        """Users whose id begins with the text, of the kind that is looked at; and items that hold it."""
        try:
            if self.outcomes is not None and self.kind != next(iter(KINDS)):
                found, many = await asyncio.to_thread(self.outcomes.find, self.kind, text, USERS)
                by_length = self.kind in BY_LENGTH
                rows = [user_row(one.user, one, by_length) for one in found]
            else:
                users = (await self.asked("users", prefix=text, limit=USERS)).get("users") or []
                users = [str(user) for user in users]
                known = await asyncio.to_thread(self.outcomes.some, users) if self.outcomes is not None else {}
                rows = [user_row(user, known.get(user)) for user in users]
                many = self.serving.users if self.serving and not text else len(rows)
            items: list[Any] = []
            if len(text) >= LETTERS:
                items = (await self.asked("search_items", text=text, limit=ITEMS)).get("items") or []
        except EagerError as error:
            self.tell(error)
            return
        self.found_items = {f"{ITEM}{item.item_id}": item for item in taken(items)}
        listed = self.query_one("#users", RowList)
        listed.show([*rows, *map(found_item_row, items)])
        who = self.query_one("#who")
        everybody, narrow = self.kind == next(iter(KINDS)), who.size.width < NARROW
        who.border_title = "Users" if everybody else Content(self.kind if narrow else f"Users · {self.kind}")
        none = f"nothing found for {clip(text, 12)}" if text and not rows and not items else ""
        first = f"{'' if narrow else 'first '}{USERS} of {many:,}"
        shown = first if len(rows) == USERS and many > USERS else f"{many:,}"
        shown = f"{len(items)} items" if items and not rows else shown
        who.border_subtitle = Content(none or shown)

    def action_filter(self) -> None:
        """Type a user's id or an item's title."""
        self.add_class("-finding")
        typed = self.query_one(Input)
        typed.action_select_all()  # what is typed now takes the place of what was
        self.call_after_refresh(typed.focus)  # a folded pane takes the focus once it is there

    def action_next_kind(self) -> None:
        """Users by another outcome of the test."""
        if self.outcomes is None:
            self.eager.tell("this run has no ranks of its users", severity="warning")
            return
        kinds = list(KINDS)
        self.kind = kinds[(kinds.index(self.kind) + 1) % len(kinds)]
        self.add_class("-finding")
        self.list_found(self.query_one(Input).value.strip())
        self.call_after_refresh(self.query_one("#users").focus)
        self.eager.tell(KINDS[self.kind], title=self.kind)

    @on(Input.Changed, "#user")
    def _typed(self, event: Input.Changed) -> None:
        self.list_found(event.value.strip())

    @on(Input.Submitted, "#user")
    def _entered(self, event: Input.Submitted) -> None:
        text, current = event.value.strip(), self.query_one("#users", RowList).current
        if text:
            found = current if current and (text in current or current.startswith(ITEM)) else f"{USER}{text}"
            self.choose(found)
            self.query_one("#users").focus()

    @on(UserInput.Left)
    def _to_list(self, event: UserInput.Left) -> None:
        if not event.keep:
            self.query_one(Input).value = ""
            self.remove_class("-finding")
        self.query_one("#users").focus()


def outcomes_of(folder: RunFolder) -> Outcomes | None:
    """How the test went for the users; None where the run has no ranks that can be read."""
    import polars as pl

    try:
        return Outcomes.load(folder.path / "ranks.parquet", masked=False)
    except (OSError, pl.exceptions.PolarsError, ValueError):
        return None
