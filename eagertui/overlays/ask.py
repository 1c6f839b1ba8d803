"""A question before something that is hard to undo; the safe answer is the first one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from eagertui.actions import MOVES
from eagertui.widgets.draw import line
from eagertui.widgets.typed_line import TypedLine


@dataclass(frozen=True)
class Answer:
    """One answer: its name, its key, its words, and whether something may be lost by it."""

    name: str
    key: str
    label: str
    danger: bool = False


class AskScreen(ModalScreen[str]):
    """A question with two or three answers; the first has the focus, escape gives the one named so.

    Args:
        title: the question.
        text: what each answer means.
        answers: the safe one first; one of them has the key "esc".
    """

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,left", "app.focus_previous", show=False),
        Binding("down,right", "app.focus_next", show=False),
        *MOVES,
    ]

    def __init__(self, title: str, text: Content, answers: Sequence[Answer]) -> None:
        super().__init__()
        self._title, self._text, self._answers = title, text, tuple(answers)

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        with VerticalScroll(id="question", classes="panel", can_focus=False):
            yield Static(self._text, markup=False, id="question-text")
            longest = max(len(answer.key) for answer in self._answers)
            for number, answer in enumerate(self._answers):
                label = line([(f" {answer.key:^{longest}} ", "bold reverse"), f" {answer.label}"])
                yield Button(
                    label, id=f"answer-{number}", compact=True, variant="error" if answer.danger else "default"
                )

    def on_mount(self) -> None:
        """The safe answer has the focus."""
        self.query_one("#question").border_title = Content(self._title)
        self.query_one("#answer-0").focus()

    def on_key(self, event: Key) -> None:
        """Each answer has a key of its own."""
        for number, answer in enumerate(self._answers):
            if event.key == {"esc": "escape"}.get(answer.key, answer.key):
                event.stop()
                self.action_answer(number)

    def action_answer(self, number: int) -> None:
        """Give an answer."""
        self.dismiss(self._answers[number].name)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.action_answer(int(str(event.button.id).removeprefix("answer-")))


class TypeScreen(ModalScreen[str | None]):
    """A question whose answer is typed; escape answers nothing.

    Args:
        title: the question.
        text: what stands in the line at first.
        hint: what an empty line means.
    """

    CSS_PATH = "ask.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back", show=False)]

    def __init__(self, title: str, text: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._text, self._hint = title, text, hint

    def compose(self) -> ComposeResult:
        """The line to type in."""
        with VerticalScroll(id="question", classes="panel", can_focus=False):
            yield TypedLine(self._text, placeholder=self._hint, compact=True)

    def on_mount(self) -> None:
        """Name the line."""
        panel = self.query_one("#question")
        panel.border_title, panel.border_subtitle = Content(self._title), "enter keeps it · esc back"
        self.query_one(TypedLine).focus()

    @on(TypedLine.Submitted)
    def _typed(self, event: TypedLine.Submitted) -> None:
        self.dismiss(event.value)
