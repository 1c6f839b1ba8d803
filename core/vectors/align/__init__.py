"""Alignments: behaviour vectors follow the items' text while they are learnt; one file each, one class each.

A provider of behaviour vectors that can follow texts names the stage in which they are learnt (`aligned_in`). The
alignment adds a loss there; what is served is the same as without. A loss can also gain by being any loss, so
`vectors.align_control = "shuffled"` deals the same texts out anew among the items: only what lies above that is owed
to what the texts say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from core.data.arrays import Int64, Sequences
from core.vectors import ItemVectors

if TYPE_CHECKING:
    from torch import nn

NODES = 512
"""Nodes of a kind that are aligned in a step, at most."""
ITEMS, USERS = "items", "users"


@dataclass(frozen=True)
class NodeTexts:
    """What the items, or the users, say.

    Attributes:
        matrix: of unit length, zero where nothing is known; float32, (nodes, dim).
        known: whether there is a text; (nodes,). Nodes without one are in no loss, not even as somebody's negative.
    """

    matrix: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]

    @staticmethod
    def of_items(vectors: ItemVectors, shuffled_by: int | None = None) -> NodeTexts:
        """Those of the items.

        Args:
            vectors: of their text.
            shuffled_by: a seed: the texts there are, dealt out anew among the items that have one; None = as they are.
        """
        lengths = np.maximum(np.linalg.norm(vectors.matrix, axis=1, keepdims=True), 1e-9)
        matrix = np.asarray(vectors.matrix / lengths * vectors.known[:, None], dtype=np.float32)
        if shuffled_by is not None:
            there = np.flatnonzero(vectors.known)
            matrix[there] = matrix[np.random.default_rng([shuffled_by, len(there)]).permutation(there)]
        return NodeTexts(matrix, vectors.known.copy())

    def of_users(self, train: Sequences) -> NodeTexts:
        """The mean of the texts of what each user took in training; one row a sequence."""
        from scipy import sparse

        shape = (len(train), len(self.matrix))
        taken = sparse.csr_array((np.ones(len(train.items), np.float32), train.items, train.offsets), shape=shape)
        sums = np.asarray(taken @ self.matrix, dtype=np.float32)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        known = lengths[:, 0] > 1e-6
        return NodeTexts(np.asarray(sums / np.maximum(lengths, 1e-6) * known[:, None], dtype=np.float32), known)


class Alignment(ABC):
    """One way to let vectors follow texts.

    Its module is imported whenever its name is looked up, so torch belongs inside its methods.

    Attributes:
        version: raised when the code changes its result.
        options: a frozen dataclass of settings, each declared with `core.settings.opt`; None = it has none.
        hides: whether nodes are hidden, and what is rebuilt of them is aligned; else their vectors are.

    Args:
        settings: its own options; None = their defaults.
    """

    version: ClassVar[int] = 1
    options: ClassVar[type | None] = None
    hides: ClassVar[bool] = False

    def __init__(self, settings: Any = None) -> None:
        self.settings = self.options() if settings is None and self.options is not None else settings

    def draw(self, touched: Int64, known: npt.NDArray[np.bool_], draw: np.random.Generator) -> Int64:
        """The nodes of a kind that a step aligns, sorted; here at most `NODES` of those with a text that it touches.

        Args:
            touched: different nodes of the step's batch.
            known: which nodes have a text; (nodes,).
            draw: of the step alone.
        """
        there = np.unique(touched[known[touched]])
        return np.sort(draw.choice(there, NODES, replace=False)) if len(there) > NODES else there

    @abstractmethod
    def build(self, texts: Mapping[str, NodeTexts], width: int) -> nn.Module:
        """A module whose parameters are trained beside the vectors.

        Its forward takes a kind of node, vectors, (rows, width), and the number of the node of each, (rows,), of nodes
        with a text alone; it gives a loss and figures by name. A module with a part `projection`, a
        `core.vectors.text_projection.TextProjection`, gives new items vectors by their text. One that `hides` has a
        parameter `token`, (width,), which stands where a node is hidden.

        Args:
            texts: by kind of node, `ITEMS` and perhaps `USERS`.
            width: of the vectors.
        """


@dataclass(frozen=True)
class Aligning:
    """What a provider gets to align its vectors with.

    Attributes:
        method: how.
        weight: of its loss, above 0.
        items: texts of the items.
        seed: of the module's first weights and of all draws.
    """

    method: Alignment
    weight: float
    items: NodeTexts
    seed: int

    def module(self, width: int, users: NodeTexts | None = None) -> nn.Module:
        """The method's module; the draws of whoever trains it stay what they are without."""
        import torch

        texts = {ITEMS: self.items} | ({USERS: users} if users is not None else {})
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(self.seed)
            return self.method.build(texts, width)

    def generator(self, *place: int) -> np.random.Generator:
        """What draws in one step; `place` names it."""
        return np.random.default_rng([self.seed, 77, *place])
