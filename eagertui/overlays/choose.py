"""A short list to choose from: one text of it, or some of them in an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option

from eagertui.widgets.draw import clip, line, safe

FAINT = "$foreground 60%"


@dataclass(frozen=True)
class Choice:
    """One text, how it is shown, and a word about it."""

    value: str
    label: str
    note: str = ""


class ChooseScreen(ModalScreen[tuple[str, ...] | None]):
    """A list of texts; the answer is the chosen ones, or None where nothing is to change.

    Args:
        title: what is chosen.
        doc: one line about it.
        choices: the texts.
        chosen: those that are chosen now, in their order.
        many: whether several may be chosen; they keep the order in which they were.
    """

    CSS_PATH = "choose.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", show=False),
        Binding("enter", "done", "Take them", show=False, priority=True),
        Binding("space", "mark", "Mark", show=False, priority=True),
    ]

    def __init__(
        self, title: str, doc: str, choices: Sequence[Choice], chosen: Sequence[str], *, many: bool = False
    ) -> None:
        super().__init__()
        self._title, self._doc, self._many = title, doc, many
        self._choices = tuple(choices)
        self._chosen = list(chosen)

    def compose(self) -> ComposeResult:
        """The words, the list and, for several, a button."""
        with Vertical(id="choose", classes="panel"):
            yield Static(line([(safe(self._doc), FAINT)]), markup=False, id="choose-doc")
            yield OptionList(*(Option(self._row(one)) for one in self._choices), markup=False)
            if self._many:
                yield Button(line([" Take these "]), compact=True, variant="primary")

    def on_mount(self) -> None:
        """The cursor stands on what is chosen now."""
        panel = self.query_one("#choose")
        panel.border_title = Content(safe(self._title))
        panel.border_subtitle = "space marks · enter takes · esc" if self._many else "enter takes · esc"
        values = [one.value for one in self._choices]
        marked = [values.index(one) for one in self._chosen if one in values]
        options = self.query_one(OptionList)
        options.highlighted = marked[0] if marked else 0
        options.focus()

    def action_mark(self) -> None:
        """Mark the text under the cursor, or take the mark away; of one text, take it."""
        index = self.query_one(OptionList).highlighted
        if index is not None:
            self._mark(index)

    def action_done(self) -> None:
        """Answer."""
        if self._many:
            self.dismiss(tuple(self._chosen))
        else:
            self.action_mark()

    def _mark(self, index: int) -> None:
        value = self._choices[index].value
        if not self._many:
            self.dismiss((value,))
            return
        if value in self._chosen:
            self._chosen.remove(value)
        else:
            self._chosen.append(value)
        options = self.query_one(OptionList)
        for number, one in enumerate(self._choices):
            options.replace_option_prompt_at_index(number, self._row(one))

    def _row(self, one: Choice) -> Content:
        if self._many:
            mark = f"{self._chosen.index(one.value) + 1:>2} " if one.value in self._chosen else " · "
        else:
            mark = " ● " if one.value in self._chosen else "   "
        style = "bold" if one.value in self._chosen else ""
        return line([(mark, "bold $accent"), (clip(one.label, 48), style), (f"  {safe(one.note)}".rstrip(), FAINT)])

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._mark(event.option_index)

    @on(Button.Pressed)
    def _pressed(self) -> None:
        self.dismiss(tuple(self._chosen))
