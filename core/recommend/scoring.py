"""Scores of given items after given histories, scorer by scorer, without a search.

A part's scores are comparable over the items of one history, and the weighted sum of the parts orders items as a list
does: a list's own score is that sum, up to what normalises it over the candidates of its search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from core.model.checkpoint import TunedModel
from core.recommend.encoded import encode
from core.recommend.exact import exact_log_probs

Floats = npt.NDArray[np.float32]

GENERATOR, DENSE = "generator", "dense"


@dataclass(frozen=True)
class ItemScores:
    """What every scorer of a list says of some items.

    Attributes:
        names: of the scorers.
        values: of each, -inf where an item may not be listed; shape (parts, histories, items).
        weights: of the scorers in the list; shape (parts,).
    """

    names: tuple[str, ...]
    values: Floats
    weights: Floats

    @property
    def total(self) -> Floats:
        """The weighted sum of the parts; shape (histories, items)."""
        return np.asarray(np.tensordot(self.weights, self.values, axes=1), dtype=np.float32)


@torch.inference_mode()
def score_batch(
    checkpoint: TunedModel,
    histories: npt.NDArray[np.integer],
    items: npt.NDArray[np.integer],
    listed: npt.NDArray[np.integer] | None = None,
) -> list[Floats]:
    """The log-probabilities of some items by the generator and, where the model has one, by the dense head.

    Args:
        checkpoint: the model.
        histories: item numbers, all of one length; shape (users, length).
        items: numbers in the trie; shape (users, items).
        listed: item number of each of the trie's items; None = the same.

    Returns:
        Shape (users, items) each.
    """
    model, trie, dense = checkpoint.model, checkpoint.trie, checkpoint.dense
    wanted = torch.as_tensor(items, dtype=torch.long, device=trie.item_nodes.device)
    read = encode(model, histories)
    states = read.states
    scores = [exact_log_probs(model, trie, read, wanted)]
    if dense is not None:
        # Over all items of the model; then over those that can be listed, (users, trie's items); then of the wanted.
        log_probs = dense.scores(states, torch.as_tensor(histories, dtype=torch.long, device=states.device))
        if listed is not None:
            columns = torch.as_tensor(listed, dtype=torch.long, device=states.device)
            log_probs = torch.log_softmax(log_probs[:, columns], dim=1)
        scores.append(log_probs.gather(1, wanted))
    return [one.float().cpu().numpy() for one in scores]
