"""Counts of items taken near one another, as mutual information, factorised; `behavior_dim` wide."""

from __future__ import annotations

from core.cost import Job, Work
from core.vectors import ItemVectors, VectorProvider, VectorTask


class PpmiSvdVectors(VectorProvider):
    """See `core.vectors.ppmi`."""

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length."""
        from core.vectors.ppmi import ppmi_svd_vectors

        return ppmi_svd_vectors(task.train, task.n_items, task.settings.behavior_dim, task.seed)

    @classmethod
    def work(cls, job: Job, source: str, dim: float) -> Work | None:
        """Pairs of items within a window, counted and factorised."""
        pairs = min(job.sizes.interactions * 6.0, float(job.sizes.items) ** 2)
        return Work(single=0.3 + pairs * (dim + 10) * 28e-9)
