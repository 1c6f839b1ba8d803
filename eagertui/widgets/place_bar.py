"""The first line of every place: where one is, and the way to the others."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from eagertui.actions import PLACES
from eagertui.widgets.draw import clip, safe

SHORTEST = 10
"""Cells that a project's name has before the bar shows more of itself."""


class PlaceBar(Static):
    """The app's name, the places with their number keys, and the project.

    Args:
        place: the place that this bar stands in.
    """

    DEFAULT_CSS = """
    PlaceBar { height: 1; dock: top; background: $panel; }
    """

    def __init__(self, place: str) -> None:
        super().__init__(markup=False)
        self._place = place
        self._project = ""

    def show_project(self, name: str) -> None:
        """Name the project at the right."""
        self._project = name
        self.refresh()

    def render(self) -> Content:
        """The line; a narrow one leaves out the words of the other places, a very narrow one the app's name."""
        width, named = self.content_size.width, min(cell_len(safe(self._project)), SHORTEST)
        forms = [(words, app) for app in (True, False) for words in (True, False)]
        lefts = [self._left(words, app) for words, app in forms]
        left = next((one for one in lefts if one.cell_length + named + 2 <= width), lefts[-1])
        room = width - left.cell_length - 2
        name = clip(self._project, room) if room >= min(named, 6) else ""
        return Content.assemble(left, Content(f" {name}").right(room + 1) if name else "", " ").truncate(width)

    def _left(self, words: bool, app: bool) -> Content:
        """The app's name and the places, the one here always by its word."""
        parts: list[Content | tuple[str, str]] = [(" EagerTUI ", "bold $primary"), (" ", "")] if app else []
        for number, (place, label) in enumerate(PLACES.items(), start=1):
            here = place == self._place
            text = f" {number} {label} " if words or here else f" {number} "
            tab = Content.from_markup(f"[@click=app.go('{place}')]{text}[/]")
            parts.append(tab.stylize("bold reverse" if here else "$foreground"))
        return Content.assemble(*parts)
