"""Latent semantic analysis of TF-IDF weights: no model, no download; `semantic_dim` wide."""

from __future__ import annotations

from core.vectors import ItemVectors, VectorProvider, VectorTask

FITTED = "lsa.npz"


class LsaVectors(VectorProvider):
    """See `core.vectors.lsa_model`; the fitted analysis is kept."""

    encodes = True
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
