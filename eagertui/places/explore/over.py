"""What the Explore place opens over itself: why an item, the beam, the smallest change, a search, words to type."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.screen import ModalScreen
from textual.widgets import Input

from core.errors import EagerError
from core.safe_json import number
from eagertui.overlays.modals import Finder, Overlay
from eagertui.places.explore.beam_lines import beam_lines
from eagertui.places.explore.evidence_lines import why_lines
from eagertui.places.explore.explore_question import Taken
from eagertui.places.explore.lines import ASKING
from eagertui.widgets.draw import FAINT, clip, error_lines, line, safe, spread
from eagertui.widgets.lines import Lines
from eagertui.widgets.row_list import Row
from eagertui.widgets.typed_line import TypedLine

Answer = Mapping[str, Any]
Ask = Callable[[str], Awaitable[Answer]]
"""Asks the serving process something about the item that is shown, by the name of the method."""


class Answered(Overlay):
    """Scrolling lines that wait for an answer.

    Args:
        title: of the panel.
        ask: asks for what is shown.
    """

    CSS_PATH = "style.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("pagedown,space", "scroll(10)", "Page down", show=False),
        Binding("pageup", "scroll(-10)", "Page up", show=False),
    ]
    SUBTITLE = "esc back"

    def __init__(self, title: str, ask: Ask) -> None:
        super().__init__()
        self._title, self._ask = title, ask

    def compose(self) -> ComposeResult:
        """One panel."""
        with VerticalScroll(id="over", classes="panel over"):
            yield Lines(id="over-lines")

    def on_mount(self) -> None:
        """Ask."""
        panel = self.query_one("#over")
        panel.border_title, panel.border_subtitle = Content(self._title), Content(self.SUBTITLE)
        self.show(lambda width: [ASKING])
        self.look()

    @work(group="look", exclusive=True, exit_on_error=False)
    async def look(self) -> None:
        """Ask, and show the answer."""
        try:
            await self.answer()
        except EagerError as error:
            self.show(lambda width, error=error: error_lines(error.message, error.remedy))  # type: ignore[misc]

    async def answer(self) -> None:
        """Ask for what is shown, and show it; a subclass says how."""

    def show(self, draw: Callable[[int], Sequence[Content]]) -> None:
        """Show other lines."""
        self.query_one("#over-lines", Lines).show(draw)

    def action_scroll(self, rows: int) -> None:
        """Move the lines."""
        self.query_one("#over", VerticalScroll).scroll_relative(y=rows, animate=False)


class WhyScreen(Answered):
    """The evidence for one item, on the whole screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "dismiss_to('beam')", "Beam", show=False),
        Binding("y", "dismiss_to('change')", "Smallest change", show=False),
    ]
    SUBTITLE = "t beam · y smallest change · esc back"

    def __init__(self, title: str, ask: Ask, go_on: Callable[[str], None]) -> None:
        super().__init__(title, ask)
        self._go_on = go_on

    async def answer(self) -> None:
        """The evidence first, the neighbours when they are there."""
        evidence = await self._ask("explain")
        self.show(lambda width: why_lines(evidence, None, width))
        near = await self._ask("neighbors")
        self.show(lambda width: why_lines(evidence, near, width))

    def action_dismiss_to(self, what: str) -> None:
        """Leave for another view of the same item."""
        self.dismiss()
        self._go_on(what)


class BeamScreen(Answered):
    """The search as a tree: what every level kept, and how the item and the held-out one fared."""

    async def answer(self) -> None:
        """All levels at once."""
        beam = await self._ask("beam")
        self.show(lambda width: beam_lines(beam, width))


