"""The tail of a run's story; only the lines in sight are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.content import Content
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from eagertui.widgets.draw import Part

Line = tuple[Part, ...]
MOST_FOLDED = 5000
"""Lines whose folding is kept, those of other contents included: somebody goes to and fro between two."""


class LogView(ScrollView, can_focus=True):
    """Lines of styled text, folded at the edge; stays at the end unless somebody scrolled up."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    LogView { height: 1fr; overflow-x: hidden; scrollbar-gutter: stable; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._folded: dict[Line, list[Content]] = {}
        self._width = 0
        self._drawn: list[Content] = []
        self._follows = True

    @property
    def plain(self) -> str:
        """The text as it would be copied."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def copy_text(self) -> str:
        """Every line."""
        return self.plain

    def follow(self) -> None:
        """Go to the end and stay there."""
        self._follows = True
        self.scroll_end(animate=False, force=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls away from the end stays where he is; whoever comes back follows again."""
        super().watch_scroll_y(old_value, new_value)
        self._follows = new_value >= self.max_scroll_y - 1

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """A scrollbar that comes after the scrolling stands where the text is; Textual leaves it at the top."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def show(self, lines: Sequence[Sequence[Part]]) -> None:
        """Show these lines instead."""
        new = tuple(tuple(line) for line in lines)
        if new != self._lines:
            self._lines = new
            self._fold()

    def on_resize(self, event: Resize) -> None:
        """Fold again at the new edge."""
        self._fold()

    def _fold(self) -> None:
        width = self.scrollable_content_region.width
        if width <= 0:
            return
        follows = self._follows
        if width != self._width or len(self._folded) > MOST_FOLDED:
            self._folded = {}
        for line in self._lines:
            if line not in self._folded:
                self._folded[line] = fold(line, width)
        self._width = width
        self._drawn = [piece for line in self._lines for piece in self._folded[line]]
        self.virtual_size = Size(width, len(self._drawn))
        self.refresh()
        if follows:
            self.follow()

    def render_line(self, y: int) -> Strip:
        """One line in sight."""
        index, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        if index >= len(self._drawn):
            return Strip.blank(width, self.rich_style)
        pieces = self._drawn[index].render(self.visual_style, end="", parse_style=self.app.stylesheet.parse_style)
        strip = Strip([Segment(text, style.rich_style) for text, style in pieces])
        return strip.adjust_cell_length(width, self.rich_style)


def fold(line: Line, width: int, indent: int = 9) -> list[Content]:
    """A line in pieces of at most a width; the later ones are indented below the clock."""
    content = Content.assemble(*line)
    if content.cell_length <= width:
        return [content]
    if width < indent * 3:
        return content.wrap(width)
    first, *_ = content.wrap(width)
    rest = content[len(first.plain) :]
    if not rest.plain.strip():
        return [first]
    begin = len(rest.plain) - len(rest.plain.lstrip())
    return [first, *(Content(" " * indent) + piece for piece in rest[begin:].wrap(width - indent))]
