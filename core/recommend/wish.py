"""A wish in words, "something for dry hair": items found by several scorers, and one list of them all.

* `words`: BM25 over the items' texts (the package bm25s);
* `text`: cosine of the wish's text vector and the items';
* `intent`: the model itself, asked by the wording of the task `intent-to-code`, where that was trained; a model made
  from scratch knows the catalogue's words alone, and is not asked where nobody else knows one of the wish's;
* `history`: the list after the user's history, where there is one;
* `steering`: popularity moved by "more" and "less", where there is no history.

Scores of different kinds have no common scale, so ranks are joined: an item gets weight / (60 + rank) of every scorer
that has it, the reciprocal rank fusion of Cormack, Clarke & Büttcher 2009 (SIGIR, doi 10.1145/1571941.1572114).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from core.index.words.terms import terms_of
from core.recommend.steering.text_space import Matrix, TextSpace

DEPTH = 200
"""Items that each scorer names at most."""
RANKS = 60.0
"""The constant of the fusion: how little the first places differ."""
WEIGHTS = {"words": 1.0, "text": 1.0, "intent": 1.0, "history": 1.0, "steering": 1.0}
"""Of every scorer; those that have nothing to say are left out."""
TEXT_READ, WISH_READ = 20_000, 2_000
"""Characters of an item's text, and of a wish, that are looked at."""

Items = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Intent = Callable[[str, Mask | None], Items]
"""A wish and what may be listed -> item numbers, best first."""


class WishSearch:
    """Finds items by words.

    Args:
        texts: of every item.
        space: encodes the wish; None = without text vectors.
        vectors: the items' unit text vectors, shape (items, dim); None = without.
        intent: asks the model; None where the task was not trained.
        pretrained: whether the model has read more than the catalogue, so that it is asked in any words.
    """

    def __init__(
        self, texts: Sequence[str], space: TextSpace | None, vectors: Matrix | None, intent: Intent | None,
        pretrained: bool = False,
    ) -> None:  # fmt: skip
        import bm25s

        self._space, self._vectors, self._intent, self._pretrained = space, vectors, intent, pretrained
        corpus = [terms_of(text, TEXT_READ) for text in texts]
        self._index = None
        if any(corpus):
            self._index = bm25s.BM25()
            self._index.index(corpus, show_progress=False)

    def lexical(self, text: str) -> npt.NDArray[np.float32] | None:
        """BM25 of every item; None where no term is known."""
        if self._index is None:
            return None
        known = [term for term in dict.fromkeys(terms_of(text, WISH_READ)) if term in self._index.vocab_dict]
        return np.asarray(self._index.get_scores(known), dtype=np.float32) if known else None

    def rankings(self, wish: str, allowed: Mask | None = None) -> dict[str, Items]:
        """What each scorer finds for a wish: item numbers, best first, at most `DEPTH`.

        Args:
            wish: any words.
            allowed: items that may be listed; None = all.

        Returns:
            By scorer; empty where nobody knows a word.
        """
        found: dict[str, Items] = {}
        if (scores := self.lexical(wish)) is not None:
            found["words"] = best_items(np.where(scores > 0, scores, -np.inf), allowed)
        if self._space is not None and self._vectors is not None:
            vectors, known = self._space.encode([wish[:WISH_READ]])
            if known[0]:
                cosines = self._vectors @ vectors[0]
                found["text"] = best_items(np.where(cosines > 0, cosines, -np.inf), allowed)
        if self._intent is not None and (found or self._pretrained):
            found["intent"] = self._intent(wish[:WISH_READ], allowed)[:DEPTH]
        return {name: items for name, items in found.items() if len(items)}


def best_items(scores: npt.NDArray[np.floating], allowed: Mask | None, most: int = DEPTH) -> Items:
    """Numbers of the best items, equal ones by number; those with -inf, and those not allowed, are none."""
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    order = np.lexsort((np.arange(len(scores)), -scores))[:most]
    return np.asarray(order[np.isfinite(scores[order])], dtype=np.int64)


def weights_of(rankings: Mapping[str, Items]) -> dict[str, float]:
    """The share of every scorer that has something to say; they sum to 1."""
    total = sum(WEIGHTS[name] for name in rankings)
    return {name: round(WEIGHTS[name] / total, 4) for name in rankings}


def fused_ranks(rankings: Mapping[str, Items], weights: Mapping[str, float]) -> tuple[Items, npt.NDArray[np.float64]]:
    """One list of several: items best first, equal ones by number, and their scores.

    Args:
        rankings: item numbers of every scorer, best first.
        weights: of every scorer.
    """
    everything = np.unique(np.concatenate([*rankings.values(), np.zeros(0, dtype=np.int64)]))
    scores = np.zeros(len(everything))
    for name, items in rankings.items():
        scores[np.searchsorted(everything, items)] += weights[name] / (RANKS + 1 + np.arange(len(items)))
    order = np.lexsort((everything, -scores))
    return everything[order], scores[order]
