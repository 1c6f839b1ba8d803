"""Behaviour vectors from counts: positive pointwise mutual information, factorised."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from core.data.arrays import Sequences
from core.vectors import ItemVectors

WINDOW = 3
"""Steps between two items that still count as near."""


def ppmi_svd_vectors(train: Sequences, n_items: int, dim: int, seed: int) -> ItemVectors:
    """PPMI of items within `WINDOW` steps of one another, truncated SVD, symmetric square-root weighting.

    What skip-gram with negative sampling factorises implicitly, without its noise (Levy & Goldberg 2014, "Neural Word
    Embedding as Implicit Matrix Factorization", NeurIPS 27; one negative, so no shift). Two items d steps apart
    count 1/d, as in GloVe (Pennington, Socher & Manning 2014, EMNLP).

    Args:
        train: training sequences.
        n_items: size of the catalogue; items that no training prefix holds get the mean vector.
        dim: width of the vectors, at most.
        seed: of the solver's start.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    # Weighted counts of every two items that one user took near one another, symmetric; (items, items).
    owner = np.repeat(np.arange(len(train)), np.diff(train.offsets))
    counts = sparse.csr_array((n_items, n_items), dtype=np.float64)
    for step in range(1, WINDOW + 1):
        same = owner[:-step] == owner[step:]
        a, b = train.items[:-step][same], train.items[step:][same]
        pairs = (np.concatenate([a, b]), np.concatenate([b, a]))
        counts = counts + sparse.csr_array((np.full(2 * len(a), 1.0 / step), pairs), shape=counts.shape)
    # log(p(a, b) / (p(a) p(b))) of the pairs that were counted, the positive ones kept; (entries,).
    total = counts.sum()
    sums = np.asarray(counts.sum(axis=0)).ravel()
    known = sums > 0
    entries = sparse.coo_array(counts)
    row, column = entries.coords
    pmi = np.log(entries.data * total / (sums[row] * sums[column]))
    keep = pmi > 0
    ppmi = sparse.csr_array((pmi[keep], (row[keep], column[keep])), shape=counts.shape)
    rank = max(1, min(dim, n_items - 1))
    if ppmi.nnz == 0 or n_items < 3:
        return ItemVectors.of(np.zeros((n_items, 1)), known, "ppmi-svd")
    # U sqrt(S) of the truncated SVD, rows of unit length; (items, rank).
    solver = TruncatedSVD(rank, random_state=seed)
    factors = solver.fit_transform(ppmi) / np.sqrt(np.maximum(solver.singular_values_, 1e-12))
    return ItemVectors.of(normalize(factors), known, "ppmi-svd")
