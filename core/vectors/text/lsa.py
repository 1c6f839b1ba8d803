"""Latent semantic analysis of TF-IDF weights: no model, no download; `semantic_dim` wide."""

from __future__ import annotations

from core.cost import Job, Work
from core.vectors import ItemVectors, VectorProvider, VectorTask

FITTED = "lsa.npz"


class LsaVectors(VectorProvider):
    """See `core.vectors.lsa_model`; the fitted analysis is kept."""

    kept = (FITTED,)

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length."""
        from core.vectors.lsa_model import fit_lsa

        fitted, vectors = fit_lsa(task.texts, task.settings.semantic_dim, task.seed)
        fitted.save(task.folder / FITTED)
        return vectors

    def encode(self, task: VectorTask) -> ItemVectors:
        """By the terms that were known when it was fitted."""
        from core.vectors.lsa_model import Lsa

        return Lsa.load(task.folder / FITTED).encode(task.texts)

    @classmethod
    def work(cls, job: Job, source: str, dim: float) -> Work | None:
        """Words counted and weighted, and their matrix factorised."""
        sizes, dim = job.sizes, min(dim, job.sizes.items)
        vectors = sizes.items * (2.0 * dim) ** 2 * 1.4e-9
        words = sizes.text_mb * (0.3 + 1.3 * dim / 256)
        return Work(shared=(vectors + words) / 2, single=0.7 + (vectors + words) / 2)
