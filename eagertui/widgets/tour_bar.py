"""The guided tour: five hints on the demo, each where it matters, each dismissed for good by one key."""

from __future__ import annotations

from dataclasses import dataclass

from textual.widgets import Static

from eagertui.widgets.draw import line


@dataclass(frozen=True)
class TourHint:
    """One hint.

    Attributes:
        name: under which it is remembered that somebody has read it.
        place: where it appears.
        answered: whether it appears where a list is on the screen, or where none is.
        text: the hint.
    """

    name: str
    place: str
    text: str
    answered: bool = False


HINTS = (
    TourHint("who", "explore", "enter asks what the reader under the cursor takes next; o turns to those it missed"),
    TourHint("why", "explore", "tab to the list, enter says why a book; a adds a book, u takes it back", answered=True),
    TourHint("codes", "index", "a book's code is its way down this tree: enter opens a branch, v shows a report card"),
    TourHint("verdict", "compare", "is it better? v turns the view; enter on a reader leads to their list"),
    TourHint("own", "home", "now yours: n makes a project of your logs, s copies this shop to train it"),
)


def hint_for(place: str, answered: bool, read: frozenset[str]) -> TourHint | None:
    """The hint of a place that nobody has read yet."""
    fitting = (one for one in HINTS if one.place == place and one.answered == answered and one.name not in read)
    return next(fitting, None)


class TourBar(Static):
    """The line above the keys that holds a hint; nothing where there is none."""

    DEFAULT_CSS = """
    TourBar { height: auto; max-height: 2; display: none; padding: 0 1; background: $boost; }
    TourBar.-told { display: block; }
    """

    def show_hint(self, hint: TourHint | None, key: str) -> None:
        """Show a hint and the key that dismisses it, or nothing."""
        self.set_class(hint is not None, "-told")
        if hint is not None:
            number = f"{HINTS.index(hint) + 1}/{len(HINTS)} "
            self.update(line([(number, "bold $accent"), hint.text, (f"  {key}", "bold $accent"), " got it"]))
