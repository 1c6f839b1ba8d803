"""The line that everything is typed into: keys count in the order in which they were pressed."""

from __future__ import annotations

from textual.events import Key
from textual.reactive import reactive

from eagertui.plain import steady, visible
from eagertui.textual_private import ShownInput


class TypedLine(ShownInput):
    """An `Input` whose letters do not overtake its other keys.

    Textual inserts a letter at once but runs a key like backspace only when it has climbed up to the app. Over a slow
    line keys arrive together, and a backspace would then take away the letter that was typed after it. Its cursor
    stands still: a blink is a frame, and over ssh nobody wants two of them a second for nothing.
    """

    cursor_blink = reactive(False, init=False)

    def shown_value(self) -> str:
        """A harmless sign for each of the value's own, so that the cursor stays where it belongs.

        A name of a file, or what somebody pastes, may hold anything; Textual would hand it to the terminal.
        """
        return "".join(map(_harmless, self.value))

    async def on_key(self, event: Key) -> None:
        """Run the line's own keys here, before the next letter."""
        if not event.is_printable and await self.run_own_key(event):
            event.stop()
            event.prevent_default()


def _harmless(char: str) -> str:
    shown = steady(visible(char))
    return shown if len(shown) == 1 else "\ufffd"
