"""The item vectors of DIN, an attention model of the last items, as in EAGER-LLM; `behavior_dim` wide."""

from __future__ import annotations

from core.vectors import ItemVectors, VectorProvider, VectorTask


class DinVectors(VectorProvider):
    """See `core.vectors.din_model`."""

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length."""
        from core.vectors.din_model import din_vectors

        dim = task.settings.behavior_dim
        return din_vectors(task.train, task.n_items, dim, task.seed, task.reporter, task.folder)
