"""Exact constrained beam search over the trie, for many users at once.

A user's history is encoded once. The beams are branches of that one sequence: each new code attends, under a tree
mask, to the history and to the codes of its own path only, so keys and values are shared and never copied or
reordered. A score is the log-probability of the item: at every level the softmax runs over the legal codes alone, so
over the whole catalogue the probabilities sum to one. A beam whose remaining code is forced is done: it costs no step.
A restriction closes the branches below which no allowed item lies; it changes no score, so the list is the one of the
whole catalogue with the other items left out.
Where items share a code they all get its score, and stand in the list by number.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.model.generator import Generator
from core.model.masks import masks
from core.model.trie import Allowed, Trie
from core.recommend.encoded import Encoded, Histories, encode

Lists = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]
Watch = Callable[[int, Tensor, Tensor, Tensor], None]
"""Is shown every level of a search: its number from 0; of what was kept, (users, kept) each, the node below the level's
code (of finished ones any), the leaf (-1 of open ones) and the score (-inf = nothing)."""


@torch.inference_mode()
def beam_search(
    model: Generator,
    trie: Trie,
    histories: Histories | Encoded,
    beams: int,
    allowed: Allowed | None = None,
    watch: Watch | None = None,
) -> Lists:
    """The best items after each history.

    Args:
        model: the tuned generator, in evaluation mode.
        trie: legal codes.
        histories: item numbers, or what `encode` made of them.
        beams: codes kept at every level.
        allowed: the items that may be listed, for all users or for each; None = every item.
        watch: is shown what every level kept; None = nobody asks.

    Returns:
        Item numbers and log-probabilities, shape (users, min(beams, items)), best first, equal scores by item number;
        -1 and -inf where there are fewer candidates than beams.
    """
    device = trie.item_nodes.device
    # The history, once for all beams: its keys and values stay in the cache, and `states` is what predicts the first
    # code; (users, 1, hidden).
    read = histories if isinstance(histories, Encoded) else encode(model, histories)
    users, length = read.is_token.shape
    states, cache = read.states[:, None], read.branch()
    # The open beams: score and node of the trie, (users, beams), and where in the cache the codes of each one's path
    # stand, (users, beams, level). At first one beam at the root.
    scores = torch.zeros(users, 1, device=device)
    nodes = torch.zeros(users, 1, dtype=torch.long, device=device)
    paths = torch.zeros(users, 1, 0, dtype=torch.long, device=device)
    # Every beam that is kept, open ones included: its leaf, -1 as long as several items lie below it, and its score,
    # -inf as long as it is open; (users, kept).
    leaves = torch.full((users, 0), -1, dtype=torch.long, device=device)
    done_scores = torch.zeros(users, 0, device=device)
    at = read.position  # position of every key in the cache; (users, keys)
    written = length  # keys in the cache
    for level, branching in enumerate(trie.levels):
        # Log-probability of every legal continuation of every open beam; (users, beams, branches).
        codes, first_child, legal = branching.branches(nodes)
        logits = model.branch_logits(states, level, nodes, codes, legal)
        candidates = torch.log_softmax(torch.where(legal, logits, -torch.inf), dim=-1) + scores[..., None]
        if allowed is not None:  # scores stay those of the whole catalogue
            candidates = torch.where(allowed.reaches(first_child, codes.shape[2], level), candidates, -torch.inf)
        # The best of what is done and what goes on; (users, kept).
        open_count = candidates.shape[1] * candidates.shape[2]
        everything = torch.cat([done_scores, candidates.flatten(1)], dim=1)
        scores, picked = everything.topk(min(beams, everything.shape[1]), dim=1)
        finished, nothing = picked < done_scores.shape[1], scores == -torch.inf
        # For those that go on: from which beam, and to which node; (users, kept).
        place = (picked - done_scores.shape[1]).clamp(0, open_count - 1)
        parent = place // codes.shape[2]
        below = (first_child.gather(1, parent) + place % codes.shape[2]).masked_fill(nothing, 0)
        # A node with one leaf below it is that leaf: the rest of its code is forced.
        first_leaf, end = trie.leaves(below, level + 1)
        reached = torch.where(end - first_leaf == 1, first_leaf, -1)
        if leaves.shape[1]:
            reached = torch.where(finished, leaves.gather(1, picked.clamp_max(leaves.shape[1] - 1)), reached)
        leaves, done_scores = reached.masked_fill(nothing, -1), scores
        if watch is not None:
            watch(level, below, leaves, scores)
        if level == len(trie) - 1:
            break
        # Open beams first, so that only as many columns are computed as some user needs; (users, width).
        is_open = (leaves < 0) & ~nothing
        width = int(is_open.sum(dim=1).max())
        done_scores = scores.masked_fill(is_open, -torch.inf)
        if width == 0:
            break
        first = torch.argsort(is_open.int(), dim=1, descending=True, stable=True)[:, :width]
        scores = scores.gather(1, first).masked_fill(~is_open.gather(1, first), -torch.inf)
        nodes = below.gather(1, first)
        # Their new codes are written behind everything; a path is its parent's and the new place.
        token = codes.flatten(1).gather(1, place.gather(1, first))
        own = written + torch.arange(width, device=device).expand(users, width)
        older = paths.gather(1, parent.gather(1, first)[..., None].expand(-1, -1, level))
        paths = torch.cat([older, own[..., None]], dim=2)
        written += width
        # The tree mask, (users, 1, width, written): a code sees the history and its own path, itself included.
        embedded = model.embed(model.code_tokens(token, level))
        seen = torch.zeros(users, 1, width, written, dtype=torch.bool, device=device)
        seen[..., :length] = read.is_token[:, None, None]
        seen[:, 0].scatter_(2, paths, True)
        # All codes of a level have the same position, whatever their place in the cache.
        position = (read.next_position + level)[:, None].expand(users, width)
        at = torch.cat([at, position], dim=1)
        mask = masks(model.lm.config, seen, position, at, embedded.dtype)
        states = model.states(embedded, cache=cache, mask=mask, position=position)
    # Leaves to items, (users, kept, items of a leaf): all items of a leaf have its score. Paths that are no items lie
    # at the end; there are never more items than the catalogue holds.
    keep = min(beams, trie.n_items)
    if allowed is None:
        items = trie.items(leaves, keep)
    else:
        items = trie.items(leaves, trie.n_items)  # a leaf's first items may be those that are not allowed
        items = items.masked_fill(~allowed.lists(items), -1)
    spread = done_scores[..., None].expand_as(items).masked_fill(items < 0, -torch.inf)
    return _sorted(items.flatten(1), spread.flatten(1), keep)


def _sorted(items: Tensor, scores: Tensor, keep: int) -> Lists:
    """The best `keep`, best first; equal scores by item number, no item at the end."""
    numbers, values = items.int().cpu().numpy(), scores.cpu().numpy()
    last = np.where(numbers < 0, np.iinfo(np.int32).max, numbers)
    order = np.lexsort((last, -values))[:, :keep]
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(values, order, axis=1)
