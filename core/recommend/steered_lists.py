"""Lists after the user's vector has moved: retrieved by it, judged by whatever makes the plain list.

Two looks by the plain search: at the whole catalogue, and, exactly, at what it found together with the favourites of
the moved vector. An item's score is the plain one and what the move adds to it, so nothing depends on how many
scorers the plain list follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from core.model.trie import Allowed, Trie
from core.recommend.beam import Lists
from core.recommend.steering.steerer import Steering
from core.recommend.user_space import UserSpace

PlainSearch = Callable[[npt.NDArray[np.integer], Allowed | None, int], Lists]
"""Histories of one length, what may be listed, the width of the search -> items as the trie numbers them, scores."""


def steered_lists(
    search: PlainSearch,
    trie: Trie,
    space: UserSpace,
    steering: Sequence[Steering],
    histories: npt.NDArray[np.integer],
    beams: int,
    listed: npt.NDArray[np.integer] | None = None,
    allowed: Allowed | None = None,
) -> Lists:
    """The steered lists after some histories.

    Args:
        search: makes the plain lists; its scores are log-probabilities, the same up to a constant whatever is allowed.
        trie: of the items that may be listed.
        space: of users and items.
        steering: what is asked for: by all users, or by each.
        histories: item numbers; shape (users, length).
        beams: width of the search, and how many favourites of the moved vector are added.
        listed: number of each of the trie's items; None = the same.
        allowed: the items that may be listed; None = every item of the trie.

    Returns:
        Items as the trie numbers them and log-probabilities among these candidates, shape (users, candidates), best
        first; -1 and -inf behind the last.
    """
    found = torch.from_numpy(search(histories, allowed, beams)[0].astype(np.int64))
    queries, log_probs = space.read(histories)
    if len(steering) == 1:
        gains = steering[0].gains(queries)
    else:
        gains = torch.cat([one.gains(query[None]) for one, query in zip(steering, queries, strict=True)])
    if listed is not None:
        columns = torch.as_tensor(listed, dtype=torch.long, device=gains.device)
        gains, log_probs = gains[:, columns], log_probs[:, columns]
    # Favourites of the moved vector among what may be listed; (users, beams).
    moved = log_probs + gains
    if allowed is not None:
        moved = moved.masked_fill(~allowed.items, -torch.inf)
    best, favourites = moved.topk(min(beams, moved.shape[1]), dim=1)
    # Both kinds as a mask, (users, items), and the plain scores of all of them in one more look.
    candidates = torch.zeros(moved.shape, dtype=torch.bool, device=moved.device)
    candidates.scatter_(1, favourites, best.isfinite())
    found = found.to(moved.device)
    rows = torch.arange(len(found), device=moved.device)[:, None].expand_as(found)
    candidates[rows[found >= 0], found[found >= 0]] = True
    width = min(found.shape[1] + favourites.shape[1], trie.n_items)
    items, scores = search(histories, trie.allow(candidates), width)
    # What each gained, and the new order; equal scores by item number.
    gained = gains.gather(1, torch.from_numpy(items.astype(np.int64)).clamp_min(0).to(gains.device)).cpu().numpy()
    scores = np.where(items < 0, -np.inf, scores + gained).astype(np.float32)
    order = np.lexsort((items, -scores), axis=1)
    items, scores = np.take_along_axis(items, order, axis=1), np.take_along_axis(scores, order, axis=1)
    total = np.logaddexp.reduce(scores, axis=1, keepdims=True)
    return items, scores - np.where(np.isfinite(total), total, 0.0).astype(scores.dtype)
