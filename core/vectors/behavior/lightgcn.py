"""The item vectors of LightGCN, spread over the graph of users and items; `behavior_dim` wide."""

from __future__ import annotations

from core.vectors import ItemVectors, VectorProvider, VectorTask


class LightGcnVectors(VectorProvider):
    """See `core.vectors.lightgcn_model`."""

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length."""
        from core.vectors.lightgcn_model import lightgcn_vectors

        dim = task.settings.behavior_dim
        return lightgcn_vectors(task.train, task.n_items, dim, task.seed, task.reporter, task.folder)
