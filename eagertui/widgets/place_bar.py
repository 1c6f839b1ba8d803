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
        """The line; a narrow one leaves out the app's name, a very narrow one the words of the other places."""
        width = self.content_size.width
        parts: list[Content | tuple[str, str]] = [(" EagerTUI ", "bold $primary"), (" ", "")] if width >= 76 else []
        for number, (place, label) in enumerate(PLACES.items(), start=1):
            here = place == self._place
            text = f" {number} {label} " if width >= 58 or here else f" {number} "
            tab = Content.from_markup(f"[@click=app.go('{place}')]{text}[/]")
            parts.append(tab.stylize("bold reverse" if here else "$foreground"))
        left = Content.assemble(*parts)
        room = width - left.cell_length - 2
        name = clip(self._project, room) if room >= 6 else ""
        return Content.assemble(left, Content(f" {name}").right(room + 1) if name else "", " ").truncate(width)