class ChangeScreen(Answered):
    """The smallest change found that brings the item into the list, or out of it; enter makes it.

    Args:
        title: of the panel.
        ask: asks for what is shown.
        apply: makes the edits: (kind, item) in order.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "apply", "Make it", show=False)]
    SUBTITLE = "esc stops looking"

    def __init__(self, title: str, ask: Ask, apply: Callable[[Sequence[tuple[str, Taken]]], None]) -> None:
        super().__init__(title, ask)
        self._apply = apply
        self._edits: list[tuple[str, Taken]] = []

    async def answer(self) -> None:
        """The sentence, and every step that was tried."""
        change = await self._ask("smallest_change")
        reached = [one for one in change.get("attempts") or () if one.get("reached")]
        best = min(reached, key=lambda one: len(one.get("edits") or ()), default=None)
        for edit in (best or {}).get("edits") or ():
            item = edit.get("item") or {}
            taken = Taken(str(item.get("item_id", "")), str(item.get("title", "")))
            self._edits.append((str(edit.get("kind", "")), taken))
        self.query_one("#over").border_subtitle = Content("enter makes it · esc back" if best else "esc back")
        self.show(lambda width: change_lines(change, width))

    def action_apply(self) -> None:
        """Make the edits in the history."""
        if self._edits:
            self.dismiss()
            self._apply(self._edits)


def change_lines(change: Answer, width: int) -> list[Content]:
    """The answer in a sentence, and below it every step with what the model said after it."""
    lines = [line([(safe(change.get("sentence", "")), "bold")]), Content("")]
    for attempt in change.get("attempts") or ():
        kind = "Leaving out" if attempt.get("kind") == "remove" else "Adding"
        reached = ("reached", "$success") if attempt.get("reached") else ("not reached", "$warning")
        lines.append(line([(f"{kind}, one after the other: ", "bold $secondary"), reached]))
        for edit in attempt.get("edits") or ():
            rank = edit.get("rank")
            place = f"place {safe(rank)}" if rank is not None else "not listed"
            title = clip((edit.get("item") or {}).get("title", ""), width - 26)
            lines.append(spread([f"  {title}"], [(f"{number(edit.get('score'), 0.0):.2f}  {place}", FAINT)], width))
    return lines


class FindItem(Finder):
    """Find an item by its title or id with the help of the serving process; the answer is its place among the finds.

    Args:
        ask: looks for items that hold a text, at most so many.
    """

    NOUN = "item"
    HINT = "a part of a title, or an id"

    def __init__(self, ask: Callable[[str, int], Awaitable[Sequence[Answer]]]) -> None:
        super().__init__()
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self.items: list[Taken] = []
        """What was found last; the answer is a place in it."""

    @property
    def question(self) -> str:
        """What is looked for."""
        return "Which item comes to the history?"

    def look(self, text: str, most: int) -> list[Row]:
        """Items by id or title."""
        try:
            found = asyncio.run_coroutine_threadsafe(_whole(self._ask(text, most)), self._loop).result(30)
        except (EagerError, TimeoutError):
            return []
        items = [Taken(str(row.get("item_id", "")), str(row.get("title") or row.get("item_id", ""))) for row in found]
        first = len(self.items)
        self.items += items
        return [Row(str(first + at), self._row(item)) for at, item in enumerate(items)]

    def exact(self, text: str) -> int | None:
        """The item with this id."""
        return next((at for at, item in enumerate(self.items) if item.item_id == text), None)

    @staticmethod
    def _row(item: Taken) -> Callable[[int], Content]:
        def draw(width: int) -> Content:
            return spread([clip(item.title, width - width // 4 - 1)], [(clip(item.item_id, width // 4), FAINT)], width)

        return draw


async def _whole(asked: Awaitable[Sequence[Answer]]) -> Sequence[Answer]:
    return await asked


class WordsLine(TypedLine):
    """Where words are typed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "screen.dismiss", "Back", show=False)]


class WordsScreen(ModalScreen[str | None]):
    """One line to type; the answer is the text, None where nobody wants to change it.

    Args:
        title: what is asked for.
        hint: what can be typed, e.g.
        value: what stands there at first.
    """

    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#words"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back", show=False)]

    def __init__(self, title: str, hint: str, value: str = "") -> None:
        super().__init__()
        self._title, self._hint, self._value = title, hint, value

    def compose(self) -> ComposeResult:
        """The line, and an example below it."""
        with Vertical(id="words-panel", classes="panel"):
            yield WordsLine(self._value, id="words", compact=True, select_on_focus=False)
            yield Lines(id="words-hint")

    def on_mount(self) -> None:
        """Say what is asked for."""
        panel = self.query_one("#words-panel")
        panel.border_title, panel.border_subtitle = (
            Content(self._title),
            Content("enter takes it · empty: none · esc back"),
        )
        self.query_one("#words-hint", Lines).show(lambda width: [line([(self._hint, FAINT)])])

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def on_click(self, event: Click) -> None:
        """Beside the panel is the place."""
        if event.widget is self:
            self.dismiss(None)
