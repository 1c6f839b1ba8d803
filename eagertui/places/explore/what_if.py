"""What if: edits of the history and of the list's restrictions, each of which can be undone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual import work

from core.errors import EagerError
from core.files import write_atomic
from eagertui.places.explore.asking import Asking
from eagertui.places.explore.explore_question import ExploreQuestion, Taken, ranks_of, taken
from eagertui.places.explore.over import FindItem, WordsScreen
from eagertui.widgets.row_list import RowList


class WhatIf(Asking):
    """The keys that change a question."""

    def __init__(self) -> None:
        super().__init__()
        self.found_items: dict[str, Taken] = {}  # items that were looked for, by the ids of their rows

    def history_place(self) -> int | None:
        """The place in the history, oldest first, of the row under its cursor."""
        at = self.query_one("#history", RowList).highlighted
        return None if at is None or not self.history else len(self.history) - 1 - at

    def item_here(self) -> Taken | None:
        """The item under the cursor of the focused list; of the list where no list has the focus."""
        where = self.focused.id if self.focused is not None else ""
        if where == "users":
            return self.found_items.get(self.query_one("#users", RowList).current or "")
        if where == "history":
            at = self.history_place()
            return None if at is None else self.history[at]
        return self.listed_here(where if where in ("items", "beside") else "items")

    def listed_here(self, name: str = "items") -> Taken | None:
        """The item under the cursor of a list, focused or not."""
        rows = (self.beside_list if name == "beside" else self.answer).get("items") or []
        at = self.query_one(f"#{name}", RowList).highlighted
        return next(iter(taken(rows[at : at + 1])), None) if at is not None else None

    def action_new_basket(self) -> None:
        """Begin with a customer of whom nothing is known."""
        self.begin(ExploreQuestion(basket=()))

    @work(group="add", exclusive=True, exit_on_error=False)
    async def action_add(self) -> None:
        """Add an item to the end of the history."""

        async def look(text: str, most: int) -> Sequence[dict[str, Any]]:
            return (await self.asked("search_items", text=text, limit=most)).get("items") or []

        finder = FindItem(look)
        place = await self.app.push_screen_wait(finder)
        if place is not None:
            self.add_item(finder.items[place])

    def add_item(self, item: Taken) -> None:
        """Add an item to the history, or begin a basket with it."""
        question = self.question or ExploreQuestion(basket=())
        if question.empty:
            self.ask(question.added((), item))
        else:
            self.edit(question.added(self.history, item))

    def action_drop(self) -> None:
        """Take the item under the cursor out of the history, or out of the list."""
        question = self.question
        if question is None or question.empty:
            return
        where = self.focused.id if self.focused is not None else ""
        if where == "history" and (place := self.history_place()) is not None:
            if len(self.history) == 1 and question.user is not None:
                self.eager.tell("a list follows at least one item", severity="warning")
                return
            self.edit(question.dropped(self.history, place))
        elif where == "items" and (item := self.item_here()) is not None:
            self.edit(replace(question, deny=(*question.deny, item.item_id)))
        else:
            self.eager.tell("tab to the history or to the list first", severity="warning")

    def action_move(self, by: int) -> None:
        """Move the item under the cursor of the history; +1 is towards the newest, which stands at the top."""
        place = self.history_place()
        if self.question is None or place is None or self.focused is None or self.focused.id != "history":
            return
        edited = self.question.moved(self.history, place, by)
        if edited is not self.question:
            rows = self.query_one("#history", RowList)
            rows.highlighted = max(0, (rows.highlighted or 0) - by)
            self.edit(edited)

    def action_undo(self) -> None:
        """Take the last change back."""
        if not self.undo_stack:
            self.eager.tell("nothing to undo")
            return
        self.ask(self.undo_stack.pop(), ranks_of(self.answer.get("items")))

    def action_plain(self) -> None:
        """The user's own history and the whole catalogue again."""
        question = self.question
        if question is not None:
            basket = None if question.user is not None else question.basket
            self.edit(ExploreQuestion(user=question.user, basket=basket, as_tested=question.as_tested, k=question.k))

    def action_hide_seen(self) -> None:
        """Leave the history's items out of the list, or let them in again."""
        if self.question is not None:
            self.edit(replace(self.question, hide_seen=not self.question.hide_seen))

    def action_history_kind(self) -> None:
        """The history as tested, or to date."""
        if self.question is not None and not self.question.edited:
            self.edit(replace(self.question, as_tested=not self.question.as_tested))

    def action_length(self, by: int) -> None:
        """A longer or a shorter list."""
        if self.question is not None:
            self.edit(self.question.next_length(by))

    def action_only(self) -> None:
        """Only items that fulfil a condition."""
        hint_text = "a condition on the item table, e.g.  title LIKE '%oil%' AND brand = 'Acme'"
        self.type_words("Only items where", hint_text, "only")

    def action_wish(self) -> None:
        """Find items by a wish, for the history on the screen or for nobody."""
        self.type_words("A wish", "what somebody would say, e.g.  something for dry hair", "wish")

    def action_more(self) -> None:
        """Steer the list towards words."""
        self.type_words("More of", "words, e.g. a category or a brand; several are parted by ;", "more")

    def action_less(self) -> None:
        """Steer the list away from words."""
        self.type_words("Less of", "words, e.g. a category or a brand; several are parted by ;", "less")

    @work(group="type", exclusive=True, exit_on_error=False)
    async def type_words(self, title: str, hint_text: str, field: str) -> None:
        """Let somebody type a field of the question, and ask anew."""
        question = self.question or ExploreQuestion(basket=())
        if question.empty and field != "wish":
            self.eager.tell("choose a user or fill the basket first", severity="warning")
            return
        value = getattr(question, field)
        told = await self.app.push_screen_wait(
            WordsScreen(title, hint_text, value if isinstance(value, str) else "; ".join(value))
        )
        if told is None:
            return
        words: Any = (
            told if field in ("only", "wish") else tuple(part for one in told.split(";") if (part := one.strip()))
        )
        asked = replace(self.question or question, **{field: words})
        if self.question is None:
            self.begin(asked)
        else:
            self.edit(asked)

    def make_edits(self, edits: Sequence[tuple[str, Taken]]) -> None:
        """Make the edits of a smallest change."""
        history = list(self.history)
        for kind, item in edits:
            if kind == "add":
                history.append(item)
            else:
                history = [one for one in history if one.item_id != item.item_id]
        if self.question is not None:
            self.edit(replace(self.question, basket=tuple(history)))

    def action_export(self) -> None:
        """Write what is on the screen into a file of the working folder."""
        if self.question is None or not self.answer:
            self.eager.tell("there is no list yet", severity="warning")
            return
        run = self.serving.folder.id if self.serving else ""
        name = "".join(char if char.isalnum() else "_" for char in self.question.user or "basket")[:60]
        path = Path.cwd() / f"list-{name}.json"
        tree = {
            "run": run,
            "question": self.question.params(),
            "answer": self.answer,
            "beside": self.beside_list or None,
        }
        try:
            write_atomic(path, json.dumps(tree, indent=1, ensure_ascii=False))
            path.chmod(0o600)  # what people did is nobody else's
        except OSError as error:
            self.eager.complain(EagerError(f"cannot write {path}: {error.strerror or error}"))
            return
        self.eager.tell(f"written: {path}")
