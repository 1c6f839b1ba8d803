"""The generator together with the dense scorer that the contrast `next` taught it: the row `model+dense`.

Lists follow the weighted mean of both log-probabilities (`core.recommend.fusion`): weight 0 is the generator over more
candidates, weight 1 the scorer alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from core.data.dataset import Evaluation
from core.evaluate.metrics import DEPTH, ranking_metrics
from core.evaluate.ranks import Ranking, Tally, batches
from core.model.dense import DenseHead
from core.model.generator import Generator
from core.model.trie import Trie
from core.recommend.fusion import candidates, mixed
from core.run.reporter import Reporter

WEIGHTS = tuple(step / 10 for step in range(11))
"""Weights of the scorer that validation chooses from."""


def ranks_of_blend(
    model: Generator,
    trie: Trie,
    dense: DenseHead,
    split: Evaluation,
    chosen: npt.NDArray[np.integer],
    max_history: int,
    beams: int,
    weights: Sequence[float],
    bf16: bool,
    reporter: Reporter,
) -> tuple[Ranking, dict[float, Ranking]]:
    """Rank the targets of some users under each weight of the scorer; see `core.evaluate.ranks.ranks_of`.

    Returns:
        The generator's own ranking, as `ranks_of` gives it, and one for every weight.

    Raises:
        StopRequested: somebody asked to stop.
    """
    alone, width = Tally(len(chosen), trie.n_items), min(beams, trie.n_items)
    tallies = {weight: Tally(len(chosen), trie.n_items) for weight in weights}
    done = 0
    for places, histories in batches(split, chosen, max_history):
        with torch.autocast(trie.item_nodes.device.type, torch.bfloat16, enabled=bf16):
            items, spoken, scored = candidates(model, trie, dense, histories, beams)
        alone.add(places, items[:, :width][:, :DEPTH], split, chosen)  # what the beams found stands first
        for weight, tally in tallies.items():
            tally.add(places, mixed(items, spoken, scored, weight)[0][:, :DEPTH], split, chosen)
        done += len(places)
        reporter.progress("ranking", done, len(chosen), "users")
        reporter.stop_if_asked()
    return alone.ranking(), {weight: tally.ranking() for weight, tally in tallies.items()}


def best_weight(rankings: dict[float, Ranking], masked: bool) -> float:
    """The weight with the best NDCG@10, the smallest of equal ones."""
    scores = {w: ranking_metrics(r.masked if masked else r.ranks)["ndcg@10"] for w, r in rankings.items()}
    return min(scores, key=lambda weight: (-scores[weight], weight))
