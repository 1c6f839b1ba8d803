"""The dense head: one softmax over the whole catalogue, from the state before the next item's code.

It is dense retrieval (two towers: query and items) on the language model's states. `core.tune.losses.contrast` trains
it beside the codes, and a checkpoint keeps it as `dense.safetensors`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

DENSE = "dense.safetensors"


@dataclass(frozen=True)
class DenseHead:
    """A scorer of the whole catalogue.

    Attributes:
        query: projection of a state to a query; fp32, shape (dim, hidden).
        items: unit vectors of the items; fp32, shape (items, dim).
        temperature: cosines are divided by it before the softmax.
        repeat: added to the cosine of an item of the history; below zero where people rarely come back.
    """

    query: Tensor
    items: Tensor
    temperature: float
    repeat: float = 0.0

    def queries(self, states: Tensor) -> Tensor:
        """Unit vectors of users among the items, in fp32; (rows, hidden) -> (rows, dim)."""
        with torch.autocast(states.device.type, enabled=False):
            return functional.normalize(functional.linear(states.float(), self.query), dim=1)

    def scores(self, states: Tensor, histories: Tensor) -> Tensor:
        """Log-probabilities of all items, in fp32 whatever the model computes in; shape (rows, items).

        Args:
            states: before the next item's code; shape (rows, hidden).
            histories: item numbers, shape (rows, length); below zero = padding before the first.
        """
        with torch.autocast(states.device.type, enabled=False):
            cosines = self.queries(states) @ self.items.T  # (rows, items)
            # An item that stands in the history twice gains once, so padding may stand for the last: scatter, not add.
            histories = torch.where(histories < 0, histories[:, -1:], histories)
            had = torch.zeros_like(cosines).scatter_(1, histories, self.repeat)
            return torch.log_softmax((cosines + had) / self.temperature, dim=1)

    def grown(self, old: npt.NDArray[np.integer], new: npt.NDArray[np.integer]) -> DenseHead:
        """The scorer for items that came later too: each is where the items with its longest prefix are.

        Args:
            old: codes of the items it knows; shape (items, levels).
            new: codes of those after them; shape (more, levels).

        Returns:
            A scorer of items + more items; the vectors of those that it knew are unchanged.
        """
        means = torch.zeros(len(new), self.items.shape[1], device=self.items.device)
        open_rows = np.arange(len(new))
        for length in range(old.shape[1], -1, -1):  # from the whole code to the empty prefix, which all items share
            # A number for every prefix of this length, old and new items' alike.
            _, marks = np.unique(
                np.concatenate([old[:, :length], new[open_rows, :length]]), axis=0, return_inverse=True
            )
            known, wanted = np.split(marks.ravel(), [len(old)])
            # Sum of the vectors below every prefix, (prefixes, dim); a mean has the same direction, which alone counts.
            place = torch.from_numpy(known).to(means.device)
            sums = torch.zeros(int(marks.max(initial=0)) + 1, means.shape[1], device=means.device)
            sums.index_add_(0, place, self.items)
            # New items whose prefix some old item has are done; the others try a shorter one.
            there = np.isin(wanted, known)
            means[torch.from_numpy(open_rows[there])] = sums[torch.from_numpy(wanted[there])]
            open_rows = open_rows[~there]
            if not len(open_rows):
                break
        return replace(self, items=torch.cat([self.items, functional.normalize(means, dim=1)]))


def save_dense(dense: DenseHead, folder: Path) -> None:
    """Write a scorer into a checkpoint's folder; the same bytes every time."""
    tensors = {"query": dense.query.contiguous().cpu(), "items": dense.items.contiguous().cpu()}
    numbers = {"temperature": dense.temperature, "repeat": dense.repeat}
    save_file(tensors, folder / DENSE, metadata={"scorer": json.dumps(numbers)})  # of several keys the order is chance


def load_dense(folder: Path, device: str = "cpu") -> DenseHead | None:
    """The scorer of a checkpoint; None where it has none.

    Raises:
        SafetensorError: the file is damaged.
    """
    if not (folder / DENSE).is_file():
        return None
    with safe_open(folder / DENSE, framework="pt", device=device) as file:
        return DenseHead(file.get_tensor("query"), file.get_tensor("items"), **json.loads(file.metadata()["scorer"]))
