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
        codes: code of each branch, rising inside a node; int32.
    """

    starts: Tensor
    codes: Tensor

    def branches(self, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Branches below some nodes, padded to the widest of them.

        Args:
            nodes: int64, any shape.

        Returns:
            Codes, the nodes of the next level that they lead to (leaves below the last level), and whether the place
            is a branch at all; int64 and bool, shape of `nodes` plus one axis. Padding repeats a legal place, so that
            indexing with it is safe.
        """
        # Branches of a node stand in a row: [first, end), shape of `nodes`.
        first, end = self.starts[nodes].long(), self.starts[nodes + 1].long()
        # One more axis, as wide as the node with the most branches; narrower nodes repeat their first.
        width = int((end - first).max()) if nodes.numel() else 1
        place = first[..., None] + torch.arange(width, device=nodes.device)
        legal = place < end[..., None]
        place = torch.where(legal, place, first[..., None])
        return self.codes[place].long(), place, legal


@dataclass(frozen=True)
class Allowed:
    """Which items may be listed, for a whole batch or for each of its users.

    A node is alive where an item that may be listed lies below it.

    Attributes:
        items: bool, shape (1 or users, items).
        alive: of the nodes that each level's codes lead to, leaves at last; bool, shape (1 or users, nodes) each.
    """

    items: Tensor
    alive: tuple[Tensor, ...]

    def reaches(self, nodes: Tensor, level: int) -> Tensor:
        """Whether each node below a level's codes is alive; nodes (users, ...) -> bool of the same shape."""
        return _looked_up(self.alive[level], nodes)

    def lists(self, items: Tensor) -> Tensor:
        """Whether each item may be listed; item numbers (users, ...), below zero = no item -> bool."""
        return _looked_up(self.items, items.clamp_min(0)) & (items >= 0)


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
            starts = np.concatenate([[0], np.cumsum(np.bincount(parents))])
            self.levels.append(Level(_compact(starts, device), _compact(branch_codes, device)))
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
            alive.append(counts[:, 1:] > counts[:, :-1])
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


def _looked_up(mask: Tensor, places: Tensor) -> Tensor:
    """Entries of one mask for all users, or of each user's own; (1 or users, n), (users, ...) -> shape of `places`."""
    if len(mask) == 1:
        return mask[0][places]
    return mask.gather(1, places.flatten(1)).view_as(places)


def _compact(array: npt.NDArray[np.generic], device: str) -> Tensor:
    return torch.from_numpy(array.astype(np.int32)).to(device)
