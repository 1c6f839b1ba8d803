"""What the Index place opens over itself for items: the search, and one item among its siblings and neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click
from textual.screen import ModalScreen

from core.errors import EagerError
from eagertui.actions import MOVES
from eagertui.overlays.modals import Finder
from eagertui.places.index.code_tree import short
from eagertui.places.index.item_code import item_row, kept, path_lines, shared_levels, titled
from eagertui.widgets.draw import FAINT, Part, clip, error_lines, line, safe, spread
from eagertui.widgets.lines import Fitted, Lines
from eagertui.widgets.row_list import Row, RowList

if TYPE_CHECKING:
    from core.index.lookup import Lookup

SOURCES = 2
"""Lists of neighbours that have a place: one a source of vectors."""
Ask = Callable[[str], Awaitable[Mapping[str, Any]]]
"""Asks the serving child for an item by its id."""


class FindItemScreen(Finder):
    """Find an item by its id or a part of its title.

    Args:
        lookup: the index.
    """

    NOUN = "item"
    HINT = "a part of a title, or an id"

    def __init__(self, lookup: Lookup) -> None:
        super().__init__()
        self._lookup = lookup

    @property
    def question(self) -> str:
        """What is looked through."""
        return f"Which item?  {self._lookup.n_items:,} items"

    def look(self, text: str, most: int) -> list[Row]:
        """Items by id or title."""
        return [Row(str(item), self._row(item)) for item in self._lookup.search(text, most)]

    def exact(self, text: str) -> int | None:
        """The item with this id."""
        return self._lookup.number(text)

    def _row(self, item: int) -> Callable[[int], Content]:
        title, item_id = titled(self._lookup, item), self._lookup.item_id(item)

        def draw(width: int) -> Content:
            right: list[Part] = [(clip(item_id, width // 4), FAINT)]
            return spread([clip(title, width - width // 4 - 1)], right, width)

        return draw


class ItemScreen(ModalScreen[int]):
    """One item: its code, path, siblings and, as soon as the serving child has them, its nearest neighbours.

    Enter on another item goes there; escape goes back. The answer is the number of the item that was looked at last.

    Args:
        lookup: the index.
        item: the item's number.
        ask: asks the serving child.
    """

    CSS_PATH = "style.tcss"
    AUTO_FOCUS = "#siblings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False),
        Binding("c", "app.copy", "Copy", show=False),
        Binding("ctrl+r", "again", "Ask again", show=False),
        *MOVES,
    ]

    def __init__(self, lookup: Lookup, item: int, ask: Ask) -> None:
        super().__init__()
        self._lookup, self._item, self._ask = lookup, item, ask
        self._before: list[int] = []
        self.shown: int | None = None
        """The item whose code and siblings stand on the screen."""

    def compose(self) -> ComposeResult:
        """The code above, siblings and neighbours below it."""
        with Vertical(id="item", classes="over"):
            yield Fitted(id="item-code", classes="panel")
            with Horizontal(id="item-lists"):
                yield RowList(id="siblings", classes="panel")
                with Vertical(id="near"):
                    for number in range(SOURCES):
                        yield RowList(id=f"near-{number}", classes="panel near")
                    yield Lines(id="near-message", classes="panel")

    def on_mount(self) -> None:
        """Show the item."""
        self.query_one("#item-code").styles.height = self._lookup.index.levels + 3
        self._show()

    def copy_text(self) -> str:
        """The id and title of the row under the cursor, or the item's own."""
        number = self._item
        if isinstance(self.focused, RowList) and self.focused.current is not None:
            number = int(self.focused.current)
        return f"{self._lookup.item_id(number)}\t{self._lookup.title(number)}"

    def action_back(self) -> None:
        """To the item before, or away."""
        if self._before:
            self._item = self._before.pop()
            self._show()
        else:
            self.dismiss(self._item)

    def action_again(self) -> None:
        """Ask once more, of a new child where the old one is gone."""
        self._show()

    def progress(self, text: str) -> None:
        """Say what the serving child does meanwhile."""
        if self.is_mounted and self.has_class("-waiting"):
            self._say(line([("◐ ", "bold $accent"), f"neighbours: {safe(text)} …"]))

    @on(RowList.OptionSelected)
    def _chosen(self, event: RowList.OptionSelected) -> None:
        rows = event.option_list
        if isinstance(rows, RowList):
            self._before.append(self._item)
            self._item = int(rows.row_at(event.option_index))
            self._show()

    def on_click(self, event: Click) -> None:
        """Beside the panels is the place."""
        if event.widget is self:
            self.dismiss(self._item)

    @work(group="item", exclusive=True, exit_on_error=False)
    async def _show(self) -> None:
        lookup, item = self._lookup, self._item
        code, siblings = self.query_one("#item-code", Fitted), self.query_one("#siblings", RowList)
        room = max(20, self.size.width - 12)
        code.border_title = Content(clip(lookup.title(item), room))
        code.border_subtitle = "enter goes to another · esc back"
        self.add_class("-waiting")
        self._say(line([("◐ ", "bold $accent"), "neighbours …"]))
        try:
            about = await asyncio.to_thread(lookup.about, item)
        except EagerError as error:
            self._say_error(error)
            return
        codes = about["codes"]
        notes = (about.get("conflict") is not None) + bool(about.get("added") or about.get("removed"))
        code.styles.height = lookup.index.levels + 3 + notes
        code.show(lambda width, height: path_lines(about, width, height))
        numbers = [int(number) for number in about["siblings"]]
        same = shared_levels(codes, lookup.index.codes[numbers[0]].tolist()) if numbers else 0
        under = " ".join(short(level, int(codes[level])) for level in range(same)) or "all"
        siblings.border_title = Content(f"{int(about.get('sibling_count', len(numbers))):,} siblings under {under}")
        siblings.border_subtitle = f"first {len(numbers)}" if len(numbers) < about.get("sibling_count", 0) else ""
        siblings.show([item_row(str(n), titled(lookup, n), self._same(n), self._levels) for n in numbers])
        siblings.highlighted = 0 if numbers else None
        self.shown = item
        try:
            told = await self._ask(lookup.item_id(item))
        except EagerError as error:
            self._say_error(error)
            return
        self._show_near(told.get("near"))

    @property
    def _levels(self) -> int:
        """Codes that items can share."""
        return self._lookup.index.levels - self._lookup.index.own

    def _same(self, other: int) -> int:
        codes = self._lookup.index.codes
        return shared_levels(codes[self._item].tolist(), codes[other].tolist())

    def _show_near(self, near: object) -> None:
        """The neighbours of each source, those that the code keeps marked by its letters."""
        found = {str(source): self._others(rows) for source, rows in near.items()} if isinstance(
            near, dict) else {}  # fmt: skip
        if not any(found.values()):
            late = self._lookup.is_added(self._item)
            told = "It was added after training" if late else "No vectors, no neighbours"
            self._say(line([f"{told}: the serving child knows of {'no vectors of it' if late else 'none'}."]))
            return
        self.remove_class("-waiting")
        levels = self._levels
        for number in range(SOURCES):
            rows = self.query_one(f"#near-{number}", RowList)
            source, items = list(found.items())[number] if number < len(found) else ("", [])
            rows.display = bool(items)
            shared = [self._same(other) for other, _ in items]
            rows.border_title = Content(f"Nearest in {clip(source, 16)}")
            rows.border_subtitle = f"share {kept(shared, levels)}"
            rows.show(
                [
                    item_row(str(other), titled(self._lookup, other), same, levels, similarity)
                    for (other, similarity), same in zip(items, shared, strict=True)
                ]
            )
            rows.highlighted = 0 if items else None

    def _say(self, *lines: Content) -> None:
        self.add_class("-waiting")
        self.query_one("#near-message", Lines).show(lambda width: lines)

    def _say_error(self, error: EagerError) -> None:
        self._say(*error_lines(error.message, error.remedy))

    def _others(self, rows: object) -> list[tuple[int, object]]:
        """Numbers and similarities of neighbours that are in the catalogue."""
        found = []
        for row in rows if isinstance(rows, list) else []:
            number = row.get("number") if isinstance(row, dict) else None
            if isinstance(number, int) and 0 <= number < self._lookup.n_items and number != self._item:
                found.append((number, row.get("similarity")))
        return found
