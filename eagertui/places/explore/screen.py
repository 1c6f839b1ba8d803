"""Explore: ask a run's model about a user or a basket, see why, change the past, and look what changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.timer import Timer

from core.errors import EagerError
from core.run.folder import RunFolder
from core.run.follow import Follower
from core.run.watched_list import Watched
from eagertui.actions import ACTIONS, own_bindings
from eagertui.places.explore.beside import Beside
from eagertui.places.explore.evidence_lines import why_lines
from eagertui.places.explore.explore_question import ExploreQuestion, Taken, ranks_of, taken
from eagertui.places.explore.finding_who import UserInput, outcomes_of
from eagertui.places.explore.lines import (
    ASKING,
    ITEM,
    USER,
    asked_lines,
    history_rows,
    item_rows,
    target_line,
    took,
)
from eagertui.places.explore.over import BeamScreen, ChangeScreen, WhyScreen
from eagertui.places.place import READING
from eagertui.widgets.draw import clip, counted, line, safe
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import RowList
from eagertui.widgets.run_lines import hint

OWN = {action.run.partition("(")[0] for action in ACTIONS if "explore" in action.places}
PAUSE = 0.25
"""Seconds that the cursor rests on an item before the panel beside the list asks why."""


class ExploreScreen(Beside):
    """Users at the left; history and list in the middle; why, or another method's list, at the right or below."""

    PLACE = "explore"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("explore")]
    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#users"

    def __init__(self) -> None:
        super().__init__()
        self._why_timer: Timer | None = None
        self._model_state = ""  # of the run that is served, see RunFolder.model_state
        self._explorable = False

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
        self.query_one("#why-lines", Lines).show(lambda width: [ASKING])

    def copy_text(self) -> str:
        """The row under the cursor: a user's id, or an item's id and title."""
        item = self.item_here()
        if item is not None:
            return f"{item.item_id}\t{item.title}"
        return (self.query_one("#users", RowList).current or "").removeprefix(USER).removeprefix(ITEM)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a run there is nobody to ask."""
        return self._explorable or action not in OWN

    def news(self) -> None:
        """Serve the run that the app means, if it is another one than before."""
        super().news()
        folder = self.eager.explore_folder()
        if self._explorable != (folder is not None):
            self._explorable = folder is not None
            self.refresh_bindings()
        if folder is None and not self.eager.runs_read:
            self.say(READING)
            return
        if folder is None:
            self.say(
                line([("No run to explore yet.", "bold")]),
                hint("4", "train: a run becomes explorable at its first validation"),
            )
            return
        if self.serving is None or self.serving.folder.path != folder.path:
            self._serve(folder)
            return
        self._tell_newer(folder)
        if self.eager.user:
            self._take_user()

    def _tell_newer(self, folder: RunFolder) -> None:
        """Say once that the run has come further than the model that is asked."""
        now = next((run.model_state for run in self.eager.runs if run.folder == folder), "")
        before, self._model_state = self._model_state, now
        if before and now and now != before and self.serving is not None and self.serving.so_far:
            what = "this run is finished" if now == "finished" else "this run has a better checkpoint"
            self.eager.tell(f"{what}: ctrl+r loads it")

    @work(group="serve", exclusive=True, exit_on_error=False)
    async def _serve(self, folder: RunFolder) -> None:
        self.waiting.start("starting the model's process")
        self._model_state = next((run.model_state for run in self.eager.runs if run.folder == folder), "")
        self.outcomes = await asyncio.to_thread(outcomes_of, folder)
        if self.beside_list.get("run"):
            self.beside_list = {}
            await self.eager.serve_beside(None)
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
        self.list_found("")
        self._take_user()
        if self.question is not None and not self.eager.user:  # the same question to another run, or to the same anew
            self.ask(self.question)

    def _take_user(self) -> None:
        if self.eager.user and self.serving is not None and self.serving.ready:
            user, self.eager.user = self.eager.user, ""
            self.remove_class("-finding")  # the pane would hide the answer where there is room for one of them
            self.begin(ExploreQuestion(user=user))

    def show_answer(self) -> None:
        """Draw history, list and what stands beside it."""
        question, answer = self.question, self.answer
        assert question is not None
        history, items = self.history, answer.get("items") or []
        above, below = self.query_one("#history", RowList), self.query_one("#items", RowList)
        name = f"History of {safe(question.user)}" if question.user else "Basket"
        above.border_title = Content(f"{name}{' · edited' if question.user and question.edited else ''}")
        kind = "" if question.edited else "as tested · " if question.as_tested else "to date · "
        above.border_subtitle = Content(f"{kind}{counted(len(history))}, the newest first")
        run = self.serving.folder.id if self.serving else ""
        panel = self.query_one("#next")
        panel.border_title = Content(f"Next {question.k} · {safe(run)}")
        panel.border_subtitle = Content(took(answer))
        self.add_class("-answered")
        self.show_tour()
        self.set_class(bool(self.beside_list), "-beside")
        place = above.highlighted
        above.show(history_rows(history, self.own_history if question.edited and question.user else ()))
        above.highlighted = min(place or 0, len(history) - 1) if history else None
        target, title = self.held_out  # an edited history keeps it in sight: does the edit bring it nearer?
        others = ranks_of(self.beside_list.get("items")) if self.beside_list else None
        below.show(item_rows(items, target, self.places_before, others))
        below.highlighted = 0 if items else None
        if not items:
            self.query_one("#why-lines", Lines).show(lambda width: ())
        asked = asked_lines(question, answer.get("notes"))
        self.query_one("#asked", Lines).show_if(bool(asked), lambda width: asked)
        rank = self._true_rank(question)
        self.query_one("#target", Lines).show_if(
            target is not None, lambda width: [target_line(target, title, items, question.k, rank, width)]
        )
        if self.beside_list:
            other = self.query_one("#beside", RowList)
            other.border_title = Content(f"Next by {safe(self.beside_name)}")
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
        if not plain or question.less or not question.as_tested or self.outcomes is None:
            return None
        outcome = self.outcomes.of(question.user or "")
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

    def action_restart(self) -> None:
        """End the serving process and start it again."""
        folder = self.eager.explore_folder()
        if folder is not None:
            self._serve(folder)

    def action_next_run(self) -> None:
        """Ask another run the same."""
        ready = [run.folder for run in self.eager.runs if run.explorable]
        here = [folder.path for folder in ready].index(self.run_folder.path) if self.run_folder in ready else -1
        if len(ready) < 2:
            self.eager.tell("there is no other run in this project that can be asked", severity="warning")
            return
        self.eager.chosen = ready[(here + 1) % len(ready)]
        self.news()

    @work(group="epochs", exclusive=True, exit_on_error=False)
    async def action_epochs(self) -> None:
        """What a few fixed users would have got after every epoch of the run's training."""
        from eagertui.overlays.watched_lists import WatchedListsScreen

        folder = self.run_folder
        if folder is None:
            return
        watched = await asyncio.to_thread(_watched, folder)
        if not watched:
            self.eager.tell("this run's training told no lists: it is of an earlier version", severity="warning")
            return
        user = (self.question.user if self.question is not None else None) or ""

        def explore(chosen: str) -> None:
            self.begin(ExploreQuestion(user=chosen))

        def now() -> Watched:
            follower = self.eager.follower
            live = follower.state.watched if follower is not None and follower.folder == folder else {}
            return live or watched

        self.app.push_screen(WatchedListsScreen(now, explore, user))

    def action_beam(self) -> None:
        """How the search came to the item under the cursor, level by level."""
        self._open("beam", self.item_here() or self.listed_here())

    def action_change(self) -> None:
        """The smallest change of the history that brings the item under the cursor in, or out."""
        self._open("change", self.item_here() or self.listed_here())

    @on(RowList.OptionSelected, "#users")
    def _chosen(self, event: RowList.OptionSelected) -> None:
        self.choose(self.query_one("#users", RowList).row_at(event.option_index))

    def choose(self, row: str) -> None:
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


def _watched(folder: RunFolder) -> Watched:
    """The lists that a run's story tells."""
    follower = Follower(folder)
    while follower.poll() and follower.behind:
        pass
    return follower.state.watched
