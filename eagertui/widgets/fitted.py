"""A picture of lines that is drawn for the width and the height it gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.widget import Widget

Draw = Callable[[int, int], Sequence[Content]]


class Fitted(Widget):
    """Lines from a function of the width and height in cells; it never scrolls."""

    DEFAULT_CSS = """
    Fitted { height: 1fr; width: 1fr; text-wrap: nowrap; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw: Draw = lambda width, height: ()

    def show(self, draw: Draw) -> None:
        """Draw something else."""
        self._draw = draw
        self.refresh()

    def render(self) -> Content:
        """The lines for the size of now."""
        width, height = self.content_size
        if not width or not height:
            return Content("")
        return Content("\n").join(list(self._draw(width, height))[:height])
