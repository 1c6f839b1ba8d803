"""One question at a time to a run's model, its answer, and what is said meanwhile."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from textual import work
from textual.content import Content

from core.errors import EagerError, EnvironmentFault
from core.run.folder import RunFolder
from core.serve.client import ServingClient
from eagertui.places.explore.explore_question import ExploreQuestion, Taken, ranks_of, taken
from eagertui.places.explore.lines import took
from eagertui.places.place import Place
from eagertui.plain import duration
from eagertui.widgets.draw import FAINT, error_lines, line, safe
from eagertui.widgets.lines import Lines
from eagertui.widgets.run_lines import hint
from eagertui.widgets.waiting import Waiting


class Asking(Place):
    """A place that asks the serving process for lists; a newer question takes the place of an older one."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = Waiting(self, self.tick)
        self.question: ExploreQuestion | None = None
        self.undo_stack: list[ExploreQuestion] = []
        self.answer: dict[str, Any] = {}
        self.places_before: dict[str, int] | None = None  # places before the last edit
        self.history: tuple[Taken, ...] = ()  # the one on the screen, oldest first
        self.own_history: tuple[Taken, ...] = ()  # the user's own
        self.held_out: tuple[object, object] = None, None  # id and title of what the user really took next
        self.beside_list: dict[str, Any] = {}  # the list of a baseline, or of another run

    @abstractmethod
    def show_answer(self) -> None:
        """Show the answer."""

    @abstractmethod
    async def list_beside(self, question: ExploreQuestion, history: Sequence[Taken]) -> dict[str, Any]:
        """What stands beside the model's list, for another question."""

    @abstractmethod
    def show_empty(self, question: ExploreQuestion) -> None:
        """Show that there is nothing to ask about yet."""

    @property
    def serving(self) -> ServingClient | None:
        """The serving process of this place."""
        return self.eager.serving

    @property
    def run_folder(self) -> RunFolder | None:
        """The run whose model is asked."""
        return self.serving.folder if self.serving else None

    def progress(self, text: str) -> None:
        """Say what is loaded, where somebody waits for it."""
        if self.waiting or not self.has_class("-answered"):  # what is loaded for the panel beside disturbs nobody
            self.waiting.start(safe(text))

    async def asked(self, method: str, channel: str = "", **params: Any) -> dict[str, Any]:
        """An answer of the serving process.

        Raises:
            EagerError: its own, or that it is not there yet.
        """
        if self.serving is None or not self.serving.ready:
            raise EagerError("the model is not loaded yet")
        return await self.serving.ask(method, channel=channel, **params)

    def begin(self, question: ExploreQuestion) -> None:
        """Ask about another user or basket; the restrictions stay as they were."""
        old = self.question
        if old is not None:
            kept = {
                name: getattr(old, name) for name in ("as_tested", "hide_seen", "k", "only", "deny", "more", "less")
            }
            question = replace(question, **kept)
        self.undo_stack.clear()
        self.own_history, self.held_out = (), (None, None)
        self.ask(question)

    def edit(self, question: ExploreQuestion) -> None:
        """Ask anew about what is on the screen, so that it can be undone."""
        if self.question is None or question == self.question:
            return
        self.undo_stack.append(self.question)
        self.ask(question, ranks_of(self.answer.get("items")))

    @work(group="ask", exclusive=True, exit_on_error=False)
    async def ask(self, question: ExploreQuestion, before: dict[str, int] | None = None) -> None:
        """Ask, and show the answer; `before`: places in the list before an edit."""
        if question.empty:
            self.show_empty(question)
            return
        self.waiting.start("ranking")
        try:
            answer = await self.asked("recommend", "list", **question.params())
        except EagerError as error:
            self.tell(error)
            return
        history = taken(answer.get("history"))
        try:
            beside = await self.list_beside(question, history)
        except EagerError as error:  # the model's own list is there all the same
            self.eager.complain(error)
            beside = {}
        self.rest()
        self.question, self.answer, self.places_before, self.beside_list = question, answer, before, beside
        self.history = history
        if not question.edited:
            self.own_history = self.history
            self.held_out = answer.get("target"), answer.get("target_title")
        self.show_answer()

    def say(self, *lines: Content) -> None:
        """Show a message instead of an answer."""
        self.remove_class("-answered")
        self.query_one("#message", Lines).show(lambda width: lines)

    def rest(self) -> None:
        """Nothing is waited for any more."""
        self.waiting.stop()

    def tick(self) -> None:
        """Say what is waited for; an answer that is there stays."""
        passed = self.waiting.seconds
        if not self.waiting:
            return
        if self.has_class("-answered"):  # the answer before stays until the next one is there
            self.query_one("#next").border_subtitle = Content(f"◐ {self.waiting.text} {duration(passed)}")
            return
        self.say(
            line([("◐ ", "bold $accent"), f"{self.waiting.text} … {duration(passed)}"]),
            hint("^r", "starts it again"),
        )

    def tell(self, error: EagerError) -> None:
        """Say what went wrong; an answer that is on the screen stays there."""
        gone = isinstance(error, EnvironmentFault) or self.serving is None or not self.serving.alive
        if self.has_class("-answered") and not gone:
            self.rest()
            self.query_one("#next").border_subtitle = Content(took(self.answer))
            asked = self.query_one("#asked", Lines)
            asked.display = True
            asked.show(lambda width: error_lines(error.message, error.remedy))
            return
        self.fail(error)

    def fail(self, error: EagerError) -> None:
        """Say why there is no answer."""
        self.rest()
        broken = isinstance(error, EnvironmentFault) or self.serving is None or not self.serving.alive
        key = [hint("^r", "starts it again")] if broken else [hint("/", "another user")]
        self.say(
            line([("✗ ", "bold $error"), safe(error.message)]), line([(safe(error.remedy), FAINT)]), Content(""), *key
        )
