"""Fusion of the generator and the dense head: candidates of both, scored exactly by both, in one list.

The fusion weight is the dense head's share, 0 to 1; validation chooses it and the stage `evaluate` writes it down.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.files import write_atomic
from core.model.checkpoint import TunedModel
from core.model.dense import DenseHead
from core.model.generator import Generator
from core.model.trie import Allowed, Trie
from core.recommend.beam import Lists, beam_search
from core.recommend.encoded import Histories, encode
from core.recommend.exact import exact_log_probs
from core.safe_json import number, read_object

WEIGHT_FILE = "blend.json"
"""Where the stage `evaluate` keeps the fusion weight."""
LogProbs = npt.NDArray[np.float32]


def save_fusion_weight(folder: Path, weight: float) -> None:
    """Write the fusion weight into the artefact of the stage `evaluate`."""
    write_atomic(folder / WEIGHT_FILE, json.dumps({"weight": weight}))


def load_fusion_weight(folder: Path) -> float | None:
    """The fusion weight in the artefact of the stage `evaluate`; None where it has none."""
    weight = number(read_object(folder / WEIGHT_FILE).get("weight"), -1.0)
    return weight if weight >= 0 else None


@torch.inference_mode()
def candidates(
    model: Generator,
    trie: Trie,
    dense: DenseHead,
    histories: Histories,
    beams: int,
    listed: npt.NDArray[np.integer] | None = None,
    allowed: Allowed | None = None,
) -> tuple[npt.NDArray[np.int64], LogProbs, LogProbs]:
    """Items worth a look after each history, with both log-probabilities.

    Args:
        model: the generator.
        trie: of the items that may be listed.
        dense: knows all items of the histories.
        histories: item numbers.
        beams: width of the search, and how many favourites of the dense head are added.
        listed: number of each of the trie's items; None = the same.
        allowed: the items that may be listed; None = every item of the trie.

    Returns:
        Item numbers, the generator's and the dense head's log-probabilities, shape (users, at most 2 * beams) each:
        first what the beams found, best first, then the dense head's favourites; an item that both found stands there
        twice, the second time as -1 with -inf.
    """
    read = encode(model, histories)
    beam_items, beam_log_probs = beam_search(model, trie, read, beams, allowed)
    # The dense head's log-probabilities of all items that may be listed; (users, trie's items).
    states = read.states
    dense_log_probs = dense.scores(states, torch.as_tensor(histories, dtype=torch.long, device=states.device))
    if listed is not None:
        columns = torch.as_tensor(listed, dtype=torch.long, device=states.device)
        dense_log_probs = torch.log_softmax(dense_log_probs[:, columns], dim=1)
    # Its favourites, (users, beams), of which those that the beams found need no second look: the others come first,
    # and only as many columns are kept as some user needs.
    open_to = dense_log_probs if allowed is None else dense_log_probs.masked_fill(~allowed.items, -torch.inf)
    best, favourites = open_to.topk(min(beams, open_to.shape[1]), dim=1)
    found = torch.as_tensor(beam_items, dtype=torch.long, device=favourites.device)
    repeated = (favourites[:, :, None] == found[:, None, :]).any(dim=2) | best.isneginf()
    fresh = torch.argsort(repeated.int(), dim=1, stable=True)[:, : int((~repeated).sum(dim=1).max())]
    favourites, repeated = favourites.gather(1, fresh), repeated.gather(1, fresh)
    # Both kinds beside each other, (users, candidates); `missing` marks places that hold no item of their own.
    items = torch.cat([found, favourites], dim=1)
    missing = torch.cat([found < 0, repeated], dim=1)
    items = items.clamp_min(0)
    # The generator's log-probabilities: known of the beams' items, computed exactly of the favourites.
    log_probs = torch.as_tensor(beam_log_probs, device=favourites.device)
    if favourites.shape[1]:
        log_probs = torch.cat([log_probs, exact_log_probs(model, trie, read, favourites)], dim=1)
    dense_log_probs = dense_log_probs.gather(1, items)
    return (
        items.masked_fill(missing, -1).cpu().numpy(),
        log_probs.masked_fill(missing, -torch.inf).cpu().numpy(),
        dense_log_probs.masked_fill(missing, -torch.inf).cpu().numpy(),
    )


def fuse(items: npt.NDArray[np.int64], log_probs: LogProbs, dense_log_probs: LogProbs, weight: float) -> Lists:
    """Candidates by the weighted mean of both log-probabilities, best first, equal ones by item number.

    Args:
        items: as `candidates` gives them, like the other two; shape (users, candidates).
        log_probs: the generator's.
        dense_log_probs: the dense head's.
        weight: of the dense head, 0 to 1.
    """
    with np.errstate(invalid="ignore"):
        mean = np.where(items < 0, -np.inf, (1 - weight) * log_probs + weight * dense_log_probs)
    order = np.lexsort((items, -mean), axis=1)
    items, mean = (np.take_along_axis(array, order, axis=1) for array in (items, mean))
    return items.astype(np.int32), mean.astype(np.float32)


def fused_lists(
    checkpoint: TunedModel,
    histories: Histories,
    beams: int,
    weight: float,
    listed: npt.NDArray[np.integer] | None = None,
    allowed: Allowed | None = None,
) -> Lists:
    """The lists after some histories: items as the trie numbers them, and log-probabilities among these candidates.

    Args:
        checkpoint: a model with a dense head.
        histories: shape (users, length).
        beams: width of the search.
        weight: of the dense head.
        listed: see `candidates`.
        allowed: see `candidates`.

    Returns:
        Shape (users, candidates), best first; -1 and -inf behind the last.
    """
    assert checkpoint.dense is not None
    parts = candidates(checkpoint.model, checkpoint.trie, checkpoint.dense, histories, beams, listed, allowed)
    items, scores = fuse(*parts, weight)
    total = np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return items, scores - np.where(np.isfinite(total), total, 0.0).astype(scores.dtype)
