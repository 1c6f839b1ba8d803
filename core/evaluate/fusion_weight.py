"""How much the dense head has to say beside the generator: the fusion weight, chosen on validation.

Lists follow the weighted mean of both log-probabilities (`core.recommend.fusion`): weight 0 is the generator over more
candidates, weight 1 the dense head alone. Both are the row `model+dense` of the metrics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.data.dataset import Evaluation
from core.evaluate.metrics import ranking_metrics
from core.evaluate.ranks import Ranking, Users, rank_by_lists
from core.model.dense import DenseHead
from core.model.generator import Generator
from core.model.trie import Allowed, Trie
from core.recommend.fusion import candidates, fuse
from core.run.reporter import Reporter

WEIGHTS = tuple(step / 10 for step in range(11))
"""Weights of the dense head that validation chooses from."""


def ranks_by_weight(
    model: Generator,
    trie: Trie,
    dense: DenseHead,
    split: Evaluation,
    chosen: Users,
    max_history: int,
    beams: int,
    weights: Sequence[float],
    bf16: bool,
    reporter: Reporter,
) -> tuple[Ranking, dict[float, Ranking]]:
    """Rank the targets of some users under each fusion weight; see `core.evaluate.ranks.ranks_of`.

    Returns:
        The generator's own ranking, as `ranks_of` gives it, and one for every weight.

    Raises:
        StopRequested: somebody asked to stop.
    """
    width = min(beams, trie.n_items)

    def search(histories: npt.NDArray[np.integer], allowed: Allowed | None) -> list[npt.NDArray[np.integer]]:
        items, log_probs, dense_log_probs = candidates(model, trie, dense, histories, beams, allowed=allowed)
        generated = items[:, :width]  # what the beams found stands first
        return [generated, *(fuse(items, log_probs, dense_log_probs, weight)[0] for weight in weights)]

    alone, *fused = rank_by_lists(search, 1 + len(weights), trie, split, chosen, max_history, bf16, reporter)
    return alone, dict(zip(weights, fused, strict=True))


def best_weight(rankings: dict[float, Ranking], masked: bool) -> float:
    """The weight with the best NDCG@10, the smallest of equal ones."""
    scores = {w: ranking_metrics(r.masked if masked else r.ranks)["ndcg@10"] for w, r in rankings.items()}
    return min(scores, key=lambda weight: (-scores[weight], weight))
