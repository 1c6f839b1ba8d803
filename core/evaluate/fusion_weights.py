"""How much every part of a fused list has to say: weights chosen on some validation users, and checked on others.

The weights are those of a conditional logit (McFadden 1974, "Conditional logit analysis of qualitative choice
behavior"): a user took the held-out item out of the candidates with a probability that is the softmax of the weighted
sum, and the weights make what was taken likeliest. That is convex: one best answer, whatever the start, which moves
little with users and candidates, where the best NDCG@10 itself has many that are worth the same by chance. What a part
gives is measured by choosing the weights again without it, on users that chose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from core.data.dataset import Evaluation
from core.evaluate.metrics import INTERVAL_METRICS, Ranks, paired_difference, values_of
from core.evaluate.stage import FAVOURITES
from core.model.trie import Allowed
from core.recommend.fusion import FusedSearch, Fusion, Parts, united
from core.recommend.search_batches import Items, is_seen, search_batches
from core.run.reporter import Reporter

CHECKED_BY = "ndcg@10"
RIDGE = 1e-3
"""Pulls weights towards 0 where the users decide nothing."""

Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """What every part says of the candidates of some users.

    Attributes:
        values: log-probabilities, 0 where there is no candidate; fp32, shape (parts, users, candidates).
        target: place of the held-out item among the candidates, -1 where it is none of them; shape (users,).
        seen: whether a candidate stands in the user's history; shape (users, candidates).
        before: whether a candidate stands before the held-out item where their scores are equal; same shape.
        missing: whether a place holds no candidate; same shape.
    """

    values: npt.NDArray[np.float32]
    target: npt.NDArray[np.int64]
    seen: npt.NDArray[np.bool_]
    before: npt.NDArray[np.bool_]
    missing: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.target)

    def take(self, users: npt.NDArray[np.integer] | slice) -> Candidates:
        """Those of some users."""
        return Candidates(
            self.values[:, users], self.target[users], self.seen[users], self.before[users], self.missing[users]
        )

    def reachable(self, hide_seen: bool) -> npt.NDArray[np.bool_]:
        """Whether a user's held-out item can be listed at all; shape (users,)."""
        place = np.maximum(self.target, 0)
        there: npt.NDArray[np.bool_] = self.target >= 0
        return there & ~self.seen[np.arange(len(self)), place] if hide_seen else there

    def ranks(self, weights: Weights, hide_seen: bool) -> Ranks:
        """Rank of every user's held-out item among the candidates, 0 = it cannot be listed; shape (users,)."""
        scores = np.tensordot(weights.astype(np.float32), self.values, axes=1)
        return self.ranks_of_scores(scores, hide_seen)

    def ranks_of_scores(self, scores: npt.NDArray[np.float32], hide_seen: bool) -> Ranks:
        """The same for scores of the candidates; shape (users, candidates)."""
        own = scores[np.arange(len(self)), np.maximum(self.target, 0)][:, None]
        ahead = (scores > own) | ((scores == own) & self.before)
        ahead &= ~self.missing & ~self.seen if hide_seen else ~self.missing
        return np.where(self.reachable(hide_seen), 1 + ahead.sum(axis=1), 0).astype(np.int32)


def ask(
    parts: Parts, split: Evaluation, chosen: npt.NDArray[np.int64], max_history: int, bf16: bool, reporter: Reporter
) -> Candidates:
    """What every part says of the favourites of each, with seen items among them and without.

    Args:
        parts: what is fused.
        split: histories and targets.
        chosen: places in the split.
        max_history: items of history that the parts see.
        bf16: whether matrix products run in bf16.
        reporter: hears the progress.

    Raises:
        StopRequested: somebody asked to stop.
    """
    trie, histories, targets = parts.checkpoint.trie, split.histories.take(chosen), split.targets[chosen]
    rows: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]] = []

    def unseen(places: npt.NDArray[np.int64]) -> Allowed:
        mask = np.ones((len(places), trie.n_items), dtype=bool)
        for row, place in enumerate(places):
            mask[row, histories[int(place)]] = False
        return trie.allow(torch.from_numpy(mask))

    def search(rows: Items, mask: Allowed | None) -> list[npt.NDArray[Any]]:
        assert mask is not None
        one = FusedSearch(parts, rows, FAVOURITES)
        items = one.beam
        for scores in one.catalogue:
            items = united(items, one.favourites(scores))
            items = united(items, one.favourites(scores.masked_fill(~mask.items, -torch.inf)))
        values = one.values(items.clamp_min(0)).masked_fill(items < 0, 0.0)
        return [items.cpu().numpy(), values.transpose(0, 1).float().cpu().numpy()]

    done = 0
    for places, (items, values) in search_batches(search, trie, histories, max_history, bf16, unseen, together=True):
        rows.append((places, items, values.swapaxes(0, 1)))
        done += len(places)
        reporter.progress("fusion", done, len(chosen), "users")
        reporter.stop_if_asked()
    # All batches in one matrix, as wide as the widest; -1 where there is no candidate.
    shape = (len(chosen), max((items.shape[1] for _, items, _ in rows), default=1))
    every, said = np.full(shape, -1, dtype=np.int64), np.zeros((len(parts.names), *shape), dtype=np.float32)
    for places, items, values in rows:
        every[places, : items.shape[1]] = items
        said[:, places, : items.shape[1]] = values
    found = every == targets[:, None]
    target = np.where(found.any(axis=1), found.argmax(axis=1), -1)
    seen = is_seen(histories, every, trie.n_items)
    return Candidates(said, target, seen, every < targets[:, None], every < 0)


