"""Which codes may follow which: the item index as arrays, so that legality is a gather for any number of items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.errors import DataError


@dataclass(frozen=True)
class Level:
    """The branches below every node of one level, as sparse rows.

    Attributes:
        starts: where a node's branches start in the next two; int64, shape (nodes + 1,).
        codes: code of each branch, rising inside a node; int64.
        children: node of the next level each branch leads to (item number below the last level); int64.
        fan_out: the most branches of any node.
    """

    starts: Tensor
    codes: Tensor
    children: Tensor
    fan_out: int

    def branches(self, nodes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Branches below some nodes, padded to the widest of them.

        Args:
            nodes: any shape.

        Returns:
            Codes, children and whether the place is a branch at all; shape of `nodes` plus one axis. Padding repeats
            a legal place, so that indexing with it is safe.
        """
        first, end = self.starts[nodes], self.starts[nodes + 1]
        width = int((end - first).max()) if nodes.numel() else 1
        place = first[..., None] + torch.arange(width, device=nodes.device)
        legal = place < end[..., None]
        place = torch.where(legal, place, first[..., None])
        return self.codes[place], self.children[place], legal


class Trie:
    """The tree of all item codes.

    Args:
        codes: item codes, shape (items, levels), unique.

    Raises:
        DataError: for an empty catalogue or codes that are not unique.
    """

    def __init__(self, codes: npt.NDArray[np.integer], device: str = "cpu") -> None:
        if not len(codes):
            raise DataError("an index of no items has no trie")
        self.n_items = len(codes)
        self.levels: list[Level] = []
        item_nodes, item_branches = [], []
        node = np.zeros(len(codes), dtype=np.int64)
        for level in range(codes.shape[1]):
            item_nodes.append(node)
            base = int(codes[:, level].max()) + 1
            keys, child = np.unique(node * base + codes[:, level], return_inverse=True)
            parents, branch_codes = np.divmod(keys, base)
            fan = np.bincount(parents, minlength=int(node.max()) + 1)
            last = level == codes.shape[1] - 1
            if last and len(keys) != len(codes):
                raise DataError("two items of the index share one code")
            children = np.argsort(child, kind="stable") if last else np.arange(len(keys))
            offsets = np.concatenate([[0], np.cumsum(fan)])
            item_branches.append(child.ravel() - offsets[node])
            arrays = (offsets, branch_codes, children)
            starts, branch, below = (torch.from_numpy(array.astype(np.int64)).to(device) for array in arrays)
            self.levels.append(Level(starts, branch, below, int(fan.max())))
            node = child.ravel()
        self.item_nodes = torch.from_numpy(np.stack(item_nodes, axis=1)).to(device)
        """Node that an item's path passes at each level; shape (items, levels)."""
        self.item_branches = torch.from_numpy(np.stack(item_branches, axis=1)).to(device)
        """Which of its node's branches an item's path takes at each level; shape (items, levels)."""
        sizes = [np.bincount(nodes) for nodes in item_nodes]
        self.decided = [torch.from_numpy(size == 1).to(device) for size in sizes]
        """At each level: whether only one item lies below a node, so that the rest of its code is forced."""
        self.only_item = [torch.from_numpy(_first_item(nodes)).to(device) for nodes in item_nodes]
        """At each level: the lowest item number below a node (the only one where `decided`)."""

    def __len__(self) -> int:
        return len(self.levels)


def _first_item(nodes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    first = np.full(int(nodes.max()) + 1, len(nodes), dtype=np.int64)
    np.minimum.at(first, nodes, np.arange(len(nodes)))
    return first
