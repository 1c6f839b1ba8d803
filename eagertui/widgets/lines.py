"""A few lines that are drawn for the width they get."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

Draw = Callable[[int], Sequence[Content]]


class Lines(Widget):
    """Lines from a function of the width in cells; longer ones are folded."""

    DEFAULT_CSS = """
    Lines { height: auto; width: 1fr; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw: Draw = lambda width: ()
        self._shown: Content | None = None

    def show(self, draw: Draw) -> None:
        """Draw other lines."""
        self._draw = draw
        if not self.content_size.width:  # not laid out yet: for no width there is nothing to compare
            self._shown = None
            self.refresh(layout=True)
            return
        drawn = self._content(self.content_size.width)
        if self._shown is None or not drawn.is_same(self._shown):
            self._shown = drawn
            self.refresh(layout=True)

    def _content(self, width: int) -> Content:
        return Content("\n").join(self._draw(max(1, width)))

    def render(self) -> Content:
        """The lines for the width of now."""
        return self._content(self.content_size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are once they are folded."""
        content = self._content(width)
        return len(content.wrap(max(1, width))) if content.plain else 0
