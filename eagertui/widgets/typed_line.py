"""The line that everything is typed into: keys count in the order in which they were pressed."""

from __future__ import annotations

from rich.text import Text
from textual.events import Key
from textual.reactive import reactive
from textual.widgets import Input

from eagertui.plain import steady, visible


class TypedLine(Input):
    """An `Input` whose letters do not overtake its other keys.

    Textual inserts a letter at once but runs a key like backspace only when it has climbed up to the app. Over a slow
    line keys arrive together, and a backspace would then take away the letter that was typed after it. Its cursor
    stands still: a blink is a frame, and over ssh nobody wants two of them a second for nothing.
    """

    cursor_blink = reactive(False, init=False)

    @property
    def _value(self) -> Text:
        """What is drawn of the value: a harmless sign for each of its own, so that the cursor stays where it belongs.

        A name of a file, or what somebody pastes, may hold anything; Textual would hand it to the terminal.
        """
        return Text("".join(map(_harmless, self.value)), no_wrap=True, overflow="ignore", end="")

    async def on_key(self, event: Key) -> None:
        """Run the line's own keys here, before the next letter."""
        if event.is_printable:
            return
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if not binding.priority and await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return


def _harmless(char: str) -> str:
    shown = steady(visible(char))
    return shown if len(shown) == 1 else "\ufffd"
