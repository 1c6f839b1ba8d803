"""Where users and items stand together: the dense head's space where there is one, else that of behaviour vectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.model.checkpoint import TunedModel
from core.model.dense import DenseHead
from core.model.generator import Generator
from core.recommend.encoded import Histories, encode
from core.stage import Artefacts
from core.vectors import KINDS, RECENCY, ItemVectors

TEMPERATURE = 0.1
"""Cosines of vectors that no softmax was trained on are divided by it."""


class UserSpace(Protocol):
    """Users' queries and items' unit vectors; a score is their inner product over the temperature."""

    @property
    def items(self) -> Tensor:
        """Vectors of the items by number; fp32, shape (items, dim)."""

    @property
    def temperature(self) -> float:
        """Inner products are divided by it before the softmax."""

    def read(self, histories: Histories) -> tuple[Tensor, Tensor]:
        """What `core.recommend.encoded` reads -> queries (users, dim) and log-probabilities (users, items)."""


@dataclass(frozen=True)
class DenseSpace:
    """The dense head's: a query is made of the model's state before the next item's code."""

    model: Generator
    head: DenseHead

    @property
    def items(self) -> Tensor:
        """See `UserSpace`."""
        return self.head.items

    @property
    def temperature(self) -> float:
        """See `UserSpace`."""
        return self.head.temperature

    @torch.inference_mode()
    def read(self, histories: Histories) -> tuple[Tensor, Tensor]:
        """See `UserSpace`."""
        states = encode(self.model, histories).states
        past = torch.as_tensor(np.ascontiguousarray(histories), dtype=torch.long, device=states.device)
        return self.head.queries(states), self.head.scores(states, past)


@dataclass(frozen=True)
class HistorySpace:
    """Item vectors alone: a user is the mean of the history, newer items counting more.

    Attributes:
        items: unit vectors, zeros where an item has none; fp32, shape (items, dim).
    """

    items: Tensor
    temperature: float = TEMPERATURE

    @torch.inference_mode()
    def read(self, histories: Histories) -> tuple[Tensor, Tensor]:
        """See `UserSpace`."""
        past = torch.as_tensor(np.ascontiguousarray(histories), dtype=torch.long, device=self.items.device)
        weights = RECENCY ** torch.arange(past.shape[1] - 1, -1, -1, device=past.device) * (past >= 0)
        summed = (self.items[past.clamp_min(0)] * weights[..., None]).sum(dim=1)
        queries = functional.normalize(summed, dim=1)  # (users, dim)
        return queries, torch.log_softmax(queries @ self.items.T / self.temperature, dim=1)


def user_space(checkpoint: TunedModel, made: Artefacts) -> UserSpace | None:
    """The space of a run; None where it has neither a dense head nor vectors of the items.

    Args:
        checkpoint: the model, with items added since training or without.
        made: artefacts; `behavior`, else `semantic` is read where the model has no dense head.
    """
    if checkpoint.dense is not None:
        return DenseSpace(checkpoint.model, checkpoint.dense)
    for kind in reversed(KINDS):
        if kind in made and (path := made[kind] / "vectors.npz").is_file():
            return HistorySpace(_units(path, len(checkpoint.index.codes)).to(checkpoint.trie.item_nodes.device))
    return None


def _units(path: Path, count: int) -> Tensor:
    """Unit vectors of a file, with zeros for unknown items and for those that came later."""
    vectors = ItemVectors.load(path)
    units = functional.normalize(torch.from_numpy(vectors.matrix).float(), dim=1)
    units = units * torch.from_numpy(vectors.known)[:, None]
    return functional.pad(units, (0, 0, 0, count - len(units)))
