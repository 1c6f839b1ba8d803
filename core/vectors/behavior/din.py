"""The item vectors of DIN, an attention model of the last items, as in EAGER-LLM; `behavior_dim` wide."""

from __future__ import annotations

from core.cost import ITEM_VECTOR, Job, Work
from core.vectors import ItemVectors, VectorProvider, VectorTask

TARGET = 4.7e-6
"""Seconds a target and dimension."""
BATCH, EPOCHS = 256, 12
"""As in `core.vectors.din_model`."""


class DinVectors(VectorProvider):
    """See `core.vectors.din_model`."""

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length."""
        from core.vectors.din_model import din_vectors

        dim = task.settings.behavior_dim
        return din_vectors(task.train, task.n_items, dim, task.seed, task.reporter, task.folder)

    @classmethod
    def work(cls, job: Job, source: str, dim: float) -> Work | None:
        """Every target, epoch by epoch, and AdamW over the items' vectors at every step."""
        targets = float(((job.sizes.train - 1).clip(min=0) * job.sizes.users).sum())
        steps = targets / BATCH
        return Work(shared=EPOCHS * (targets * dim * TARGET + steps * job.sizes.items * dim * ITEM_VECTOR))
