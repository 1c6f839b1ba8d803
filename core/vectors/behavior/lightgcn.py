"""The item vectors of LightGCN, spread over the graph of users and items; `behavior_dim` wide."""

from __future__ import annotations

from core.cost import ITEM_VECTOR, Job, Work
from core.vectors import ItemVectors, VectorProvider, VectorTask

PAIR, EDGE, ALIGNED = 11e-6, 1.6e-9, 0.02
"""Seconds a pair of user and item; a dimension of an edge, in six layers; an alignment of users and items."""
EPOCHS = 30
"""As in `core.vectors.lightgcn_model`."""


class LightGcnVectors(VectorProvider):
    """See `core.vectors.lightgcn_model`."""

    aligned_in = "behavior"

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length."""
        from core.vectors.lightgcn_model import lightgcn_vectors

        dim = task.settings.behavior_dim
        return lightgcn_vectors(
            task.train, task.n_items, dim, task.seed, task.reporter, task.folder, aligning=task.aligning
        )

    @classmethod
    def work(cls, job: Job, source: str, dim: float) -> Work | None:
        """Every pair, epoch by epoch, and the whole graph at every step."""
        sizes = job.sizes
        pairs, nodes = float((sizes.train * sizes.users).sum()), sizes.items + float(sizes.users.sum())
        steps = pairs / min(max(pairs / 24, 2048.0), 65_536.0)
        spread = Work(single=steps * dim * (pairs * EDGE + nodes * ITEM_VECTOR))
        if "align" in job.settings("behavior"):
            spread += Work(shared=steps * ALIGNED)
        return (spread + Work(shared=pairs * PAIR)) * EPOCHS
