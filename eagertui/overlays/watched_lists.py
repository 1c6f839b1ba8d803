"""What a few fixed users would get after every epoch of a training: one user at a time, place by place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from core.run.watched_list import Watched, WatchedList
from eagertui.overlays.modals import Overlay
from eagertui.widgets.draw import FAINT, Part, clip, fill, line, safe
from eagertui.widgets.lines import Lines

if TYPE_CHECKING:
    from eagertui.app import EagerApp

CELL, TITLE = 4, 24
"""Cells of an epoch's column, and of a title at least."""


def shown_epochs(count: int, room: int) -> list[int]:
    """Which of `count` lists have a column: all, or evenly drawn ones with the first and the last among them."""
    if count <= room or room < 2:
        return list(range(count))[-max(room, 1) :]
    return sorted({round(n * (count - 1) / (room - 1)) for n in range(room)})


def watched_lines(lists: Sequence[WatchedList], width: int) -> list[Content]:
    """The newest list of a user, and where each of its items and the held-out one stood after the epochs before.

    Args:
        lists: one an epoch, the newest last.
        width: cells of a line.
    """
    if not lists:
        return [line([("no validation yet", FAINT)])]
    chosen = shown_epochs(len(lists), max(1, (width - 4 - TITLE) // CELL))
    room = width - 4 - CELL * len(chosen)
    newest = lists[-1]

    def places(item_id: str) -> list[Part]:
        ranks = [lists[n].place(item_id) for n in chosen]
        return [(f"{rank or '·':>{CELL}}", "bold" if rank else FAINT) for rank in ranks]

    several = len({one.stage for one in lists}) > 1
    numbers = [n + 1 if several else lists[n].epoch for n in chosen]
    head = [(" " * 4, ""), (fill(f"place after {'validation' if several else 'epoch'}", room), FAINT)]
    rows = [line([*head, *((f"{number:>{CELL}}", FAINT) for number in numbers)])]
    target = newest.target
    rows.append(
        line([("  ✓ ", "bold $success"), (fill(f"held out: {target.title}", room), ""), *places(target.item_id)])
    )
    before = {item.item_id for item in lists[-2].items} if len(lists) > 1 else None
    for rank, item in enumerate(newest.items, 1):
        style = "bold $success" if item.item_id == target.item_id else ""
        new = before is not None and item.item_id not in before
        title = clip(item.title, room - 5) if new else clip(item.title, room)
        cells = [(f"{rank:>3} ", FAINT), (title, style), (" new" if new else "", "$secondary")]
        left = line(cells)
        rows.append(Content.assemble(left, " " * max(0, room + 4 - left.cell_length), line(places(item.item_id))))
    if len(chosen) < len(lists):
        rows.append(line([(f"{len(chosen)} of {len(lists)} epochs are shown", FAINT)]))
    return rows


class WatchedListsScreen(Overlay):
    """One user's lists; left and right turn to another user, enter asks about them in Explore.

    Args:
        watched: the lists as they are now, by user.
        explore: goes to a user in Explore.
        user: whom to show first.
    """

    CSS_PATH = "watched_lists.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l,tab", "turn(1)", "Next user", show=False),
        Binding("left,h,shift+tab", "turn(-1)", "User before", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
        Binding("enter", "explore", "Explore", show=False),
    ]

    def __init__(self, watched: Callable[[], Watched], explore: Callable[[str], None], user: str = "") -> None:
        super().__init__()
        self._watched, self._explore, self._user = watched, explore, user

    def compose(self) -> ComposeResult:
        """One panel."""
        with VerticalScroll(id="watched", classes="panel"):
            yield Lines(id="watched-lines")

    def on_mount(self) -> None:
        """Draw, and draw again when the run tells more."""
        cast("EagerApp", self.app).run_changed.subscribe(self, lambda _: self.draw())
        self.draw()

    def draw(self) -> None:
        """Draw the user's lists as they are now."""
        watched = self._watched()
        users = list(watched)
        asked = self._user
        if users and asked not in watched:
            self._user = users[0]
        lists = tuple(watched.get(self._user, ()))
        panel = self.query_one("#watched")
        at = users.index(self._user) + 1 if self._user in watched else 0
        panel.border_title = Content(f"User {safe(self._user)} · {at} of {len(users)} that are watched")
        missing = f"{clip(asked, 20)} is not among them · " if asked and asked != self._user else ""
        panel.border_subtitle = Content(f"{missing}← → user · enter explores · esc back")
        self.query_one("#watched-lines", Lines).show(lambda width: watched_lines(lists, width))

    def copy_text(self) -> str:
        """The newest list: id and title of each item."""
        lists = self._watched().get(self._user, ())
        return "\n".join(f"{item.item_id}\t{item.title}" for item in lists[-1].items) if lists else ""

    def action_turn(self, by: int) -> None:
        """Turn to another user."""
        users = list(self._watched())
        if users:
            at = users.index(self._user) if self._user in users else 0
            self._user = users[(at + by) % len(users)]
            self.draw()

    def action_scroll(self, rows: int) -> None:
        """Move the lines."""
        self.query_one("#watched", VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_explore(self) -> None:
        """Ask about the user."""
        if self._user:
            self.dismiss()
            self._explore(self._user)
