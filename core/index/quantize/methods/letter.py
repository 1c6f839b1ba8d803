"""LETTER: the auto-encoder's codes also follow behaviour, and are used evenly (methods dossier, section 2).

Two losses join those of `rq-vae`. Collaborative: in a batch, an item's code vectors must pick its own vector of the
other source. Diversity: the codes of a level lie in clusters of limited size, and an item's code must pick another one
of its cluster, which keeps the codes spread evenly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.errors import ProjectError
from core.index.assign.balance import balanced_kmeans
from core.index.quantize import Matrix, Quantized, Task
from core.index.quantize.autoencoder import learn
from core.index.quantize.network import Guide
from core.index.quantize.rotation import rotated

CLUSTERS = 10
"""Clusters of codes a level, as published."""


def quantize(task: Task) -> Quantized:
    """The codes of the auto-encoder, trained with both losses.

    Raises:
        ProjectError: there is no other source to follow.
        StopRequested: somebody asked to stop; the checkpoint is in the task's folder.
    """
    if task.other is None:
        raise ProjectError(
            "index.method 'letter' reads both sources, and there is only one", "take rq-vae, which needs one"
        )
    other = reduced(task.other, task.rq_vae.latent)
    return learn(task, lambda: Letter(torch.from_numpy(other), task))[0]


def reduced(matrix: Matrix, dim: int) -> Matrix:
    """Rows turned to their main directions, cut or filled with zeros to `dim` columns, of length 1 or 0."""
    kept, _ = rotated(matrix, dim)
    kept = np.pad(kept, ((0, 0), (0, dim - kept.shape[1])))
    return np.asarray(kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-9), dtype=np.float32)


class Letter(Guide):
    """The collaborative and the diversity loss.

    Args:
        other: the other source's vectors, of the latent width; shape (items, latent).
        task: widths, seed and weights.
    """

    def __init__(self, other: Tensor, task: Task) -> None:
        super().__init__()
        self.settings, self.seed = task.rq_vae, task.seed
        self.other: Tensor
        self.places: Tensor
        self.members: Tensor
        self.register_buffer("other", other, persistent=False)
        # Part of the checkpoint, for they belong to the codebooks as they were at the last look. `members` holds the
        # codes of a level in the order of their clusters; `places` where a code's cluster begins in it, the cluster's
        # size, and the code's own place.
        widest = max(task.widths)
        self.register_buffer("members", torch.zeros((len(task.widths), widest), dtype=torch.long))
        self.register_buffer("places", torch.zeros((len(task.widths), widest, 3), dtype=torch.long))

    def look(self, books: Sequence[Tensor]) -> None:
        """Sort the codes of every level into clusters of equal size."""
        for level, book in enumerate(books):
            count = min(CLUSTERS, max(1, len(book) // 2))  # two codes a cluster at least
            labels = balanced_kmeans(book.detach().cpu().numpy().astype(np.float32), count, self.seed + level)
            order = np.argsort(labels, kind="stable")
            sizes = np.bincount(labels, minlength=count)
            begins = np.cumsum(sizes) - sizes
            rank = np.empty(len(book), dtype=np.int64)
            rank[order] = np.arange(len(book))
            places = np.stack([begins[labels], sizes[labels], rank], axis=1)
            self.members[level, : len(book)] = torch.from_numpy(order)
            self.places[level, : len(book)] = torch.from_numpy(places)

    def forward(self, rows: Tensor, quantised: Tensor, codes: Tensor, books: Sequence[Tensor]) -> dict[str, Tensor]:
        """Both losses of a batch."""
        return {
            "collaborative": self.settings.collaborative * self._collaborative(rows, quantised),
            "diversity": self.settings.diversity * self._diversity(codes, books),
        }

    def _collaborative(self, rows: Tensor, quantised: Tensor) -> Tensor:
        return functional.cross_entropy(quantised @ self.other[rows].T, torch.arange(len(rows), device=rows.device))

    def _diversity(self, codes: Tensor, books: Sequence[Tensor]) -> Tensor:
        losses = []
        for level, book in enumerate(books):
            own = codes[:, level]
            begin, size, rank = self.places[level, own].unbind(dim=1)
            # A step of 1 to size - 1 round the cluster: every other code alike, and no drawing again.
            step = 1 + (torch.rand(len(own), device=own.device) * (size - 1)).long()
            step = step.clamp_max((size - 1).clamp_min(0))
            friend = self.members[level, begin + (rank - begin + step) % size]
            scores = functional.embedding(own, book) @ book.T
            scores = scores.scatter(1, own[:, None], -torch.inf)
            paired = friend != own  # a code alone in its cluster has no friend
            if paired.any():
                losses.append(functional.cross_entropy(scores[paired], friend[paired]))
        return torch.stack(losses).mean() if losses else codes.new_zeros((), dtype=torch.float32)
