"""Rows with a cursor, of any number: moving through them and keeping the cursor in sight. No drawing here."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.scroll_view import ScrollView


class CursorView(ScrollView, can_focus=True):
    """What a table and a tree have in common; its component `cursor-view--cursor` is the row under the cursor."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"cursor-view--cursor"}
    DEFAULT_CSS = """
    CursorView {
        height: 1fr; overflow-x: hidden; overflow-y: auto; background: $background; color: $foreground;
        & > .cursor-view--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
            text-style: $block-cursor-blurred-text-style;
        }
        &:focus > .cursor-view--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
        &:nocolor > .cursor-view--cursor { text-style: underline; }
        &:focus:nocolor > .cursor-view--cursor { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "go(-1)", "Up", show=False),
        Binding("down,j", "go(1)", "Down", show=False),
        Binding("pageup", "go_page(-1)", "Page up", show=False),
        Binding("pagedown", "go_page(1)", "Page down", show=False),
        Binding("home,ctrl+home,g", "go_first", "First row", show=False),
        Binding("end,ctrl+end,G", "go_last", "Last row", show=False),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._cursor, self._clicked = 0, -1

    @property
    @abstractmethod
    def height(self) -> int:
        """How many rows there are."""

    @abstractmethod
    def _go_to(self, row: int) -> None:
        """Move the cursor to a row, or to the first or last where there is none."""

    @property
    def _head(self) -> int:
        """Lines above the rows that do not scroll."""
        return 0

    @property
    def page_height(self) -> int:
        """Rows that are in sight at once."""
        return max(1, self.scrollable_content_region.height - self._head)

    def keep_in_sight(self) -> None:
        """Scroll as far as it takes for the cursor to be in sight."""
        top, page = self.scroll_offset.y, self.page_height
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + page:
            self.scroll_to(y=self._cursor - page + 1, animate=False)

    def action_go(self, rows: int) -> None:
        """Move the cursor by rows."""
        self._go_to(self._cursor + rows)

    def action_go_page(self, pages: int) -> None:
        """Move the cursor by screenfuls."""
        self._go_to(self._cursor + pages * self.page_height)

    def action_go_first(self) -> None:
        """Go to the first row."""
        self._go_to(0)

    def action_go_last(self) -> None:
        """Go to the last row."""
        self._go_to(self.height - 1)
