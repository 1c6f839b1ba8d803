"""Latent semantic analysis of TF-IDF weights: no model, no download; `semantic_dim` wide."""

from __future__ import annotations

from core.vectors import ItemVectors, VectorProvider, VectorTask

FITTED = "lsa.npz"
"""The fitted analysis in the artefact's folder: texts of new items are encoded with it."""


class LsaVectors(VectorProvider):
    """See `core.vectors.lsa_model`."""

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length."""
        from core.vectors.lsa_model import fit_lsa

        fitted, vectors = fit_lsa(task.texts, task.settings.semantic_dim, task.seed)
        fitted.save(task.folder / FITTED)
        return vectors
