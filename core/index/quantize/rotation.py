"""Vectors along their main directions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.index.quantize import Matrix


def rotated(vectors: Matrix, dim: int | None = None) -> tuple[Matrix, npt.NDArray[np.float64]]:
    """Centred vectors turned to their main directions, the widest first.

    Args:
        vectors: shape (items, width).
        dim: how many directions to keep; None = all.

    Returns:
        The turned vectors, shape (items, at most dim), and the mean square along each direction.
    """
    values, axes = np.linalg.eigh((vectors.T @ vectors).astype(np.float64) / max(len(vectors), 1))
    order = np.argsort(-values, kind="stable")[:dim]
    return np.asarray(vectors @ axes[:, order].astype(np.float32)), np.maximum(values[order], 0.0)
