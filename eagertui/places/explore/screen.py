"""Explore: ask a run's model about a user or a basket, see why, change the past, and look what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from core.errors import EagerError
from core.run.folder import RunFolder
from eagertui.actions import own_bindings
from eagertui.places.explore.evidence_lines import why_lines
from eagertui.places.explore.explore_question import ExploreQuestion, Taken, ranks_of, taken
from eagertui.places.explore.lines import (
    ITEM,
    USER,
    asked_lines,
    found_item_row,
    history_rows,
    item_rows,
    target_line,
    took,
    user_row,
)
from eagertui.places.explore.outcomes import KINDS, Outcomes
from eagertui.places.explore.over import BeamScreen, ChangeScreen, WhyScreen
from eagertui.places.explore.what_if import WhatIf
from eagertui.widgets.draw import clip, line, safe
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import RowList
from eagertui.widgets.run_lines import hint
from eagertui.widgets.typed_line import TypedLine

USERS, ITEMS = 200, 20
"""Users, and items, that the search shows at most."""
PAUSE = 0.25
"""Seconds that the cursor rests on an item before the panel beside the list asks why."""
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


class ExploreScreen(WhatIf):
    """Users at the left; history and list in the middle; why, or another method's list, at the right or below."""

    PLACE = "explore"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("explore")]
    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#users"

    def __init__(self) -> None:
        super().__init__()
        self._outcomes: Outcomes | None = None
        self._kind = next(iter(KINDS))
        self._why_timer: Timer | None = None

    def body(self) -> ComposeResult:
        """The panels."""
        with Horizontal(id="columns"):
            with Vertical(id="who", classes="panel"):
                yield UserInput(placeholder="/ user or item", id="user", compact=True, select_on_focus=False)
                yield RowList(id="users")
            with Vertical(id="what"):
                yield RowList(id="history", classes="panel")
                with Vertical(id="next", classes="panel"):
                    yield Lines(id="asked")
                    yield RowList(id="items")
                    yield Lines(id="target")
                yield RowList(id="beside", classes="panel")
                yield Lines(id="message", classes="panel")
            with VerticalScroll(id="why", classes="panel"):
                yield Lines(id="why-lines")

    def on_mount(self) -> None:
        """Name the panels."""
        super().on_mount()
        self.query_one("#who").border_title = "Users"
        self.query_one("#message").border_title = "Next"
        self.query_one("#why").border_title = "Why"

    def copy_text(self) -> str:
        """The row under the cursor: a user's id, or an item's id and title."""
        item = self.item_here()
        if item is not None:
            return f"{item.item_id}\t{item.title}"
        return (self.query_one("#users", RowList).current or "").removeprefix(USER).removeprefix(ITEM)

    def news(self) -> None:
        """Serve the run that the app means, if it is another one than before."""
        super().news()
        folder = self.eager.explore_folder()
        if folder is None:
            self.say(
                line([("No finished run to explore.", "bold")]),
                hint("4", "train: a live run becomes explorable when it is done"),
            )
            return
        if self.serving is None or self.serving.folder.path != folder.path:
            self._serve(folder)
        elif self.eager.user:
            self._take_user()

    @work(group="serve", exclusive=True, exit_on_error=False)
    async def _serve(self, folder: RunFolder) -> None:
        self.waiting.start("starting the model's process")
        self._outcomes = await asyncio.to_thread(_outcomes_of, folder)
        serving = await self.eager.serve(folder, self.progress)
        try:
            await serving.start()
        except EagerError as error:
            self.fail(error)
            return
        self.rest()
        self.say(
            line([("Who?", "bold"), f"  {serving.users:,} users, {serving.items:,} items"]),
            hint("enter", "takes the user under the cursor"),
            hint("/", "finds a user by id, an item by its title"),
            hint("o", "only those who were missed, hit, or better served by a baseline"),
            hint("n", "an empty basket: a new customer"),
        )
        self._list("")
        self._take_user()
        if self.question is not None and not self.eager.user:  # the same question to another run, or to the same anew
            self.ask(self.question)

    def _take_user(self) -> None:
        if self.eager.user and self.serving is not None and self.serving.ready:
            user, self.eager.user = self.eager.user, ""
            self.begin(ExploreQuestion(user=user))

    @work(group="users", exclusive=True, exit_on_error=False)
    async def _list(self, text: str) -> None:
        """Users whose id begins with the text, of the kind that is looked at; and items that hold it."""
        try:
            if self._outcomes is not None and self._kind != next(iter(KINDS)):
                found, many = await asyncio.to_thread(self._outcomes.find, self._kind, text, USERS)
                rows = [user_row(one.user, one) for one in found]
            else:
                users = (await self.asked("users", prefix=text, limit=USERS)).get("users") or []
                known = self._outcomes
                rows = [user_row(str(user), known.of(str(user)) if known is not None else None) for user in users]
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
        who.border_title = "Users" if self._kind == next(iter(KINDS)) else Content(f"Users · {self._kind}")
        none = f"nothing found for {clip(text, 12)}" if text and not rows and not items else ""
        shown = f"first {USERS} of {many:,}" if len(rows) == USERS and many > USERS else f"{many:,}"
        who.border_subtitle = Content(none or shown)

    def show_answer(self) -> None:
        """Draw history, list and what stands beside it."""
        question, answer = self.question, self.answer
        assert question is not None
        history, items = self.history, answer.get("items") or []
        above, below = self.query_one("#history", RowList), self.query_one("#items", RowList)
        name = f"History of {safe(question.user)}" if question.user else "Basket"
        above.border_title = Content(f"{name}{' · edited' if question.user and question.edited else ''}")
        kind = "" if question.edited else "as tested · " if question.as_tested else "to date · "
        above.border_subtitle = Content(f"{kind}{len(history)} items, the newest first")
        run = self.serving.folder.id if self.serving else ""
        panel = self.query_one("#next")
        panel.border_title = Content(f"Next {question.k} · {safe(run)}")
        panel.border_subtitle = Content(took(answer))
        self.add_class("-answered")
        self.set_class(bool(self.beside_list), "-beside")
        place = above.highlighted
        above.show(history_rows(history, self.own_history if question.edited and question.user else ()))
        above.highlighted = min(place or 0, len(history) - 1) if history else None
        target = None if question.edited else answer.get("target")
        others = ranks_of(self.beside_list.get("items")) if self.beside_list else None
        below.show(item_rows(items, target, self.places_before, others))
        below.highlighted = 0 if items else None
        asked = asked_lines(question, answer.get("notes"))
        self.query_one("#asked").display = bool(asked)
        self.query_one("#asked", Lines).show(lambda width: asked)
        rank = self._true_rank(question)
        self.query_one("#target").display = target is not None
        self.query_one("#target", Lines).show(
            lambda width: [target_line(target, answer.get("target_title"), items, question.k, rank, width)]
        )
        if self.beside_list:
            other = self.query_one("#beside", RowList)
            other.border_title = Content(f"Next by {safe(self.beside_list.get('baseline'))}")
            common = set(ranks_of(items)) & set(others or ())
            other.border_subtitle = Content(f"{len(common)} of {len(items)} in both")
            other.show(item_rows(self.beside_list.get("items") or [], target, None, ranks_of(items)))
        self._why_soon()
        self.call_after_refresh(self._unfold)

    def _unfold(self) -> None:
        """Where the users are folded away, the keys belong to the list."""
        hidden = not self.query_one("#who").display
        if self.is_current and hidden and (self.focused is None or self.focused.id in ("users", "user")):
            self.query_one("#items").focus()

    def _true_rank(self, question: ExploreQuestion) -> int | None:
        """The rank that the test gave the held-out item; None where it is not known of this very list."""
        plain = not (question.edited or question.hide_seen or question.only or question.deny or question.more)
        if not plain or question.less or not question.as_tested or self._outcomes is None:
            return None
        outcome = self._outcomes.of(question.user or "")
        return outcome.rank if outcome is not None else None

    def show_empty(self, question: ExploreQuestion) -> None:
        """Say how a basket is filled."""
        self.question, self.answer, self.history, self.places_before, self.beside_list = question, {}, (), None, {}
        self.remove_class("-beside")
        self.query_one("#history", RowList).show([])
        self.say(
            line([("An empty basket", "bold"), "  a customer of whom nothing is known yet"]),
            hint("a", "adds an item: find it by its title"),
            hint("i", "a wish, in words"),
            hint("/", "a user, or an item to begin with"),
        )

    def _why_soon(self) -> None:
        """Ask why once the cursor rests, where the panel for it is on the screen."""
        if self._why_timer is not None:
            self._why_timer.stop()
        self._why_timer = None
        if self.has_class("-answered") and self.query_one("#why").display and self.answer.get("items"):
            self._why_timer = self.set_timer(PAUSE, self._why)

    @work(group="why", exclusive=True, exit_on_error=False)
    async def _why(self) -> None:
        question, at = self.question, self.query_one("#items", RowList).highlighted
        items = taken(self.answer.get("items"))
        if question is None or question.empty or at is None or at >= len(items):
            return
        item, shown = items[at], self.query_one("#why-lines", Lines)
        try:
            answer = await self.asked("explain", "why", **question.params(), item=item.item_id)
            shown.show(lambda width: why_lines(answer, None, width))
            near = await self.asked("neighbors", "near", item=item.item_id)
        except EagerError as error:
            message = error.message
            shown.show(lambda width: [line([("✗ ", "bold $error"), safe(message)])])
            return
        shown.show(lambda width: why_lines(answer, near, width))
        self.query_one("#why", VerticalScroll).scroll_home(animate=False)

    def _asker(self, item: Taken) -> Callable[[str], Awaitable[dict[str, Any]]]:
        """Asks about an item in the list that is on the screen."""
        question = self.question or ExploreQuestion()
        own: dict[str, dict[str, Any]] = {
            "explain": {"item": item.item_id},
            "smallest_change": {"item": item.item_id},
            "beam": {"items": [item.item_id]},
        }

        async def ask(method: str) -> dict[str, Any]:
            params = question.params() | own[method] if method in own else {"item": item.item_id}
            return await self.asked(method, f"over-{method}", **params)

        return ask

    def _open(self, what: str, item: Taken | None) -> None:
        """Open a view of an item over the place."""
        if item is None or self.question is None or self.question.empty:
            self.eager.tell("choose a user or fill the basket first, then an item", severity="warning")
            return
        title, ask = clip(item.title, 60), self._asker(item)
        if what == "beam":
            self.app.push_screen(BeamScreen(f"Search · {title}", ask))
        elif what == "change":
            self.app.push_screen(ChangeScreen(f"Smallest change · {title}", ask, self.make_edits))
        else:
            self.app.push_screen(WhyScreen(f"Why · {title}", ask, lambda next_view: self._open(next_view, item)))

    def action_filter(self) -> None:
        """Type a user's id or an item's title."""
        self.add_class("-finding")
        typed = self.query_one(Input)
        typed.action_select_all()  # what is typed now takes the place of what was
        self.call_after_refresh(typed.focus)  # a folded pane takes the focus once it is there

    def action_next_kind(self) -> None:
        """Users by another outcome of the test."""
        if self._outcomes is None:
            self.eager.tell("this run has no ranks of its users", severity="warning")
            return
        kinds = list(KINDS)
        self._kind = kinds[(kinds.index(self._kind) + 1) % len(kinds)]
        self.add_class("-finding")
        self._list(self.query_one(Input).value.strip())
        self.call_after_refresh(self.query_one("#users").focus)
        self.eager.tell(KINDS[self._kind], title=self._kind)

    def action_restart(self) -> None:
        """End the serving process and start it again."""
        folder = self.eager.explore_folder()
        if folder is not None:
            self._serve(folder)

    def action_next_run(self) -> None:
        """Ask another finished run the same."""
        ready = [run.folder for run in self.eager.runs if run.status.state == "finished" and run.has_model]
        here = [folder.path for folder in ready].index(self.run_folder.path) if self.run_folder in ready else -1
        if len(ready) < 2:
            self.eager.tell("there is no other finished run in this project", severity="warning")
            return
        self.eager.chosen = ready[(here + 1) % len(ready)]
        self.news()

    def action_beam(self) -> None:
        """How the search came to the item under the cursor, level by level."""
        self._open("beam", self.item_here())

    def action_change(self) -> None:
        """The smallest change of the history that brings the item under the cursor in, or out."""
        self._open("change", self.item_here())

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def action_beside(self) -> None:
        """The list of the next baseline beside the model's; after the last one, none."""
        question = self.question
        if question is None or question.empty:
            return
        try:
            first = await self.asked("baseline_list", "beside", **question.params(), **_next_baseline(self.beside_list))
        except EagerError as error:
            self.eager.complain(error)
            return
        names, name = first.get("baselines") or [], self.beside_list.get("baseline")
        self.beside_list = {} if name is not None and names and name == names[-1] else first
        self.show_answer()

    @on(Input.Changed, "#user")
    def _typed(self, event: Input.Changed) -> None:
        self._list(event.value.strip())

    @on(Input.Submitted, "#user")
    def _entered(self, event: Input.Submitted) -> None:
        text, current = event.value.strip(), self.query_one("#users", RowList).current
        if text:
            found = current if current and (text in current or current.startswith(ITEM)) else f"{USER}{text}"
            self._choose(found)
            self.query_one("#users").focus()

    @on(UserInput.Left)
    def _to_list(self, event: UserInput.Left) -> None:
        if not event.keep:
            self.query_one(Input).value = ""
            self.remove_class("-finding")
        self.query_one("#users").focus()

    @on(RowList.OptionSelected, "#users")
    def _chosen(self, event: RowList.OptionSelected) -> None:
        self._choose(self.query_one("#users", RowList).row_at(event.option_index))

    def _choose(self, row: str) -> None:
        """Ask about a user; of an item see why it is or is not in the list, or begin a basket with it."""
        if row.startswith(USER):
            self.remove_class("-finding")
            self.begin(ExploreQuestion(user=row.removeprefix(USER)))
            return
        item = self.found_items.get(row)
        if item is None:
            return
        if self.question is not None and not self.question.empty and self.has_class("-answered"):
            self._open("why", item)
        else:
            self.add_item(item)

    @on(RowList.OptionSelected, "#history")
    @on(RowList.OptionSelected, "#items")
    @on(RowList.OptionSelected, "#beside")
    def _opened(self) -> None:
        self._open("why", self.item_here())

    @on(RowList.OptionHighlighted, "#items")
    def _rested(self) -> None:
        self._why_soon()

    def on_resize(self, event: Resize) -> None:
        """The panel for why comes and goes with the width."""
        super().on_resize(event)
        self.call_after_refresh(self._why_soon)


def _next_baseline(beside: dict[str, Any]) -> dict[str, str]:
    """The baseline after the one that is shown."""
    names, name = beside.get("baselines") or [], beside.get("baseline")
    at = names.index(name) + 1 if name in names else 0
    return {"baseline": names[at]} if at < len(names) and names else {}


def _outcomes_of(folder: RunFolder) -> Outcomes | None:
    """How the test went for the users; None where the run has no ranks that can be read."""
    import polars as pl

    try:
        return Outcomes.load(folder.path / "ranks.parquet", masked=False)
    except (OSError, pl.exceptions.PolarsError, ValueError):
        return None
