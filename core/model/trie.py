"""Which codes may follow which: the item index as arrays, so that legality is a gather for any number of items.

Nodes are numbered level by level in the order of their codes, so the children of a node stand in a row and so do the
leaves below it. What follows from that is not stored, and numbers take four bytes: an index of four levels needs about
40 bytes an item. Numbers are widened where they are used, for torch gathers with 64-bit ones only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.errors import DataError


@dataclass(frozen=True)
class Level:
    """The branches below every node of one level, as sparse rows. A branch's place is the node it leads to.

    Attributes:
        starts: where a node's branches start; int32, shape (nodes + 1,).
        codes: code of each branch, rising inside a node, and zeros as many as the widest node has branches: a window
            of that width may start anywhere; int32.
    """

    starts: Tensor
    codes: Tensor

    def branches(self, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Branches below some nodes, padded to the widest of them.

        Args:
            nodes: int64, any shape.

        Returns:
            Codes, shape of `nodes` plus one axis; the node of the next level that the first of them leads to (a leaf
            below the last level), the others following it, shape of `nodes`; and whether a code is a branch at all,
            shape of the codes. int64 and bool. Padding is some code of the level, so that indexing with it is safe.
        """
        # Branches of a node stand in a row: [first, end), shape of `nodes`. Both are neighbours in `starts`, and the
        # codes a window of `codes`: copied in one piece, which takes a quarter of the time of looking up each.
        first, end = self.starts.unfold(0, 2, 1)[nodes].unbind(-1)
        count, first = (end - first)[..., None], first.long()
        width = int(count.max()) if nodes.numel() else 1
        codes = self.codes.unfold(0, width, 1).index_select(0, first.flatten()).view(*nodes.shape, width)
        return codes.long(), first, torch.arange(width, dtype=torch.int32, device=nodes.device) < count


@dataclass(frozen=True)
class Allowed:
    """Which items may be listed, for a whole batch or for each of its users.

    A node is alive where an item that may be listed lies below it.

    Attributes:
        items: bool, shape (1 or users, items).
        alive: of the nodes that each level's codes lead to, leaves at last, and padding as in `Level.codes`; bool,
            shape (1 or users, nodes + padding) each.
    """

    items: Tensor
    alive: tuple[Tensor, ...]

    def reaches(self, first: Tensor, width: int, level: int) -> Tensor:
        """Whether each node below a level's codes is alive.

        Args:
            first: the first of some siblings; int64, shape (users, ...).
            width: how many are asked about, at most the widest node's; what stands behind the siblings says nothing.
            level: of the codes.

        Returns:
            bool, shape of `first` plus one axis.
        """
        alive = self.alive[level]
        if len(alive) > 1:  # each user's own row
            rows = torch.arange(len(alive), device=first.device) * alive.shape[1]
            first = first + rows.view(-1, *[1] * (first.ndim - 1))
        return alive.flatten().unfold(0, width, 1).index_select(0, first.flatten()).view(*first.shape, width)

    def lists(self, items: Tensor) -> Tensor:
        """Whether each item may be listed; item numbers (users, ...), below zero = no item -> bool."""
        places = items.clamp_min(0)
        if len(self.items) == 1:
            return self.items[0][places] & (items >= 0)
        return self.items.gather(1, places.flatten(1)).view_as(places) & (items >= 0)


