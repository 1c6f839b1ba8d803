"""The rows around the view, fetched in blocks, and how wide their columns would like to be."""

from __future__ import annotations

from collections import OrderedDict

from eagertui.widgets.table.columns import need
from eagertui.widgets.table.frame_view import RowSource, Texts

BLOCK = 128
"""Rows fetched at once."""
KEPT = 16
"""Blocks kept."""


class RowBlocks:
    """Rows of one table under any filter and order.

    Attributes:
        needs: Cells that each column would like, from its name and the rows that were fetched; it only grows.
        usual: Cells that are enough for three texts of four, from the same.
    """

    def __init__(self, rows: RowSource | None = None) -> None:
        self._rows = rows
        self._blocks: OrderedDict[int, list[Texts]] = OrderedDict()
        self.needs = [need(column.name) for column in rows.columns] if rows is not None else []
        self.usual = list(self.needs)
        if rows is not None and rows.height > BLOCK:
            for start in (rows.height // 2, rows.height - BLOCK):  # ids and positions often grow with the row
                self._measure(rows.slice(start, BLOCK))

    def use(self, rows: RowSource | None) -> None:
        """Go on with another view of the table."""
        self._rows = rows
        self._blocks.clear()

    def fetch(self, start: int, stop: int) -> None:
        """Have these rows at hand."""
        for number in range(start // BLOCK, -(-stop // BLOCK)):
            self._block(number)

    def row(self, number: int) -> Texts | None:
        """The texts of a row; None beyond the end."""
        if self._rows is None or not 0 <= number < self._rows.height:
            return None
        return self._block(number // BLOCK)[number % BLOCK]

    def _block(self, number: int) -> list[Texts]:
        block = self._blocks.get(number)
        if block is None:
            assert self._rows is not None
            block = self._blocks[number] = self._rows.slice(number * BLOCK, BLOCK)
            if len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)
            self._measure(block)
        return block

    def _measure(self, block: list[Texts]) -> None:
        for column, wide in enumerate(self.needs):
            cells = sorted(need(texts[column]) for texts in block)
            if cells:
                self.needs[column] = max(wide, cells[-1])
                self.usual[column] = max(
                    self.usual[column], cells[len(cells) * 3 // 4 - 1] if len(cells) > 3 else cells[-1]
                )
