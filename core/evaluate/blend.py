"""The generator together with the dense scorer that the contrast `next` taught it: the row `model+dense`.

Candidates are the beams and as many items that the scorer likes best; each gets both log-probabilities, exactly. Lists
follow their weighted mean, so weight 0 is the generator over more candidates, and weight 1 is the scorer alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from core.data.dataset import Evaluation
from core.evaluate.generative import Ranking, Tally, batches
from core.evaluate.metrics import DEPTH, ranking_metrics
from core.recommend.beam import beam_search
from core.recommend.rescore import encode, item_scores
from core.recommend.trie import Trie
from core.run.reporter import Reporter
from core.tune.contrast import Dense
from core.tune.generator import Generator
from core.tune.loop import StopRequested

WEIGHTS = tuple(step / 10 for step in range(11))
"""Weights of the scorer that validation chooses from."""


@torch.inference_mode()
def candidates(
    model: Generator, trie: Trie, dense: Dense, histories: npt.NDArray[np.integer], beams: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Items worth a look after each history, with both log-probabilities.

    Returns:
        Item numbers, the generator's and the scorer's log-probabilities, shape (users, at most 2 * beams) each; an
        item that both found stands there twice, the second time as -1 with -inf.
    """
    found, _ = beam_search(model, trie, histories, beams)
    states, cache = encode(model, histories)
    everything = dense.scores(states)
    liked = everything.topk(min(beams, everything.shape[1]), dim=1).indices
    searched = torch.as_tensor(found, dtype=torch.long, device=liked.device)
    items = torch.cat([searched, liked], dim=1)
    lost = items < 0
    items = items.clamp_min(0)
    spoken = item_scores(model, trie, states, cache, items)
    lost[:, searched.shape[1] :] |= (liked[:, :, None] == searched[:, None, :]).any(dim=2)
    scored = everything.gather(1, items)
    return (
        items.masked_fill(lost, -1).cpu().numpy(),
        spoken.masked_fill(lost, -torch.inf).cpu().numpy(),
        scored.masked_fill(lost, -torch.inf).cpu().numpy(),
    )


def ranks_of_blend(
    model: Generator,
    trie: Trie,
    dense: Dense,
    split: Evaluation,
    chosen: npt.NDArray[np.integer],
    max_history: int,
    beams: int,
    weights: Sequence[float],
    bf16: bool,
    reporter: Reporter,
) -> dict[float, Ranking]:
    """Rank the targets of some users under each weight of the scorer; see `core.evaluate.generative.ranks_of`.

    Raises:
        StopRequested: somebody asked to stop.
    """
    tallies = {weight: Tally(len(chosen), trie.n_items) for weight in weights}
    done = 0
    for places, histories in batches(split, chosen, max_history):
        with torch.autocast(trie.item_nodes.device.type, torch.bfloat16, enabled=bf16):
            items, spoken, scored = candidates(model, trie, dense, histories, beams)
        gone = items < 0
        for weight, tally in tallies.items():
            with np.errstate(invalid="ignore"):
                mixed = np.where(gone, -np.inf, (1 - weight) * spoken + weight * scored)
            order = np.lexsort((items, -mixed), axis=1)[:, :DEPTH]
            tally.add(places, np.take_along_axis(items, order, axis=1), split, chosen)
        done += len(places)
        reporter.progress("ranking", done, len(chosen), "users")
        if reporter.wants() == "stop":
            raise StopRequested
    return {weight: tally.ranking() for weight, tally in tallies.items()}


def best_weight(rankings: dict[float, Ranking], masked: bool) -> float:
    """The weight with the best NDCG@10, the smallest of equal ones."""
    scores = {w: ranking_metrics(r.masked if masked else r.ranks)["ndcg@10"] for w, r in rankings.items()}
    return min(scores, key=lambda weight: (-scores[weight], weight))
