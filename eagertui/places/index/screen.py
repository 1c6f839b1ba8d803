"""Index: the code tree with its words, each level's use, and every conflict, beside what is known of a branch."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Resize

from core.errors import EagerError
from core.run.folder import RunFolder
from eagertui.actions import own_bindings
from eagertui.places.index.code_tree import ASCII, CodeTree, Signs
from eagertui.places.index.lines import (
    branch_lines,
    branch_name,
    empty_lines,
    item_lines,
    level_lines,
    report_lines,
    settling_lines,
    standing,
    wrapped,
)
from eagertui.places.index.opening import OpenIndex, find_index, open_index
from eagertui.places.place import Place
from eagertui.widgets.draw import error_lines, line, safe
from eagertui.widgets.lines import Fitted, Lines
from eagertui.widgets.table.frame_table import FrameTable

if TYPE_CHECKING:
    from core.index.lookup import Lookup
    from eagertui.places.index.neighbours import Neighbours
    from eagertui.widgets.table.frame_table import RowSource

VIEWS = ("tree", "conflicts", "report")
"""What `v` turns to; the first shows a part of everything where there is room."""
ROOMY = (76, 22)
"""Columns and lines from which it does."""
TALL = 36
"""Lines from which each level has a picture of its codes."""


class IndexScreen(Place):
    """The index of the run that is looked at, or else of the newest that has one."""

    PLACE = "index"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("index")]
    CSS_PATH = "style.tcss"
    AUTO_FOCUS = ""

    def __init__(self) -> None:
        super().__init__()
        self._open: OpenIndex | None = None
        self._stamp: object = ()
        self._wanted: list[RunFolder] | None = None
        self._looking = False
        self._view = "tree"
        self._asked_item: str | None = None
        self._neighbours: Neighbours | None = None

    def body(self) -> ComposeResult:
        """The panels."""
        with VerticalScroll(id="message", classes="panel"):
            yield Lines(id="message-text")
        with Horizontal(id="above"):
            yield CodeTree(id="tree", classes="panel", signs=ASCII if self.ascii_only else Signs())
            with Vertical(id="side"):
                yield Fitted(id="branch", classes="panel")
                yield Fitted(id="levels", classes="panel")
        yield Lines(id="settling", classes="panel")
        yield FrameTable(id="conflicts", classes="panel")
        with VerticalScroll(id="report", classes="panel"):
            yield Lines(id="report-text")

    def on_mount(self) -> None:
        """Name the panels, and look for an index."""
        self.query_one("#message").border_title = "Item index"
        self.query_one("#levels").border_title = "Usage per level"
        self.query_one("#settling").border_title = "How they were settled"
        self._lay_out()
        super().on_mount()

    async def on_unmount(self) -> None:
        """End the child that finds neighbours."""
        if self._neighbours is not None:
            await self._neighbours.close()

    @property
    def ascii_only(self) -> bool:
        """Whether a person wants no other signs."""
        return self.eager.config.symbols == "ascii"

    @property
    def opened(self) -> OpenIndex | None:
        """What is shown; None before it is read, or where no run has an index."""
        return self._open

    @property
    def codes(self) -> CodeTree:
        """The code tree."""
        return self.query_one(CodeTree)

    @property
    def lookup(self) -> Lookup | None:
        """Codes, branches and titles; None where there are none."""
        return self._open.lookup if self._open is not None else None

    @property
    def run_folder(self) -> RunFolder | None:
        """The run whose index is shown."""
        return self._open.at.run if self._open is not None else None

    def copy_text(self) -> str:
        """The report as JSON."""
        report = self._open.report if self._open is not None else {}
        return json.dumps(report, indent=1) if report else ""

    # --- reading ----------------------------------------------------------------------------------------------------

    def news(self) -> None:
        """Look for the index of the current run, or else of the newest that has one."""
        super().news()
        folders = [self.eager.current, *(run.folder for run in self.eager.runs)]
        self._wanted = [folder for folder in folders if folder is not None]
        if not self._looking:
            self._looking = True  # a look may take longer than it is until the next news
            self._look()
        self.refresh_keys()

    @work(group="index", exit_on_error=False)
    async def _look(self) -> None:
        try:
            while self._wanted is not None:
                folders, self._wanted = self._wanted, None
                at = await asyncio.to_thread(find_index, folders)
                stamp = at.stamp if at is not None else None
                if stamp == self._stamp:
                    continue
                if at is not None and self._open is None:
                    self._say(line([("◐ ", "bold $accent"), "opening the index …"]))
                self._open = await asyncio.to_thread(open_index, at) if at is not None else None
                self._stamp = stamp
                self._show()
        finally:
            self._looking = False

    # --- drawing ----------------------------------------------------------------------------------------------------

    def _say(self, *lines: Content) -> None:
        self.add_class("-message")
        self.query_one("#message-text", Lines).show(lambda width: lines)

    def _show(self) -> None:
        """Draw what was read."""
        shown = self._open
        self.refresh_bindings()
        if shown is None:
            self.query_one("#message").border_title = "Item index"
            self.codes.show(None)
            self._say(*empty_lines())
            self._take_focus()
            return
        for panel in ("#report", "#message"):
            self.query_one(panel).border_title = Content(f"Item index of {safe(shown.at.run.id)}")
        if shown.lookup is None:
            self._show_rest(shown)
            return
        self.remove_class("-message")
        self.codes.show(shown.lookup)
        self._show_report(shown)
        self._show_conflicts(shown)
        self._moved()
        self.call_after_refresh(self._name_tree)
        self._take_focus()
        self._open_asked()

    def _show_rest(self, shown: OpenIndex) -> None:
        """Without a tree: why, and the report where there is one."""
        trouble, report = shown.trouble, shown.report
        said = [part for fault in trouble.values() for part in (*error_lines(fault.message, fault.remedy), Content(""))]
        self.add_class("-message")
        self.query_one("#message-text", Lines).show(
            lambda width: [*said, *(report_lines(report, width, card=shown.card) if report else ())]
        )
        self._take_focus()

    def _show_report(self, shown: OpenIndex) -> None:
        report, usage, fault = shown.report, shown.usage, shown.trouble.get("report")
        levels, text = self.query_one("#levels", Fitted), self.query_one("#report-text", Lines)
        settling = self.query_one("#settling", Lines)
        if fault is not None:
            said = error_lines(fault.message, fault.remedy)
            levels.show(lambda width, height: [*wrapped(said, width)])
            for one in (text, settling):
                one.show(lambda width: said)
            return
        ascii_only = self.ascii_only
        levels.show(lambda width, height: level_lines(report, usage, width, height, ascii_only))
        text.show(lambda width: report_lines(report, width, usage, shown.card))
        settling.show(lambda width: settling_lines(report, width))

    def _show_conflicts(self, shown: OpenIndex) -> None:
        table, found = self.query_one("#conflicts", FrameTable), shown.conflicts
        told = standing(shown.report) or (found.summary() if found is not None else "")
        table.border_title = Content(f"Conflicts  {told}".rstrip())
        if found is None:
            fault = shown.trouble.get("conflicts")
            table.show(None, f"✗ {safe(fault.message)}" if fault else "no codes, no conflicts to look at")
            return
        from eagertui.places.index.conflict_list import SHOWN
        from eagertui.widgets.table.frame_rows import FrameRows

        table.show(FrameRows(found.groups, SHOWN), "No two items had the same code.")

    def _name_tree(self) -> None:
        """Write on the tree's border what it shows."""
        if self._open is not None and self._open.lookup is not None:
            self.codes.border_title = Content(f"Codes  {' · '.join(map(safe, self._open.names))}")

    def _moved(self) -> None:
        """Show what stands under the tree's cursor."""
        shown, panel = self._open, self.query_one("#branch", Fitted)
        spot = self.codes.spot
        if shown is None or shown.lookup is None or spot is None:
            panel.border_title = "Branch"
            panel.show(lambda width, height: ())
            return
        lookup, report = shown.lookup, shown.report
        # The border cuts a title that is too long itself, whatever width the panel has or comes to have.
        panel.border_subtitle = "enter neighbours" if spot.item >= 0 else ""
        if spot.item >= 0:
            panel.border_title = Content(safe(f"Item {lookup.item_id(spot.item)}"))
            panel.show(lambda width, height: item_lines(lookup, spot.item, width, height))
        else:
            panel.border_title = Content(safe(branch_name(lookup, spot.branch)))
            panel.show(lambda width, height: branch_lines(lookup, report, spot, width, height))

    # --- views ------------------------------------------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        """A small screen shows less at a time."""
        super().on_resize(event)
        self._lay_out()
        self.call_after_refresh(self._name_tree)
        self.call_after_refresh(self._moved)

    def on_screen_resume(self) -> None:
        """What was read while another place was shown has no focus yet."""
        super().on_screen_resume()
        if self.focused is None:
            self._take_focus()

    def _lay_out(self) -> None:
        """Give each panel the room that its content and the screen's size ask for."""
        tall, lookup = self.size.height >= TALL, self.lookup
        count = lookup.index.levels if lookup is not None else 4
        self.query_one("#levels").styles.height = max(6, min((4 if tall else 1) * count + 3, 22 if tall else 9))
        self.set_class(self.size.width < ROOMY[0] or self.size.height < ROOMY[1], "-small")
        for view in VIEWS:
            self.set_class(view == self._view and not self.has_class("-message"), f"-{view}")
        groups = self._open.conflicts.groups.height if self._open and self._open.conflicts else 0
        conflicts = self.query_one("#conflicts")
        conflicts.styles.height = "1fr" if self._view == "conflicts" else min(groups + 3, 12 if tall else 7)

    def _take_focus(self) -> None:
        """The keys belong to what is shown."""
        self._lay_out()
        if not self.is_current:
            return
        self.set_focus(self.query_one(f"#{'message' if self.has_class('-message') else self._view}"))

    def action_next_view(self) -> None:
        """The tree, then the conflicts, then the whole report."""
        self._view = VIEWS[(VIEWS.index(self._view) + 1) % len(VIEWS)]
        self._lay_out()
        self.call_after_refresh(self._take_focus)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without an index there is nothing to look at."""
        if action in ("find", "items", "next_view"):
            return self.lookup is not None
        if action == "sort":
            return self._open is not None and self._open.conflicts is not None
        return self._open is not None if action in ("diff", "add_items") else True

    def action_sort(self) -> None:
        """Sort the conflicts by the column under their cursor."""
        self.query_one("#conflicts", FrameTable).sort()

    # --- items ------------------------------------------------------------------------------------------------------

    @on(CodeTree.Highlighted)
    def _highlighted(self) -> None:
        self._moved()

    @on(CodeTree.Asked)
    def _asked(self, event: CodeTree.Asked) -> None:
        self._open_item(event.item)

    @on(FrameTable.Selected, "#conflicts")
    def _group(self, event: FrameTable.Selected) -> None:
        found, row = self._open.conflicts if self._open else None, event.table.row
        if found is None or row is None:
            return
        from eagertui.widgets.table.frame_rows import FrameRows

        group, what = found.group(row[-1]), "of one code" if row[-1] is not None else "made room"
        self.show_table(found.lookup, f"{group.height:,} items {what}", FrameRows(group))

    def action_items(self) -> None:
        """Every item of the branch under the cursor, in a table."""
        lookup, spot = self.lookup, self.codes.spot
        if lookup is None or spot is None:
            return
        from eagertui.places.index.code_tree_items import ItemRows

        self.show_table(lookup, branch_name(lookup, spot.branch), ItemRows(lookup, spot.branch))

    def show_table(self, lookup: Lookup, title: str, rows: RowSource) -> None:
        """Items in a table over this place; enter opens one."""
        from eagertui.places.index.item_tables import ItemTableScreen

        self.app.push_screen(ItemTableScreen(lookup, title, rows, self._open_item))

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def action_find(self) -> None:
        """Find an item, and show its code."""
        from eagertui.places.index.item import FindItemScreen

        if self.lookup is not None:
            item = await self.app.push_screen_wait(FindItemScreen(self.lookup))
            if item is not None:
                self._open_item(item)

    def show_item(self, item_id: str) -> None:
        """Open an item, as soon as the index is read."""
        self._asked_item = item_id
        self._open_asked()

    def _open_asked(self) -> None:
        if self.lookup is not None and self._asked_item is not None:
            number, self._asked_item = self.lookup.number(self._asked_item), None
            if number is not None:
                self._open_item(number)

    def _open_item(self, item: int) -> None:
        from eagertui.places.index.item import ItemScreen

        if self.lookup is not None:
            self.app.push_screen(ItemScreen(self.lookup, item, self._ask), self._reveal)

    def _reveal(self, item: int | None) -> None:
        """Behind an item that was looked at, the tree shows its place."""
        if item is not None and self.lookup is not None and item < self.lookup.n_items:
            self.codes.reveal_item(item)

    async def _ask(self, item_id: str) -> Mapping[str, Any]:
        """Ask the serving child for an item."""
        from eagertui.places.index.item import ItemScreen
        from eagertui.places.index.neighbours import Neighbours

        def told(text: str) -> None:
            if isinstance(self.app.screen, ItemScreen):
                self.app.screen.progress(text)

        if self._open is None:
            raise EagerError("there is no index any more")
        if self._neighbours is None:
            self._neighbours = Neighbours(self.eager.bridge, told)
        return await self._neighbours.of(self._open.at.run, item_id)

    @work(group="add", exclusive=True, exit_on_error=False)
    async def action_add_items(self) -> None:
        """Give the items of a table a code, and show them."""
        from eagertui.places.index.more_items import add_items, new_rows

        if self._open is None or not (added := await add_items(self.eager, self._open.at)):
            return
        at = await asyncio.to_thread(find_index, [self._open.at.run]) or self._open.at
        self._open, self._stamp = await asyncio.to_thread(open_index, at), at.stamp  # so that nothing is read again
        self._show()
        if self.lookup is not None and self.is_current:
            self.show_table(self.lookup, f"{len(added):,} new items", new_rows(self.lookup, added))

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def action_diff(self) -> None:
        """Choose another run with an index, and show both side by side."""
        from eagertui.places.index.side_by_side import choose_other, compare

        if self._open is not None and (other := await choose_other(self.eager, self._open.at)) is not None:
            await compare(self.eager, self._open.at, other)
