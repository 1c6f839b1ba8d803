"""Where a value of a form is changed: typed, taken from a list, or marked in one; each says how it was left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Blur, Key
from textual.message import Message
from textual.widgets import OptionList, SelectionList
from textual.widgets.selection_list import Selection

from eagertui.forms.form_model import Field, text_of
from eagertui.textual_private import ToldSelect
from eagertui.widgets.draw import FAINT, line, safe
from eagertui.widgets.typed_line import TypedLine


@dataclass
class Settled(Message):
    """Somebody is done with a value; None keeps the old one."""

    text: str | None


def swallow_letter(event: Key) -> None:
    """A letter does nothing in a list of texts, and must not reach the keys of the screen below."""
    if event.is_printable and event.key != "space":
        event.stop()
        event.prevent_default()


class FieldInput(TypedLine):
    """Where a value is typed; escape leaves it as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Take it", key_display="enter"),
        Binding("escape", "leave", "Keep the old", key_display="esc"),
    ]

    def action_leave(self) -> None:
        """Leave it as it was."""
        self.post_message(Settled(None))

    def on_blur(self, event: Blur) -> None:
        """A click elsewhere takes what was typed; another window of the desktop does not."""
        if self.app.app_focus:
            self.post_message(Settled(self.value))


class ChoiceSelect(ToldSelect):
    """One of some texts, in a list above the line of the value.

    Args:
        field: the setting; its prefixes are choices too.
    """

    SCOPED_CSS = False  # it heeds the classes of its screen
    DEFAULT_CSS = """
    ChoiceSelect { width: 1fr; height: 1; }
    ChoiceSelect > SelectCurrent, ChoiceSelect:focus > SelectCurrent { border: none; padding: 0 1 0 0; height: 1; }
    ChoiceSelect > SelectOverlay {
        background: $surface; border: round $accent; max-height: 14;
        &:focus { border: round $accent; background-tint: $foreground 0%; }
    }
    .-short ChoiceSelect > SelectOverlay { max-height: 10; }
    ChoiceSelect > SelectOverlay:nocolor > .option-list--option-highlighted { text-style: bold underline; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "take", "Take it", show=False, priority=True)]

    def __init__(self, field: Field) -> None:
        value = field.value
        typed = next((one for one in field.prefixes if isinstance(value, str) and value.startswith(one)), None)
        chosen = value if value in field.choices else typed
        options = [(one, safe(one) or "none") for one in field.choices] + [(one, f"{one}…") for one in field.prefixes]
        words = dict(zip(field.choices, field.words, strict=False))
        shown = [
            (
                line(
                    [f"{'●' if one == chosen else ' '} {label}", (f"\n    {words[one]}" if one in words else "", FAINT)]
                ),
                one,
            )
            for one, label in options
        ]
        first = chosen if chosen is not None else options[0][0]  # where the cursor stands
        super().__init__(shown, allow_blank=False, value=first, type_to_search=False)
        self._field, self._rows = field, len(shown) + len(words)

    def on_mount(self) -> None:
        """Open the list."""
        overlay = self.query_one(OptionList)
        overlay.border_title = Content(safe(self._field.key))
        overlay.border_subtitle = "enter takes · esc"
        most = overlay.styles.max_height.cells if overlay.styles.max_height else None
        overlay.styles.offset = (0, -1 - min(self._rows + 2, most or self._rows + 2))
        self.expanded = True

    def on_key(self, event: Key) -> None:
        """The screen below has keys of its own."""
        swallow_letter(event)

    def action_take(self) -> None:
        """Take the text under the cursor."""
        self.query_one(OptionList).action_select()


class OrderedMarks(SelectionList[str]):
    """Some of a list of texts, numbered in the order in which they were marked.

    Args:
        texts: what can be marked.
        marked: what is marked now, in its order.
    """

    SCOPED_CSS = False
    DEFAULT_CSS = """
    OrderedMarks {
        height: auto; max-height: 10; border: round $accent; background: $surface; padding: 0; text-wrap: nowrap;
        &:focus { border: round $accent; background-tint: $foreground 0%; }
        &:focus:nocolor > .option-list--option-highlighted { text-style: bold underline; }
    }
    .-short OrderedMarks { max-height: 6; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Take them", show=False),
        Binding("escape", "leave", "Keep the old", show=False),
    ]

    def __init__(self, texts: Sequence[str], marked: Sequence[str], title: str) -> None:
        super().__init__(*(Selection(Content(safe(text)), text) for text in texts))
        self._texts = tuple(texts)
        for text in marked:
            self.select(text)
        self.border_title, self.border_subtitle = Content(safe(title)), "space marks · enter takes · esc"

    def on_mount(self) -> None:
        """The cursor stands on the first that is marked."""
        self._number()
        self.highlighted = self._texts.index(self.selected[0]) if self.selected else 0
        self.focus()

    def on_selection_list_selected_changed(self) -> None:
        """Number the marks anew."""
        self._number()

    def _number(self) -> None:
        marked = self.selected
        for index, text in enumerate(self._texts):
            number = f"{marked.index(text) + 1:>2} " if text in marked else " · "
            style = "bold" if text in marked else ""
            self.replace_option_prompt_at_index(index, line([(number, "bold $accent"), (safe(text), style)]))

    def on_key(self, event: Key) -> None:
        """The screen below has keys of its own."""
        swallow_letter(event)

    def action_take(self) -> None:
        """Take what is marked."""
        self.post_message(Settled(text_of(tuple(self.selected))))

    def action_leave(self) -> None:
        """Leave it as it was."""
        self.post_message(Settled(None))

    def on_blur(self, event: Blur) -> None:
        """A click elsewhere takes what is marked; another window of the desktop does not."""
        if self.app.app_focus:
            self.action_take()
