"""What a beam search kept at every level, and where an item fell off it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.model.generator import Generator
from core.model.trie import Allowed, Trie
from core.recommend.beam import beam_search

Nodes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class KeptLevel:
    """What one level of a search kept, the likeliest first.

    Attributes:
        nodes: of the trie, one level below; shape (kept,).
        log_probs: of the prefixes; shape (kept,).
    """

    nodes: Nodes
    log_probs: npt.NDArray[np.float32]


def watched_search(
    model: Generator, trie: Trie, history: npt.NDArray[np.integer], beams: int, allowed: Allowed | None = None
) -> list[KeptLevel]:
    """The search after one history, level by level; see `core.recommend.beam.beam_search`.

    Args:
        model: the generator.
        trie: legal codes.
        history: item numbers; shape (length,).
        beams: width of the search.
        allowed: the items that may be listed.

    Returns:
        Fewer levels than the index has where all that was kept is finished before: nothing falls off any more.
    """
    levels: list[KeptLevel] = []

    def watch(level: int, below: Tensor, leaves: Tensor, scores: Tensor) -> None:
        # A finished item's leaf lies at the last level; its node here is the one that its path passes.
        item = trie.items(leaves[0], 1)[:, 0].clamp_min(0)
        nodes = torch.where(leaves[0] >= 0, trie.nodes(item, level + 1), below[0])
        kept = scores[0].isfinite()
        levels.append(KeptLevel(nodes[kept].cpu().numpy(), scores[0][kept].float().cpu().numpy()))

    beam_search(model, trie, history[None], beams, allowed, watch)
    return levels


def fell_at(levels: list[KeptLevel], path: Nodes) -> int | None:
    """The level, from 0, at which a path fell off the beam; None where it was kept to the end.

    Args:
        levels: of a search.
        path: the node that the item's path reaches after each code; shape (levels,).
    """
    for level, kept in enumerate(levels):
        if path[level] not in kept.nodes:
            return level
    return None
