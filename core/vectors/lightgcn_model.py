"""LightGCN: behaviour vectors that are spread over the graph of who took what.

He et al. 2020 (arXiv 2002.02126): no weights but one vector a user and an item, spread three times over
the symmetrically normalised graph; an item's vector is the mean of what it was before and after each step. Trained with
a softmax over sampled items (Wu et al. 2022, arXiv 2201.02327) in place of their BPR with one negative, which
needs far fewer steps; the L2 norm of the vectors before spreading is as there. Only training prefixes are
edges, and the number of epochs is fixed.

Semantic Convergence (arXiv 2412.13771) takes its behaviour vectors from a graph encoder too, DCCF; no code of it is
public, so this one stands in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Int64, Sequences
from core.run.reporter import Reporter
from core.training.fitting import fit
from core.training.schedule import Schedule
from core.vectors import ItemVectors
from core.vectors.align import ITEMS, USERS, Aligning, NodeTexts
from core.vectors.text_projection import keep_projection

LAYERS = 3
NEGATIVES = 1024
STEPS, SMALLEST, LARGEST = 24, 2048, 65_536
"""An epoch has about so many steps, each of so many pairs at least and at most: every step spreads the whole graph."""
EPOCHS, RATE, L2 = 30, 2e-2, 1e-4
START = 0.1
"""Standard deviation of the fresh vectors."""


class _Spread(torch.autograd.Function):
    """One step over a symmetric graph."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, graph: sparse.csr_array) -> Tensor:
        ctx.graph = graph
        return torch.from_numpy(graph @ vectors.detach().numpy())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return torch.from_numpy(ctx.graph @ gradients[0].contiguous().numpy()), None


