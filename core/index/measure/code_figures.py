"""What the levels of an index tell of each other, and how many directions its codes span.

After the two yardsticks of Mixture-of-Codes (arXiv 2410.09560, known by its abstract and notes): codebooks that do not
repeat each other, and vectors that do not collapse onto a few directions. Both are computed from what an index leaves
behind.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE = 20_000
"""Items that are looked at, at most."""
DEALS = 3
"""Times that codes are dealt out anew."""


def entropy(codes: npt.NDArray[np.integer]) -> float:
    """Of the codes at one level, in nats; (items,)."""
    share = np.bincount(codes) / max(len(codes), 1)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())


def mutual_information(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> float:
    """What the codes at two levels tell of each other, in nats; (items,) both.

    Of a sample it is too large: of independent levels with K and L codes by about (K - 1) (L - 1) / 2n at n items.
    """
    both = one.astype(np.int64) * (int(other.max(initial=0)) + 1) + other
    joint = np.unique(both, return_inverse=True)[1].ravel()
    return max(0.0, entropy(one) + entropy(other) - entropy(joint))


def redundancy(codes: npt.NDArray[np.integer]) -> float | None:
    """How much the levels tell of each other, the mean over pairs; (items, levels).

    Of each pair the adjusted mutual information (Vinh et al. 2010, "Information theoretic measures for clusterings
    comparison", JMLR 11), over the smaller entropy; what chance alone gives is that of the same codes dealt out anew.

    Returns:
        0 where no level says anything of another, 1 where one says all of each other; None where there is no pair.
    """
    shares = []
    draw = np.random.default_rng(0)
    for first, second in combinations(codes.T, 2):
        least = min(entropy(first), entropy(second))
        chance = float(np.mean([mutual_information(first, draw.permutation(second)) for _ in range(DEALS)]))
        if least - chance > 1e-9:
            shares.append(float(np.clip((mutual_information(first, second) - chance) / (least - chance), 0.0, 1.0)))
    return float(np.mean(shares)) if shares else None


def effective_rank(rows: npt.NDArray[np.floating]) -> float:
    """Exp of the entropy of the squared singular values, as shares, of centred rows; (items, dim)."""
    centred = rows.astype(np.float64) - rows.mean(axis=0, dtype=np.float64)
    values = np.linalg.eigvalsh(centred.T @ centred).clip(min=0.0)
    share = values / max(values.sum(), 1e-300)
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum())) if len(share) else 0.0


def sources_of(report: Mapping[str, Any]) -> list[str]:
    """The source of every level, by a report of `core.index.measure.report`."""
    levels = report.get("levels")
    rows = levels if isinstance(levels, list) else []
    return [str(level.get("source", "")) if isinstance(level, Mapping) else "" for level in rows]


def code_figures(folder: Path, sources: Sequence[str]) -> dict[str, Any]:
    """Redundancy and rank of the codes of each source, before conflicts were settled.

    Args:
        folder: the artefact of the stage `index`.
        sources: that each level's codes come from.

    Returns:
        `redundancy`: by source; `rank`: by source `effective` and `dim`. What cannot be read, or has no codebooks,
        is left out.
    """
    try:
        codes = np.load(folder / "raw.npy", allow_pickle=False)
        with np.load(folder / "codebooks.npz", allow_pickle=False) as file:
            books: Mapping[int, npt.NDArray[np.float32]] = {
                int(name.removeprefix("level_")): file[name] for name in file.files if name.startswith("level_")
            }
        if codes.ndim != 2 or not np.issubdtype(codes.dtype, np.integer) or not codes.size or codes.min() < 0:
            return {}
        codes = codes[:: -(-len(codes) // SAMPLE)]
        figures: dict[str, Any] = {"redundancy": {}, "rank": {}}
        for source in dict.fromkeys(sources):
            levels = [n for n, name in enumerate(sources[: codes.shape[1]]) if name == source and n in books]
            if (told := redundancy(codes[:, levels])) is not None:
                figures["redundancy"][source] = round(told, 4)
            if levels and len({books[level].shape[1] for level in levels}) == 1:
                rows = np.sum([books[level][codes[:, level]] for level in levels], axis=0)
                rank = {"effective": round(effective_rank(rows), 2), "dim": int(rows.shape[1])}
                figures["rank"][source] = rank
        return figures
    except (OSError, ValueError, IndexError, TypeError, EOFError, KeyError, np.linalg.LinAlgError, zipfile.BadZipFile):
        return {}