def choose(candidates: Candidates, hide_seen: bool, parts: npt.NDArray[np.bool_]) -> Weights:
    """The weights that make the held-out items likeliest among the candidates.

    Args:
        candidates: of the users that choose.
        hide_seen: whether lists leave out what was seen.
        parts: which of them may have a weight; shape (parts,).

    Returns:
        No weight below 0, not all 0; they need not add up to 1. Shape (parts,).
    """
    from scipy.optimize import minimize

    # Users whose held-out item no list can hold decide nothing.
    some = candidates.take(np.flatnonzero(candidates.reachable(hide_seen)))
    values = some.values.astype(np.float64)
    closed = some.missing | some.seen if hide_seen else some.missing
    own = values[:, np.arange(len(some)), some.target]  # of the held-out items; (parts, users)
    even = parts / parts.sum()
    if not len(some):
        return np.asarray(even)

    def loss(weights: Weights) -> tuple[float, Weights]:
        scores = np.where(closed, -np.inf, np.tensordot(weights, values, axes=1))
        highest = scores.max(axis=1, keepdims=True)
        probs = np.exp(scores - highest)
        total = probs.sum(axis=1, keepdims=True)
        probs /= total
        likelihood = weights @ own - (highest + np.log(total))[:, 0]
        gradient = np.einsum("uc,puc->p", probs, values) / len(some) - own.mean(axis=1)
        return float(-likelihood.mean() + RIDGE / 2 * weights @ weights), gradient + RIDGE * weights

    bounds = [(0.0, None) if part else (0.0, 0.0) for part in parts]
    weights = minimize(loss, even, jac=True, bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-10}).x
    return np.asarray(weights if weights.max() > 1e-6 else even)


def fit_fusion(names: tuple[str, ...], candidates: Candidates, samples: int) -> tuple[Fusion, dict[str, Any]]:
    """Choose the weights of both protocols, and measure what each part gives.

    Args:
        names: of the parts.
        candidates: of all users that are asked; every second one chooses, the others check.
        samples: resamples of the users for the intervals; 0 = none, and then no part is left out either.

    Returns:
        The fusion, and what `metrics.json` says of it.
    """
    half, rest = candidates.take(slice(0, None, 2)), candidates.take(slice(1, None, 2))
    weights: dict[str, tuple[float, ...]] = {}
    about: dict[str, Any] = {"parts": list(names), "users": {"chosen by": len(half), "checked on": len(rest)}}
    for protocol, hide_seen in (("kept", False), ("hidden", True)):
        every = np.ones(len(names), dtype=bool)
        chosen = choose(half, hide_seen, every).round(4)
        weights[protocol] = tuple(chosen.tolist())
        ranks = rest.ranks(chosen, hide_seen)
        about[protocol] = {
            "weights": dict(zip(names, chosen.tolist(), strict=True)),
            "chosen": _mean(half.ranks(chosen, hide_seen)),
            "checked": _mean(ranks),
        }
        if samples and len(rest) and len(names) > 1:
            without = {
                name: rest.ranks(choose(half, hide_seen, np.arange(len(names)) != part), hide_seen)
                for part, name in enumerate(names)
            }
            about[protocol]["gain"] = {
                name: paired_difference(CHECKED_BY, ranks, other) for name, other in without.items()
            }
    return Fusion(names, weights["kept"], weights["hidden"]), about


def _mean(ranks: Ranks) -> Mapping[str, float]:
    means = {name: values_of(name, ranks).mean() if len(ranks) else 0.0 for name in INTERVAL_METRICS}
    return {name: round(float(mean), 6) for name, mean in means.items()}