class LightGcn(nn.Module):
    """Vectors of users and items on a graph.

    Args:
        users: user of each edge.
        items: item of each edge; no edge twice.
        n_users: number of users; n_items: of items.
        dim: width of the vectors.
    """

    def __init__(self, users: Int64, items: Int64, n_users: int, n_items: int, dim: int) -> None:
        super().__init__()
        self.n_users, self.n_items = n_users, n_items
        self.items_and_users = nn.Parameter(torch.randn(n_items + n_users, dim) * START)
        # Both directions of every edge, items before users in the numbering; (2 * edges,) each.
        ends = (np.concatenate([items, n_items + users]), np.concatenate([n_items + users, items]))
        degree = np.bincount(ends[0], minlength=n_items + n_users).astype(np.float32)
        # Each edge over the square root of its ends' degrees; (items + users, items + users).
        weight = 1.0 / np.sqrt(degree[ends[0]] * degree[ends[1]])
        self.graph = sparse.csr_array((weight, ends), shape=(len(degree), len(degree)))

    def vectors(self, start: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Of items and of users, the mean over the layers; (items, dim) and (users, dim).

        Args:
            start: what is spread in place of the vectors that are learnt; (items + users, dim).
        """
        layer = total = self.items_and_users if start is None else start
        for _ in range(LAYERS):
            layer = _Spread.apply(layer, self.graph)  # type: ignore[no-untyped-call]
            total = total + layer
        items, users = (total / (LAYERS + 1)).split([self.n_items, self.n_users])
        return items, users

    def forward(self, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`: users and the item each took, (batch,), and sampled items, (NEGATIVES,)."""
        items, users = self.vectors()
        return self.loss(batch, items, users)

    def loss(
        self, batch: tuple[Tensor, Tensor, Tensor], items: Tensor, users: Tensor
    ) -> tuple[Tensor, dict[str, float], int]:
        """As `forward`, of vectors that are spread already; (items, dim) and (users, dim)."""
        user, item, sampled = batch
        query = functional.embedding(user, users)  # (batch, dim)
        # Each user's item against the sampled ones, which all share; (batch, 1) and (batch, NEGATIVES).
        positive = (query * functional.embedding(item, items)).sum(dim=1, keepdim=True)
        negative = query @ functional.embedding(sampled, items).T
        negative = negative.masked_fill(sampled == item[:, None], -torch.inf)
        loss = functional.cross_entropy(torch.cat([positive, negative], dim=1), torch.zeros_like(item))
        # L2 of the vectors before spreading, of the pairs of this batch only.
        start = functional.embedding(torch.cat([item, self.n_items + user]), self.items_and_users)
        return loss + L2 * start.square().sum() / len(item), {"lightgcn_loss": loss.item()}, len(item)


class AlignedBatch(NamedTuple):
    """A batch of pairs, and the nodes that are aligned beside it."""

    pairs: tuple[Tensor, Tensor, Tensor]
    items: Tensor
    users: Tensor


class AlignedLightGcn(nn.Module):
    """LightGCN whose items and users follow their texts.

    Args:
        model: trained in place.
        aligning: method, weight, texts of the items.
        users: texts of the users.
    """

    def __init__(self, model: LightGcn, aligning: Aligning, users: NodeTexts) -> None:
        super().__init__()
        self.model, self.aligning = model, aligning
        self.aligner = aligning.module(model.items_and_users.shape[1], users)

    def forward(self, batch: AlignedBatch) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`."""
        start = None
        if self.aligning.method.hides:
            # The learnt vector of what is hidden in place of its own; (items + users, dim).
            hidden = torch.cat([batch.items, self.model.n_items + batch.users])
            token = torch.as_tensor(self.aligner.token)
            start = self.model.items_and_users.index_copy(0, hidden, token.expand(len(hidden), -1))
        items, users = self.model.vectors(start)
        total, figures, count = self.model.loss(batch.pairs, items, users)
        aligned = 0.0
        for kind, vectors, nodes in ((ITEMS, items, batch.items), (USERS, users, batch.users)):
            loss, more = self.aligner(kind, functional.embedding(nodes, vectors), nodes)
            total, aligned = total + self.aligning.weight * loss, aligned + loss.item()
            figures |= more
        return total, {**figures, "align_loss": aligned}, count


def lightgcn_vectors(
    train: Sequences, n_items: int, dim: int, seed: int, reporter: Reporter, folder: Path,
    aligning: Aligning | None = None,
) -> ItemVectors:  # fmt: skip
    """The item vectors of a LightGCN fitted on every training prefix, rows of unit length; on the CPU.

    Args:
        train: training sequences.
        n_items: size of the catalogue; items that no training prefix holds get the mean vector.
        dim: width of the vectors.
        seed: of weights, order and samples.
        reporter: hears the progress; may ask to stop.
        folder: where a checkpoint is left for resuming, and the projection of texts that an alignment learns.
        aligning: what items and users follow besides.

    Raises:
        StopRequested: somebody asked to stop.
    """
    # Edges: who took what, once each; (edges,).
    owner = np.repeat(np.arange(len(train), dtype=np.int64), train.lengths)
    edges = np.unique(owner * n_items + train.items)
    users, items = edges // n_items, edges % n_items
    known = np.bincount(items, minlength=n_items) > 0
    torch.manual_seed(seed)
    model = LightGcn(users, items, len(train), n_items, dim)
    size = int(np.clip(-(-len(edges) // STEPS), SMALLEST, LARGEST))

    def batches(epoch: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        draw = np.random.default_rng((seed, epoch))
        order = draw.permutation(len(edges))
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        rows = [(users[part], items[part], draw.integers(n_items, size=NEGATIVES)) for part in parts]
        return [(torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(c)) for a, b, c in rows]

    def aligned_batches(epoch: int) -> list[AlignedBatch]:
        assert aligning is not None
        found = []
        for number, pairs in enumerate(batches(epoch)):
            draw = aligning.generator(epoch, number)
            nodes = [
                aligning.method.draw(np.unique(some.numpy()), texts.known, draw)
                for some, texts in ((pairs[1], aligning.items), (pairs[0], user_texts))
            ]
            found.append(AlignedBatch(pairs, *map(torch.from_numpy, nodes)))
        return found

    if len(edges) and aligning is None:
        fit("lightgcn", model, batches, Schedule(EPOCHS, RATE), seed, reporter, folder)
    elif len(edges) and aligning is not None:
        user_texts = aligning.items.of_users(train)
        aligned = AlignedLightGcn(model, aligning, user_texts)
        fit("lightgcn", aligned, aligned_batches, Schedule(EPOCHS, RATE), seed, reporter, folder)
        keep_projection(aligned.aligner, folder)
    vectors = functional.normalize(model.vectors()[0].detach(), dim=1)
    return ItemVectors.of(vectors.numpy(), known, "lightgcn")
