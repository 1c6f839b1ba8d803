"""A code tree of any size: only the rows in sight are worked out and drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from core.index.tokens import code_text, letter
from eagertui.places.index.item_code import titled
from eagertui.widgets.draw import Part, bar, clip, fill
from eagertui.widgets.table.cursor_view import CursorView

if TYPE_CHECKING:
    from core.index.lookup import Lookup
    from eagertui.places.index.code_tree_rows import CodeRows, Spot

_PARTS = ("code", "faint", "bar")
DEEPEST = 12
"""Levels that are indented; whatever lies deeper stands as far to the right."""


class Signs(NamedTuple):
    """What stands before a row, and what a bar is made of."""

    open: str = "▾"
    closed: str = "▸"
    item: str = "·"
    full: str = ""
    """The sign of a whole cell of a bar; empty for blocks with fractions."""


ASCII = Signs("-", "+", ".", "#")


def short(level: int, code: int) -> str:
    """A code in few cells: `a12`."""
    return f"{letter(level)}{code}"


def row_parts(lookup: Lookup, rows: CodeRows, spot: Spot, width: int, signs: Signs) -> list[Part]:
    """A row as pieces with their components, exactly as wide as asked.

    A branch has its code, words, count, and a bar against the largest branch beside it; an item the rest of its code
    and its title.
    """
    tree, indent = lookup.branches, "  " * min(spot.depth, DEEPEST)
    if spot.item >= 0:
        begin = int(tree.depth[spot.branch])
        codes = " ".join(
            short(level, int(c)) for level, c in enumerate(lookup.index.codes[spot.item]) if level >= begin
        )
        left: list[Part] = [(f"{indent}{signs.item} ", "faint"), (f"{codes} ", "code")]
        return _whole([*left, (clip(titled(lookup, spot.item), width), "")], [], width)
    size, held = int(tree.size[spot.branch]), rows.is_open(spot.branch)
    sign = " " if not size else signs.open if held else signs.closed
    name = "all" if not spot.depth else short(spot.depth - 1, int(tree.code[spot.branch]))
    cells = 0 if width < 34 else 4 if width < 60 else 10 if width < 90 else 18
    right: list[Part] = [(f" {size:>{len(f'{lookup.n_items:,}')},}", "")]
    if cells:
        share = size / rows.most(spot.branch) if spot.depth else 0.0
        drawn = (
            (signs.full * max(1, round(share * cells))).ljust(cells) if signs.full and spot.depth else bar(share, cells)
        )
        if spot.depth and not drawn.strip():
            drawn = "▏".ljust(cells)
        right.append((f" {drawn}", "bar"))
    words = " ".join(tree.words(spot.branch)) if spot.depth else ""
    return _whole([(f"{indent}{sign} ", "faint"), (f"{name} ", "code"), (clip(words, width), "")], right, width)


def _whole(left: Sequence[Part], right: Sequence[Part], width: int) -> list[Part]:
    """The left pieces cut or filled so that the right ones stand at the end; without room for both, the left alone."""
    end = sum(cell_len(text) for text, _ in right)
    if end > width - 12:
        right, end = [], 0
    room, parts = width - end, list[Part]()
    for text, component in left:
        shown = clip(text, room) if cell_len(text) > room else text
        parts.append((shown, component))
        room -= cell_len(shown)
    return [*parts, (" " * room, ""), *right]


class _Drawing(NamedTuple):
    """What the lines of one frame have in common."""

    width: int = 0
    top: int = 0
    styles: Mapping[str, Style] = MappingProxyType({})

    def strip(self, parts: Sequence[Part]) -> Strip:
        """A line of pieces that are together as wide as the tree."""
        return Strip([Segment(text, self.styles.get(name)) for text, name in parts if text], self.width)


class CodeTree(CursorView):
    """A tree of codes: enter, right and left open and close; enter on an item asks for it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"code-tree--{part}" for part in _PARTS}
    DEFAULT_CSS = """
    CodeTree {
        & > .code-tree--code { color: $primary; text-style: bold; }
        & > .code-tree--faint { color: $foreground 70%; }
        & > .code-tree--bar { color: $success; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "inward", "Open", show=False),
        Binding("left,h", "outward", "Close, or the branch above", show=False),
        Binding("enter,space", "select", "Open"),
    ]

    @dataclass
    class Highlighted(Message):
        """The cursor came to a row, or the rows are others."""

        tree: CodeTree

    @dataclass
    class Asked(Message):
        """Somebody wants to know more of an item."""

        tree: CodeTree
        item: int

    def __init__(self, *, id: str | None = None, classes: str | None = None, signs: Signs | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.signs = signs or Signs()
        self._lookup: Lookup | None = None
        self._rows: CodeRows | None = None
        self._drawing = _Drawing()

    # What is shown

    @property
    def lookup(self) -> Lookup | None:
        """The index whose tree it is."""
        return self._lookup

    @property
    def spot(self) -> Spot | None:
        """What stands under the cursor."""
        return self._rows.spot(self._cursor) if self._rows is not None else None

    @property
    def cursor_row(self) -> int:
        """The row of the cursor."""
        return self._cursor

    @property
    def height(self) -> int:
        """Rows of what is open."""
        return self._rows.height if self._rows is not None else 0

    def copy_text(self) -> str:
        """The code under the cursor, or the id of the item."""
        if self._lookup is None or (spot := self.spot) is None:
            return ""
        if spot.item >= 0:
            return self._lookup.item_id(spot.item)
        tree = self._lookup.branches
        return code_text(tree.code[tree.path(spot.branch)[1:]])

    def show(self, lookup: Lookup | None) -> None:
        """Show another tree; of the same items and codes, what was open stays open."""
        from eagertui.places.index.code_tree_rows import CodeRows

        self._lookup = lookup
        self._rows = CodeRows(lookup.branches) if lookup is not None else None
        self._cursor, self._clicked = 0, -1
        self.scroll_to(y=0, animate=False)
        self._changed()

    def reveal_item(self, item: int) -> None:
        """Put the cursor on an item."""
        if self._rows is not None and self._lookup is not None:
            self._cursor = self._rows.reveal_item(item, self._lookup.index.codes[item].tolist())
            self._changed()

    def _changed(self) -> None:
        """There are other rows."""
        self._cursor = max(0, min(self._cursor, self.height - 1))
        self.virtual_size = Size(self.size.width, self.height)
        self.keep_in_sight()
        self.refresh()
        self._tell()

    def _tell(self) -> None:
        self._say_where()
        self.post_message(self.Highlighted(self))

    def _say_where(self) -> None:
        top, page = self.scroll_offset.y, self.page_height
        told = f"{top + 1:,}–{min(top + page, self.height):,} of {self.height:,}" if self.height else ""
        if told != self.border_subtitle:
            self.border_subtitle = told

    # The cursor

    def _go_to(self, row: int) -> None:
        row = max(0, min(row, self.height - 1))
        old, self._cursor = self._cursor, row
        if row == old:
            return
        self.keep_in_sight()
        width, top = self.scrollable_content_region.width, self.scroll_offset.y
        self.refresh(*(Region(0, line - top, width, 1) for line in (old, row) if 0 <= line - top < self.page_height))
        self._tell()

    def action_select(self) -> None:
        """Open or close a branch; ask for an item."""
        spot = self.spot
        if self._rows is None or spot is None:
            return
        if spot.item >= 0:
            self.post_message(self.Asked(self, spot.item))
        elif self._rows.is_open(spot.branch):
            self._rows.close(spot.branch)
            self._changed()
        else:
            self._open(spot.branch)

    def _open(self, branch: int) -> None:
        """Open a branch; where most of what it holds would be out of sight, it comes to the top."""
        assert self._rows is not None
        before = self.height
        self._rows.open(branch)
        self._changed()
        under = min(self.height - before, self.page_height - 1)
        if self._cursor + under >= self.scroll_offset.y + self.page_height:
            self.scroll_to(y=max(0, min(self._cursor, self._cursor + under - self.page_height + 1)), animate=False)
            self._say_where()

    def action_inward(self) -> None:
        """Open a branch, or go to the first row below it; ask for an item."""
        spot = self.spot
        if self._rows is None or spot is None:
            return
        if spot.item < 0 and self._rows.is_open(spot.branch):
            self._go_to(self._cursor + 1)
        else:
            self.action_select()

    def action_outward(self) -> None:
        """Close a branch, or go to the one above."""
        spot = self.spot
        if self._rows is None or spot is None:
            return
        if spot.item < 0 and spot.branch and self._rows.is_open(spot.branch):
            self.action_select()
        else:
            self._go_to(self._rows.row_above(self._cursor))

    def on_click(self, event: Click) -> None:
        """Move the cursor; on the sign, or a second time, open, close or ask."""
        offset = event.get_content_offset(self)
        row = offset.y + self.scroll_offset.y if offset is not None else self.height
        if self._rows is None or offset is None or row >= self.height:
            return
        event.stop()
        again, self._clicked = row == self._clicked == self._cursor, row
        self._go_to(row)
        spot = self.spot
        sign = 2 * min(spot.depth, DEEPEST) if spot else 0
        if again or (spot and spot.item < 0 and sign <= offset.x <= sign + 1):
            self.action_select()

    # Drawing

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Say where we are."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._say_where()

    def on_resize(self, event: Resize) -> None:
        """More or fewer rows are in sight."""
        self.virtual_size = Size(self.size.width, self.height)
        self.keep_in_sight()
        self._say_where()
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in sight; what they have in common is worked out once."""
        styles = {name: self.get_component_rich_style(f"code-tree--{name}") for name in _PARTS}
        styles |= {"cursor": self.get_component_rich_style("cursor-view--cursor"), "": self.rich_style}
        width = self.scrollable_content_region.width
        self._drawing = _Drawing(width, self.scroll_offset.y, styles)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line in sight."""
        drawing, row = self._drawing, y + self._drawing.top
        if self._rows is None or self._lookup is None or row >= self._rows.height:
            return drawing.strip([(" " * drawing.width, "")])
        parts = row_parts(self._lookup, self._rows, self._rows.spot(row), drawing.width, self.signs)
        if row == self._cursor:
            return drawing.strip([(fill("".join(text for text, _ in parts), drawing.width), "cursor")])
        return drawing.strip(parts)
