"""Where the columns of a table stand: widths in cells from samples, and which of them are in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from eagertui.widgets.draw import Part, clip, safe
from eagertui.widgets.table.frame_view import FrameColumn, Texts

GAP = 2
"""Blank cells between two columns; the first of them may carry the sort arrow."""
SHORT = 24
"""A column that needs more cells than this is like a title: it takes what the others leave."""
LEAST = 16
"""Cells that a title keeps however little is left."""
READABLE = 28
"""Cells that a title has where not every column is in sight anyway; at most half of a narrow table."""
SPARE = 4
"""Fewer cells are not worth cutting a column's longest texts for."""
LONGEST = 200
"""No column is wider."""
NULL = "∅"


class Slot(NamedTuple):
    """A column in sight."""

    column: int
    x: int
    width: int
    cut: bool = False


def need(text: str | None) -> int:
    """Cells that a text would like; a long text is cut before it is looked at."""
    return 1 if text is None else min(LONGEST, cell_len(safe(text[: 2 * LONGEST])))


def fit(needs: Sequence[int], room: int, usual: Sequence[int] = ()) -> list[int]:
    """Widths for a room: what every column needs where that fits, else titles share what the others leave.

    Args:
        needs: cells for the longest text of each column.
        room: cells for all.
        usual: cells that are enough for most texts of each column; where titles would be short, the others make do
            with these.
    """
    room = max(1, room)
    if sum(needs) + GAP * len(needs) <= room + GAP:
        return [max(1, n) for n in needs]
    widths = [min(n, SHORT) for n in needs]
    left = room - sum(n for n in needs if n <= SHORT) - GAP * (len(needs) - 1)
    titles = sorted((n, i) for i, n in enumerate(needs) if n > SHORT)
    for index, enough in enumerate(usual):
        if titles and needs[index] <= SHORT and left < SHORT * len(titles) and widths[index] - enough >= SPARE:
            left += widths[index] - enough
            widths[index] = enough
    for number, (wish, index) in enumerate(titles):  # the smallest first: what it leaves goes to the others
        share = max(LEAST, left // (len(titles) - number))
        widths[index] = min(wish, share)
        left -= widths[index]
    if sum(widths) + GAP * (len(widths) - 1) > room:
        for wish, index in titles:
            widths[index] = max(widths[index], min(wish, READABLE, room // 2))
    return [max(1, min(w, room)) for w in widths]


def place(widths: Sequence[int], first: int, room: int) -> list[Slot]:
    """The columns in sight from a first one on; the last may be cut."""
    slots, x = [], 0
    for column in range(first, len(widths)):
        if x >= room:
            break
        slots.append(Slot(column, x, min(widths[column], room - x), widths[column] > room - x))
        x += widths[column] + GAP
    return slots


def scrolled(widths: Sequence[int], first: int, cursor: int, room: int) -> int:
    """The first column in sight so that the cursor's one is whole."""
    first = max(0, min(first, cursor))
    while first < cursor and sum(widths[first : cursor + 1]) + GAP * (cursor - first) > room:
        first += 1
    return first


def cell(text: str, width: int, right: bool = False) -> str:
    """Foreign text in exactly so many cells; a long one is cut before it is measured."""
    shown = clip(text[: 4 * width + 16], width)
    if right:
        return " " * (width - cell_len(shown)) + shown
    return set_cell_size(shown, width)


def row_parts(texts: Texts, columns: Sequence[FrameColumn], slots: Sequence[Slot], width: int) -> list[Part]:
    """A row as pieces of text, each with its component: nothing or `faint`; together exactly as wide as asked."""
    parts: list[Part] = []
    at = 0
    for slot in slots:
        text = texts[slot.column]
        shown = cell(NULL if text is None else text, slot.width, columns[slot.column].right)
        parts += [(" " * (slot.x - at), ""), (shown, "faint" if text is None else "")]
        at = slot.x + slot.width
    return _together([*parts, (" " * (width - at), "")])


def header_parts(
    columns: Sequence[FrameColumn], slots: Sequence[Slot], width: int, current: int, sort: tuple[int | None, bool]
) -> list[Part]:
    """The header as pieces of text with their components: the sort's arrow, and marks where columns lie beyond."""
    cut = bool(slots) and (slots[-1].column + 1 < len(columns) or slots[-1].cut)
    marks = (("‹" if slots and slots[0].column else "") + ("›" if cut else ""))[:width]
    room = width - len(marks)
    parts: list[Part] = []
    at = 0
    for slot in slots:
        if slot.x >= room:
            break
        column, sorted_ = columns[slot.column], slot.column == sort[0]
        cells = min(slot.width + sorted_, room - slot.x)  # the arrow may stand in the gap
        arrow = ("▼" if sort[1] else "▲") if sorted_ else ""
        name = clip(column.name, cells - len(arrow)) + arrow
        shown = cell(name, cells, column.right)
        parts += [(" " * (slot.x - at), "header"), (shown, "column" if slot.column == current else "header")]
        at = slot.x + cells
    return _together([*parts, (" " * (room - at), "header"), (marks, "column")])


def _together(parts: Sequence[Part]) -> list[Part]:
    """Neighbours of the same component as one piece: fewer bytes for a slow terminal."""
    joined: list[Part] = []
    for text, component in parts:
        if joined and joined[-1][1] == component:
            joined[-1] = (joined[-1][0] + text, component)
        elif text:
            joined.append((text, component))
    return joined
