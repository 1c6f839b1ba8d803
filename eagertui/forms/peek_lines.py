"""The beginning of a table as aligned lines, the columns that are meant standing out."""

from __future__ import annotations

from collections.abc import Collection

from textual.content import Content

from eagertui.cli.create_project import Peek
from eagertui.widgets.draw import FAINT, Part, line
from eagertui.widgets.table.columns import GAP, NULL, cell, fit, need, place, scrolled


def peek_lines(peek: Peek, meant: Collection[str], width: int, height: int) -> list[Content]:
    """The header and the first rows; columns beyond the width are scrolled to, where they are meant.

    Args:
        peek: the table's beginning.
        meant: columns that stand out.
        width: cells of a line.
        height: lines.
    """
    needs = [max(need(name), *(need(row[at]) for row in peek.rows), 1) for at, name in enumerate(peek.columns)]
    widths = fit(needs, width)
    marked = [at for at, name in enumerate(peek.columns) if name in meant]
    slots = place(widths, scrolled(widths, 0, max(marked[:1], default=0), width), width)

    def drawn(texts: tuple[str | None, ...], plain: str, strong: str) -> Content:
        parts: list[Part] = []
        for slot in slots:
            text = texts[slot.column]
            style = strong if slot.column in marked else FAINT if text is None else plain
            parts += [(" " * GAP if parts else "", ""), (cell(NULL if text is None else text, slot.width), style)]
        return line(parts, width)

    rows = [drawn(row, FAINT if marked else "", "$foreground") for row in peek.rows]
    return [drawn(peek.columns, "bold", "bold $accent"), *rows][: max(1, height)]
