"""What guides an auto-encoder's codes besides the items' vectors: LETTER's two losses, and the pull of alignment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.index.assign.balance import balanced_kmeans
from core.index.quantize import Matrix, Task
from core.index.quantize.network import Guide
from core.index.quantize.rotation import rotated

CLUSTERS = 10
"""Clusters of codes a level, as LETTER released it."""


class LetterGuide(Guide):
    """The collaborative and the diversity loss of LETTER (arXiv 2405.07314), as in its released folder `RQ-VAE`.

    Collaborative: in a batch, an item's code vectors must pick its own vector of the other source. Diversity: the codes
    of a level lie in clusters of limited size, and an item's code must pick another one of its cluster, which keeps the
    codes spread evenly.

    Args:
        task: the other source's vectors, widths, seed, weights (its options are a `LetterOptions`).
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        assert task.other is not None
        self.options, self.seed = task.options, task.seed
        self.other: Tensor
        self.places: Tensor
        self.members: Tensor
        # Of the latent width, for they are compared with sums of code vectors; shape (items, latent).
        self.register_buffer("other", torch.from_numpy(reduced(task.other, task.rq_vae.latent)), persistent=False)
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
            "collaborative": self.options.collaborative * self._collaborative(rows, quantised),
            "diversity": self.options.diversity * self._diversity(codes, books),
        }

    def _collaborative(self, rows: Tensor, quantised: Tensor) -> Tensor:
        """Cross-entropy of picking one's own row among those of the batch; logits (batch, batch)."""
        return functional.cross_entropy(quantised @ self.other[rows].T, torch.arange(len(rows), device=rows.device))

    def _diversity(self, codes: Tensor, books: Sequence[Tensor]) -> Tensor:
        """Cross-entropy of picking a random other code of one's code's cluster, the mean over the levels."""
        losses = []
        for level, book in enumerate(books):
            own = codes[:, level]
            begin, size, rank = self.places[level, own].unbind(dim=1)  # each of shape (batch,)
            # A step of 1 to size - 1 round the cluster: every other code alike, and no drawing again.
            step = 1 + (torch.rand(len(own), device=own.device) * (size - 1)).long()
            step = step.clamp_max((size - 1).clamp_min(0))
            positive = self.members[level, begin + (rank - begin + step) % size]
            # Logits over all codes of the level but one's own, shape (batch, width).
            logits = functional.embedding(own, book) @ book.T
            logits = logits.scatter(1, own[:, None], -torch.inf)
            paired = positive != own  # a code alone in its cluster has no other
            if paired.any():
                losses.append(functional.cross_entropy(logits[paired], positive[paired]))
        return torch.stack(losses).mean() if losses else codes.new_zeros((), dtype=torch.float32)


def reduced(matrix: Matrix, dim: int) -> Matrix:
    """Rows turned to their main directions, cut or filled with zeros to `dim` columns, of length 1 or 0."""
    kept, _ = rotated(matrix, dim)
    kept = np.pad(kept, ((0, 0), (0, dim - kept.shape[1])))
    return np.asarray(kept / np.maximum(np.linalg.norm(kept, axis=1, keepdims=True), 1e-9), dtype=np.float32)


class AlignedGuide(Guide):
    """InfoNCE between the mapped code vectors and the other source: alignment tokenization, our reading.

    After Semantic Convergence (arXiv 2412.13771), of which no code was published: a linear map of the code vectors' sum
    must be nearest to the item's own vector of the other source among those of the batch, by cosines. As the paper has
    it, behaviour is coded and pulled to the text; with text as the coded source, the same runs with roles exchanged.

    Args:
        task: the other source's vectors, weight and temperature (its options are an `AlignedOptions`).
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        assert task.other is not None
        self.options = task.options
        other = torch.from_numpy(np.ascontiguousarray(task.other, dtype=np.float32))
        self.other: Tensor
        self.register_buffer("other", functional.normalize(other, dim=1), persistent=False)  # (items, other dim)
        self.project = nn.Linear(task.rq_vae.latent, other.shape[1], bias=False)

    def forward(self, rows: Tensor, quantised: Tensor, codes: Tensor, books: Sequence[Tensor]) -> dict[str, Tensor]:
        """The loss of a batch; cosines of shape (batch, batch)."""
        cosines = functional.normalize(self.project(quantised), dim=1) @ self.other[rows].T
        own = torch.arange(len(rows), device=rows.device)
        return {"align": self.options.align * functional.cross_entropy(cosines / self.options.temperature, own)}

    @torch.inference_mode()
    def images(self, books: Sequence[Matrix]) -> tuple[Matrix, ...]:
        """The code vectors in the space of the other source, level by level; each of shape (width, other dim)."""
        device = self.other.device
        return tuple(self.project(torch.from_numpy(book).to(device)).cpu().numpy() for book in books)
