"""The first line of every place: where one is, and the way to the others."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from eagertui.actions import PLACES
from eagertui.widgets.draw import clip


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
        """The line."""
        width = self.content_size.width
        parts: list[Content | tuple[str, str]] = [(" EagerTUI ", "bold $primary"), (" ", "")]
        for number, (place, label) in enumerate(PLACES.items(), start=1):
            style = "bold reverse" if place == self._place else "$foreground"
            tab = Content.from_markup(f"[@click=app.go('{place}')] {number} {label} [/]")
            parts += [tab.stylize(style), (" ", "")]
        left = Content.assemble(*parts)
        room = width - left.cell_length - 1
        name = clip(self._project, room)
        return Content.assemble(left, Content(name).right(room) if room > 0 else "", " ").truncate(width)
