"""The rows of a code tree of which some branches are open, without a node for each of them. No drawing here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.index.branches import BranchTable


class Spot(NamedTuple):
    """One row: a branch, or an item under one."""

    branch: int
    """The branch, or the one that the item stands under."""
    item: int
    """The item's number; -1 where the row is the branch itself."""
    depth: int
    """Steps from the root, for the indent."""


class _Block(NamedTuple):
    """Rows in a row: branches that are neighbours in the table, or items of one branch."""

    first: int
    """The first branch, or the place of the first item under its branch."""
    length: int
    branch: int
    """The branch that the items stand under; -1 for branches."""
    depth: int


class CodeRows:
    """What is seen of a tree: the open branches are remembered, every row is worked out when somebody looks.

    A branch's children are neighbours in the table, so that the rows are a few blocks however many there are: opening
    costs as much as there are open branches, and a row a binary search. A branch opens to its branches; the deepest
    ones, and those of a single item, to their items.

    Args:
        branches: the tree.
    """

    def __init__(self, branches: BranchTable) -> None:
        self.branches = branches
        self._open = {0}
        self._most: dict[int, int] = {}
        self._spread()

    @property
    def height(self) -> int:
        """Rows in sight, with those that one would have to scroll to."""
        return self._starts[-1]

    def spot(self, row: int) -> Spot:
        """What stands in a row."""
        number = bisect_right(self._starts, row) - 1
        block, place = self._blocks[number], row - self._starts[number]
        if block.branch < 0:
            return Spot(block.first + place, -1, block.depth)
        item = int(self.branches.items(block.branch, block.first + place, 1)[0])
        return Spot(block.branch, item, block.depth)

    def is_open(self, branch: int) -> bool:
        """Whether what lies below a branch is in sight with it."""
        return branch in self._open

    def holds_items(self, branch: int) -> bool:
        """Whether a branch opens to items, not to branches."""
        return bool(self.branches.size[branch] <= 1 or self.branches.depth[branch] == self.branches.levels - 1)

    def most(self, branch: int) -> int:
        """Items of the largest branch beside this one."""
        parent = int(self.branches.parent[branch])
        if parent < 0:
            return max(1, int(self.branches.size[0]))
        if parent not in self._most:
            below = self.branches.children(parent)
            self._most[parent] = int(self.branches.size[below.start : below.stop].max())
        return self._most[parent]

    # --- opening ------------------------------------------------------------------------------------------------------

    def open(self, branch: int) -> None:
        """Show what lies below a branch."""
        if branch not in self._open:
            self._open.add(branch)
            self._spread()

    def close(self, branch: int) -> None:
        """Hide it; what was open below is open again the next time."""
        if branch in self._open:
            self._open.discard(branch)
            self._spread()

    def reveal(self, branch: int) -> int:
        """Open whatever hides a branch; give its row, or that of the branch whose only item lies below both."""
        path = self.branches.path(branch)
        last = next((place for place, row in enumerate(path) if self.holds_items(row)), len(path) - 1)
        if not self._open.issuperset(path[:last]):
            self._open.update(path[:last])
            self._spread()
        return self.row_of(path[last])

    def reveal_item(self, item: int, codes: Sequence[int]) -> int:
        """Open whatever hides an item with this code; give its row."""
        row = self.reveal(self.branches.find(codes[: self.branches.levels - 1]))
        branch = self.spot(row).branch
        self.open(branch)
        return row + 1 + int(np.flatnonzero(self.branches.items(branch) == item)[0])

    def row_of(self, branch: int) -> int:
        """The row of a branch that is in sight; -1 where it is not."""
        for start, block in zip(self._starts, self._blocks, strict=False):
            if block.branch < 0 and block.first <= branch < block.first + block.length:
                return start + branch - block.first
        return -1

    def row_above(self, row: int) -> int:
        """The row of the branch that a row belongs to; the root's own is its own."""
        spot = self.spot(row)
        above = spot.branch if spot.item >= 0 else int(self.branches.parent[spot.branch])
        return self.row_of(max(0, above))

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _spread(self) -> None:
        """Work the blocks out again."""
        below: dict[int, list[int]] = {}
        for branch in sorted(self._open):
            below.setdefault(int(self.branches.parent[branch]), []).append(branch)
        self._blocks: list[_Block] = []
        self._add(range(1), -1, 0, below)
        self._starts = [0]
        for block in self._blocks:
            self._starts.append(self._starts[-1] + block.length)

    def _add(self, rows: range, parent: int, depth: int, below: dict[int, list[int]]) -> None:
        """Neighbouring branches, and below each open one of them what it holds."""
        first = rows.start
        for branch in below.get(parent, ()):
            self._blocks.append(_Block(first, branch + 1 - first, -1, depth))
            first = branch + 1
            if not self.holds_items(branch):
                self._add(self.branches.children(branch), branch, depth + 1, below)
            elif size := int(self.branches.size[branch]):
                self._blocks.append(_Block(0, size, branch, depth + 1))
        if first < rows.stop:
            self._blocks.append(_Block(first, rows.stop - first, -1, depth))
