"""Explore: what a user gets from a run's model, beside the history that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input

from core.errors import EagerError
from core.run.folder import RunFolder
from core.serve.client import ServingClient
from eagertui.actions import own_bindings
from eagertui.places.explore.lines import history_rows, item_rows, user_rows, verdict
from eagertui.places.place import Place
from eagertui.plain import duration
from eagertui.widgets.draw import FAINT, clip, line, safe
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import RowList
from eagertui.widgets.run_lines import hint
from eagertui.widgets.typed_line import TypedLine
from eagertui.widgets.waiting import Waiting

USERS = 200
"""Users that the list shows at most."""
ITEMS = 20


class UserInput(TypedLine):
    """Where a user's id is typed; down and escape lead to the list."""

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


class ExploreScreen(Place):
    """Users at the left; history and ranked items at the right; a message instead of them while there are none."""

    PLACE = "explore"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("explore")]
    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#users"

    def __init__(self) -> None:
        super().__init__()
        self._waiting = Waiting(self, self._tick)
        self._broken = False
        self._shown: dict[str, list[dict[str, Any]]] = {}

    def body(self) -> ComposeResult:
        """The panels."""
        with Horizontal(id="columns"):
            with Vertical(id="who", classes="panel"):
                yield UserInput(placeholder="/ user id", id="user", compact=True, select_on_focus=False)
                yield RowList(id="users")
            with Vertical(id="what"):
                yield RowList(id="history", classes="panel")
                yield RowList(id="items", classes="panel")
                yield Lines(id="message", classes="panel")

    def on_mount(self) -> None:
        """Name the panels."""
        super().on_mount()
        self.query_one("#who").border_title = "Users"
        self.query_one("#message").border_title = "Next"

    @property
    def serving(self) -> ServingClient | None:
        """The serving process of this place."""
        return self.eager.serving

    def copy_text(self) -> str:
        """The row under the cursor: a user's id, or an item's id and title."""
        if self.focused is not None and self.focused.id in ("history", "items"):
            rows = self._shown.get(self.focused.id, [])
            at = self.query_one(f"#{self.focused.id}", RowList).highlighted
            item = rows[at] if at is not None and at < len(rows) else {}
            return f"{item.get('item_id', '')}\t{item.get('title', '')}".strip()
        return self.query_one("#users", RowList).current or ""

    def news(self) -> None:
        """Serve the run that the app means, if it is another one than before."""
        super().news()
        folder = self.eager.explore_folder()
        if folder is None:
            self._say(
                line([("No finished run to explore.", "bold")]),
                hint("4", "train: a live run becomes explorable when it is done"),
            )
            return
        if self.serving is None or self.serving.folder.path != folder.path:
            self._serve(folder)
        elif self.eager.user and self.serving.ready:  # another place asked for somebody
            user, self.eager.user = self.eager.user, ""
            self._recommend(user)

    # --- the serving process ----------------------------------------------------------------------------------------

    @work(group="serve", exclusive=True, exit_on_error=False)
    async def _serve(self, folder: RunFolder) -> None:
        self._broken = False
        self._waiting.start("starting the model's process")
        serving = await self.eager.serve(folder, self._progress)
        try:
            await serving.start()
        except EagerError as error:
            self._fail(error)
            return
        self._rest()
        self.query_one("#who").border_subtitle = Content(f"{serving.users:,}")
        self._say(
            line([("Who?", "bold"), f"  {serving.users:,} users, {serving.items:,} items"]),
            hint("enter", "takes the user under the cursor"),
            hint("/", "types an id, or its beginning"),
        )
        self._list_users("")
        if self.eager.user:
            user, self.eager.user = self.eager.user, ""
            self._recommend(user)

    def _progress(self, text: str) -> None:
        self._waiting.start(safe(text))

    @work(group="users", exclusive=True, exit_on_error=False)
    async def _list_users(self, prefix: str) -> None:
        if self.serving is None or not self.serving.ready:
            return
        try:
            found = (await self.serving.ask("users", prefix=prefix, limit=USERS)).get("users")
        except EagerError as error:
            self._fail(error)
            return
        users = [str(user) for user in found] if isinstance(found, list) else []
        rows = self.query_one("#users", RowList)
        rows.show(user_rows(users))
        none = f"no user begins with {clip(prefix, 12)}" if prefix and not users else ""
        rows.border_subtitle = f"first {USERS}" if len(users) == USERS else Content(none)

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def _recommend(self, user: str) -> None:
        if self.serving is None or not self.serving.ready:
            self.eager.tell("the model is not loaded yet", severity="warning")
            return
        self._waiting.start("ranking")
        try:
            result = await self.serving.ask("recommend", user=user, k=ITEMS, as_tested=True)
        except EagerError as error:
            self._fail(error)
            return
        self._rest()
        self._show(result)

    def _show(self, result: dict[str, Any]) -> None:
        history, items = result.get("history") or [], result.get("items") or []
        above, below = self.query_one("#history", RowList), self.query_one("#items", RowList)
        above.border_title = Content(f"History of {safe(result.get('user'))}")
        kind = f"{safe(result['history_kind'])}: " if result.get("history_kind") else ""
        above.border_subtitle = Content(f"{kind}{len(history)} items, the newest first")
        run = self.serving.folder.id if self.serving else ""
        below.border_title = Content(f"Next · {safe(run)}")
        below.border_subtitle = Content(verdict(result))
        self.add_class("-answered")
        self._shown = {"history": history[::-1], "items": items}
        above.show(history_rows(history))
        below.show(item_rows(items, result.get("target")))
        above.highlighted = 0 if history else None
        below.highlighted = 0 if items else None

    # --- messages ---------------------------------------------------------------------------------------------------

    def _say(self, *lines: Content) -> None:
        self.remove_class("-answered")
        self.query_one("#message", Lines).show(lambda width: lines)

    def _rest(self) -> None:
        self._waiting.stop()
        self.query_one("#users").border_subtitle = ""

    def _tick(self) -> None:
        passed = self._waiting.seconds
        if self._waiting and (not self.has_class("-answered") or passed > 0.4):
            self._say(
                line([("◐ ", "bold $accent"), f"{self._waiting.text} … {duration(passed)}"]),
                hint("^r", "starts it again"),
            )

    def _fail(self, error: EagerError) -> None:
        self._rest()
        self._broken = self.serving is None or not self.serving.alive
        key = [hint("^r", "starts it again")] if self._broken else [hint("/", "another user")]
        self._say(
            line([("✗ ", "bold $error"), safe(error.message)]), line([(safe(error.remedy), FAINT)]), Content(""), *key
        )

    # --- keys -------------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type a user's id."""
        self.query_one(Input).focus()

    def action_restart(self) -> None:
        """End the serving process and start it again."""
        folder = self.eager.explore_folder()
        if folder is not None:
            self._serve(folder)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._list_users(event.value)

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if event.value:
            found = self.query_one("#users", RowList).current
            self._recommend(found if found and found.startswith(event.value) else event.value)
            self.query_one("#users").focus()

    @on(UserInput.Left)
    def _to_list(self, event: UserInput.Left) -> None:
        if not event.keep:
            self.query_one(Input).value = ""
        self.query_one("#users").focus()

    @on(RowList.OptionSelected, "#users")
    def _chosen(self, event: RowList.OptionSelected) -> None:
        self._recommend(self.query_one("#users", RowList).row_at(event.option_index))
