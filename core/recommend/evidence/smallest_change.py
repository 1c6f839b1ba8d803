"""What would have to be otherwise: the fewest edits of a history found that bring an item into a list, or out of it.

Edits are chosen greedily, each time the one that moves the item's score most, and after each the list is made anew: a
change that is reported is one that the model confirmed. That none was found within the limits is an answer, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from core.errors import DataError
from core.recommend.evidence.explain import Explainer, Question
from core.recommend.evidence.leave_one_out import without
from core.recommend.evidence.record import NamedItem, json_values, rounded
from core.recommend.evidence.sentences import quoted

MOST_REMOVALS, MOST_ADDITIONS = 5, 3
NEAREST = 50
"""Items nearest to the target that may be added."""

Kind = Literal["remove", "add"]


@dataclass(frozen=True)
class Edit:
    """One edit, and what the list says after it.

    Attributes:
        kind: what is done.
        item: which item of the history is left out, or comes to its end.
        score: of the target after it.
        rank: of the target in the list after it; None where it is not listed.
    """

    kind: Kind
    item: NamedItem
    score: float
    rank: int | None


@dataclass(frozen=True)
class Attempt:
    """Edits of one kind, one after the other.

    Attributes:
        kind: of the edits.
        edits: in order; where `reached`, the last one does it.
        reached: whether the item then stands where it was wanted.
        most: how many edits were allowed.
    """

    kind: Kind
    edits: tuple[Edit, ...]
    reached: bool
    most: int


@dataclass(frozen=True)
class SmallestChange:
    """The answer.

    Attributes:
        item: which item.
        wanted: `in` or `out` of the list, whichever it is not.
        k: length of the list.
        attempts: those that were made; removals first.
    """

    item: NamedItem
    wanted: Literal["in", "out"]
    k: int
    attempts: tuple[Attempt, ...]

    @property
    def best(self) -> Attempt | None:
        """The attempt that reached it with the fewest edits; None where none did."""
        reached = [one for one in self.attempts if one.reached]
        return min(reached, key=lambda one: len(one.edits), default=None)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {**json_values(self), "sentence": self.sentence()}

    def sentence(self) -> str:
        """The answer in words."""
        aim = "into" if self.wanted == "in" else "out of"
        title, best = quoted(self.item.title), self.best
        if best is None:
            limits = " and ".join(f"{one.most} {_NOUNS[one.kind]}" for one in self.attempts) or "no edits"
            return f"No change was found that brings {title} {aim} the first {self.k}: tried up to {limits}."
        named = ", ".join(quoted(edit.item.title) for edit in best.edits)
        how = f"without {named}" if best.kind == "remove" else f"with {named} at the end of the history"
        return f"{title} comes {aim} the first {self.k} {how}."


_NOUNS = {"remove": "removals", "add": "additions"}


def smallest_change(
    explainer: Explainer, question: Question, item: int, check: Callable[[], None] = lambda: None
) -> SmallestChange:
    """Look for few removals, or few additions, that change whether an item is listed.

    Args:
        explainer: of the recommender.
        question: the list that is meant.
        item: number of the item.
        check: is called between steps; raises where nobody wants the answer any more.

    Raises:
        DataError: the item may not be listed at all, whatever the history.
    """
    if question.allowed is not None and not question.allowed[item]:
        raise DataError(f"item {explainer.named(item).item_id!r} may not be listed", "loosen the list's restrictions")
    explainer.refuse_removed(item)
    wanted: Literal["in", "out"] = "in" if _rank(explainer, question, list(question.history), item) is None else "out"
    attempts = [_removals(explainer, question, item, wanted, check)]
    if not (question.hide_seen and item in question.history):
        attempts.append(_additions(explainer, question, item, wanted, check))
    return SmallestChange(explainer.named(item), wanted, question.k, tuple(attempts))


def _removals(explainer: Explainer, question: Question, item: int, wanted: str, check: Callable[[], None]) -> Attempt:
    """Leave out the item of the history that speaks most for the target, or against it, again and again."""

    def candidates(history: list[int]) -> list[tuple[int, list[int]]]:
        if question.hide_seen and item in history:  # nothing else can bring it in
            return [(item, [one for one in history if one != item])]
        first = max(len(history) - explainer.visible, 0)
        return [(history[place], without(history, {place})) for place in range(first, len(history))]

    return _greedy(explainer, question, item, wanted, "remove", MOST_REMOVALS, candidates, check)


def _additions(explainer: Explainer, question: Question, item: int, wanted: str, check: Callable[[], None]) -> Attempt:
    """Add the item near the target that moves it most, again and again."""
    near = explainer.near(item, NEAREST)

    def candidates(history: list[int]) -> list[tuple[int, list[int]]]:
        return [(one, [*history, one]) for one in near if one not in history]

    return _greedy(explainer, question, item, wanted, "add", MOST_ADDITIONS, candidates, check)


def _greedy(
    explainer: Explainer,
    question: Question,
    item: int,
    wanted: str,
    kind: Kind,
    most: int,
    candidates: Callable[[list[int]], list[tuple[int, list[int]]]],
    check: Callable[[], None],
) -> Attempt:
    """Edits of one kind until the target stands where it is wanted, or no more are allowed or left."""
    history = list(question.history)
    edits: list[Edit] = []
    while len(edits) < most:
        check()
        choices = [(edited, rest) for edited, rest in candidates(history) if rest]
        if not choices:
            break
        histories = [rest for _, rest in choices]
        scores = explainer.scored(question, histories, np.full((len(histories), 1), item)).total[:, 0]
        best = int(scores.argmax() if wanted == "in" else scores.argmin())
        history = histories[best]
        check()
        rank = _rank(explainer, question, history, item)
        edits.append(Edit(kind, explainer.named(choices[best][0]), rounded(scores[best]), rank))
        if (rank is not None) == (wanted == "in"):
            return Attempt(kind, tuple(edits), True, most)
    return Attempt(kind, tuple(edits), False, most)


def _rank(explainer: Explainer, question: Question, history: Sequence[int], item: int) -> int | None:
    """The target's place in the list after a history; None where it is not listed."""
    listed = explainer.listed(question, history)
    places = np.flatnonzero(listed == item)
    return int(places[0]) + 1 if len(places) else None