class Trie:
    """The tree of all item codes. A leaf holds one item, or several where the index lets items share a code.

    Args:
        codes: item codes, shape (items, levels).
        device: where its arrays lie.

    Raises:
        DataError: for an empty catalogue.
    """

    def __init__(self, codes: npt.NDArray[np.integer], device: str = "cpu") -> None:
        if not len(codes):
            raise DataError("an index of no items has no trie")
        self.n_items = len(codes)
        self.levels: list[Level] = []
        paths = np.empty(codes.shape, dtype=np.int32)
        node = np.zeros(len(codes), dtype=np.int64)
        for level in range(codes.shape[1]):
            # (parent, code) as one number: unique ones, sorted, are the next level's nodes in their order, and each
            # item's place among them is the node that it reaches.
            base = int(codes[:, level].max()) + 1
            keys, node = np.unique(node * base + codes[:, level], return_inverse=True)
            node = node.reshape(-1)
            paths[:, level] = node
            # Back to parent and code of every branch; branches a parent -> where each parent's begin, (nodes + 1,).
            parents, branch_codes = np.divmod(keys, base)
            counts = np.bincount(parents)
            starts, padding = np.concatenate([[0], np.cumsum(counts)]), np.zeros(counts.max())
            self.levels.append(Level(_compact(starts, device), _compact(np.append(branch_codes, padding), device)))
        leaf_sizes = np.bincount(node)
        self.item_nodes = torch.from_numpy(paths).to(device)
        """Node that an item's path reaches after each code, at last its leaf; int32, shape (items, levels)."""
        self.order = _compact(np.argsort(node, kind="stable"), device)
        """Item numbers leaf by leaf, rising inside a leaf; int32, shape (items,)."""
        self.shared = len(leaf_sizes) < len(codes)
        """Whether some leaf holds several items."""
        ends = np.concatenate([[0], np.cumsum(leaf_sizes)]) if self.shared else np.zeros(0)
        self._ends = _compact(ends, device)  # where each leaf's items start; a leaf's own number where none is shared

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays in bytes."""
        levels = [tensor for level in self.levels for tensor in (level.starts, level.codes)]
        return sum(tensor.nbytes for tensor in (*levels, self.item_nodes, self.order, self._ends))

    def nodes(self, items: Tensor, level: int) -> Tensor:
        """Node that each item's path passes at a level (0 at level 0); int64, shape of `items`."""
        return torch.zeros_like(items) if level == 0 else self.item_nodes[items, level - 1].long()

    def leaves(self, nodes: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """The first leaf below each node of a level, and the one after its last; int64, shape of `nodes`."""
        first, end = nodes, nodes + 1  # a span of nodes; level by level it becomes the span of their branches
        for branching in self.levels[level:]:
            first, end = branching.starts[first].long(), branching.starts[end].long()
        return first, end

    def allow(self, items: Tensor) -> Allowed:
        """What is left of the tree where only some items may be listed; O(items) for each row, nothing is built anew.

        Args:
            items: which may; bool, shape (items,) or (users, items).
        """
        rows = items.to(self.order.device).reshape(-1, self.n_items)
        # Allowed items before each place of `order`, where the items of a node of any level stand in a row; then only
        # where leaves start, (rows, leaves + 1). int32: a catalogue is smaller.
        counts = torch.zeros(len(rows), self.n_items + 1, dtype=torch.int32, device=rows.device)
        torch.cumsum(rows[:, self.order.long()], dim=1, dtype=torch.int32, out=counts[:, 1:])
        if self.shared:
            counts = counts[:, self._ends.long()]
        alive = []
        for branching in reversed(self.levels):
            padding = len(branching.codes) - counts.shape[1] + 1
            alive.append(torch.nn.functional.pad(counts[:, 1:] > counts[:, :-1], (0, padding)))
            counts = counts[:, branching.starts.long()]  # where the nodes above start
        return Allowed(rows, tuple(alive[::-1]))

    def items(self, leaves: Tensor, most: int) -> Tensor:
        """Items of each leaf, lowest numbers first.

        Args:
            leaves: shape (..., leaves); below zero = no leaf.
            most: items of one leaf at most.

        Returns:
            int64, shape (..., leaves, width); -1 where a leaf holds fewer than the fullest, and for no leaf.
        """
        known = leaves.clamp_min(0)  # safe to index with; what is below zero is masked at the end
        if not self.shared:
            return torch.where(leaves < 0, -1, self.order[known].long())[..., None]
        # Items of a leaf stand in a row of `order`: [first, end); widened to the fullest leaf.
        first, end = self._ends[known].long(), self._ends[known + 1].long()
        end = torch.where(leaves < 0, first, end)
        width = min(max(int((end - first).max()) if leaves.numel() else 1, 1), most)
        place = first[..., None] + torch.arange(width, device=leaves.device)
        items = self.order[place.clamp_max(self.n_items - 1)].long()
        return torch.where(place < end[..., None], items, -1)


def _compact(array: npt.NDArray[np.generic], device: str) -> Tensor:
    return torch.from_numpy(array.astype(np.int32)).to(device)
