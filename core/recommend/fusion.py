"""The generator and the dense scorer together: candidates of both, scored exactly by both."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from core.model.checkpoint import TunedModel
from core.model.dense import DenseHead
from core.model.generator import Generator
from core.model.trie import Trie
from core.recommend.beam import Lists, beam_search
from core.recommend.exact import encode, item_scores


@torch.inference_mode()
def candidates(
    model: Generator,
    trie: Trie,
    dense: DenseHead,
    histories: npt.NDArray[np.integer],
    beams: int,
    listed: npt.NDArray[np.integer] | None = None,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Items worth a look after each history, with both log-probabilities.

    Args:
        model: the generator.
        trie: of the items that may be listed.
        dense: knows all items of the histories.
        histories: item numbers; shape (users, length).
        beams: width of the search, and favourites of the scorer.
        listed: number of each of the trie's items; None = the same.

    Returns:
        Item numbers, the generator's and the scorer's log-probabilities, shape (users, at most 2 * beams) each: first
        what the beams found, best first, then the scorer's favourites; an item that both found stands there twice, the
        second time as -1 with -inf.
    """
    found, chances = beam_search(model, trie, histories, beams)
    states, cache = encode(model, histories)
    everything = dense.scores(states, torch.as_tensor(histories, dtype=torch.long, device=states.device))
    if listed is not None:
        columns = torch.as_tensor(listed, dtype=torch.long, device=states.device)
        everything = torch.log_softmax(everything[:, columns], dim=1)
    liked = everything.topk(min(beams, everything.shape[1]), dim=1).indices
    searched = torch.as_tensor(found, dtype=torch.long, device=liked.device)
    known = (liked[:, :, None] == searched[:, None, :]).any(dim=2)
    fresh = torch.argsort(known.int(), dim=1, stable=True)[:, : int((~known).sum(dim=1).max())]
    liked, known = liked.gather(1, fresh), known.gather(1, fresh)  # the beams' own need no second look
    items = torch.cat([searched, liked], dim=1)
    lost = torch.cat([searched < 0, known], dim=1)
    items = items.clamp_min(0)
    spoken = torch.as_tensor(chances, device=liked.device)
    if liked.shape[1]:
        spoken = torch.cat([spoken, item_scores(model, trie, states, cache, liked)], dim=1)
    scored = everything.gather(1, items)
    return (
        items.masked_fill(lost, -1).cpu().numpy(),
        spoken.masked_fill(lost, -torch.inf).cpu().numpy(),
        scored.masked_fill(lost, -torch.inf).cpu().numpy(),
    )


def mixed(
    items: npt.NDArray[np.int64], spoken: npt.NDArray[np.float32], scored: npt.NDArray[np.float32], weight: float
) -> Lists:
    """Candidates by the weighted mean of both log-probabilities, best first, equal ones by item number.

    Args:
        items: as `candidates` gives them, like the other two.
        spoken: the generator's log-probabilities.
        scored: the scorer's.
        weight: of the scorer, 0 to 1.
    """
    with np.errstate(invalid="ignore"):
        mean = np.where(items < 0, -np.inf, (1 - weight) * spoken + weight * scored)
    order = np.lexsort((items, -mean), axis=1)
    found, scores = (np.take_along_axis(array, order, axis=1) for array in (items, mean))
    return found.astype(np.int32), scores.astype(np.float32)


def blended(
    held: TunedModel,
    histories: npt.NDArray[np.integer],
    beams: int,
    weight: float,
    listed: npt.NDArray[np.integer] | None = None,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The list after one history: items as the trie numbers them, and log-probabilities among these candidates.

    Args:
        held: a model with a scorer.
        histories: shape (1, length).
        beams: width of the search.
        weight: of the scorer.
        listed: see `candidates`.
    """
    assert held.dense is not None
    found, scores = mixed(*candidates(held.model, held.trie, held.dense, histories, beams, listed), weight)
    return found[0], scores[0] - np.logaddexp.reduce(scores[0])
