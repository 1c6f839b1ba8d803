"""Lines that are drawn for the room they get: as many as there are, or as many as fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

Draw = Callable[[int], Sequence[Content]]
DrawFitted = Callable[[int, int], Sequence[Content]]


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
        if self._shown is None or not drawn.is_same(self._shown) or self._too_low(drawn):
            self._shown = drawn
            self.refresh(layout=True)

    def _too_low(self, drawn: Content) -> bool:
        """Whether lines have no room though their height is their own: on a busy machine a layout may be missed."""
        height, most = self.styles.height, self.styles.max_height
        if height is None or not height.is_auto or most is not None or not self.is_on_screen:
            return False
        return self.content_size.height < len(drawn.wrap(self.content_size.width))

    def show_if(self, shown: bool, draw: Draw) -> None:
        """Draw other lines, or take no room at all."""
        if self.display != shown:
            self.display = shown
        if shown:
            self.show(draw)

    def _content(self, width: int) -> Content:
        return Content("\n").join(self._draw(max(1, width)))

    def render(self) -> Content:
        """The lines for the width of now."""
        return self._content(self.content_size.width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as there are once they are folded."""
        content = self._content(width)
        return len(content.wrap(max(1, width))) if content.plain else 0


class Fitted(Widget):
    """Lines from a function of the width and height in cells; it never scrolls."""

    DEFAULT_CSS = """
    Fitted { height: 1fr; width: 1fr; text-wrap: nowrap; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._draw: DrawFitted = lambda width, height: ()

    def show(self, draw: DrawFitted) -> None:
        """Draw something else."""
        self._draw = draw
        self.refresh()

    def render(self) -> Content:
        """The lines for the size of now."""
        width, height = self.content_size
        if not width or not height:
            return Content("")
        return Content("\n").join(list(self._draw(width, height))[:height])
