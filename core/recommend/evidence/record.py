"""Evidence as a tree of frozen dataclasses, and the same as JSON. Light: whoever shows it needs no model.

Log-probabilities are natural logarithms, numbers are rounded to seven digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from core.errors import DataError


@dataclass(frozen=True)
class NamedItem:
    """An item by its id and title; the title of one without is its id."""

    item_id: str
    title: str


@dataclass(frozen=True)
class ScorePart:
    """What one scorer says of the item.

    Attributes:
        name: of the scorer.
        value: its log-probability of the item.
        weight: of the scorer in the list, above 0.
        contribution: weight times value; the contributions of all scorers add up to the item's score.
        lead: weight times how far the value lies above its mean over the list; above 0, the scorer pulls the item up.
    """

    name: str
    value: float
    weight: float
    contribution: float
    lead: float


@dataclass(frozen=True)
class CodeStep:
    """One code of the item.

    Attributes:
        level: from 1.
        token: as it is written, e.g. `<a_12>`.
        words: of the branch that the code leads to; none at the last level, where it leads to the item.
        items: how many lie below it.
        log_prob: of the code among those that may follow the ones before.
        probability: the same as a probability.
    """

    level: int
    token: str
    words: tuple[str, ...]
    items: int
    log_prob: float
    probability: float


@dataclass(frozen=True)
class Removal:
    """What happens to the item's score where one item of the history is left out.

    Attributes:
        place: of it in the history, from 1, the oldest first.
        item: which.
        drop: how far the score falls; below 0, it rises.
    """

    place: int
    item: NamedItem
    drop: float


@dataclass(frozen=True)
class UserPreference:
    """Items of the history that lie in one branch of the index (after LANE, arXiv 2407.02833).

    Attributes:
        label: the branch's words; its code where it has none.
        weight: of these items by recency; the weights of all preferences add up to 1.
        fitness: cosine of the item's vector to the mean of theirs; None where a vector is not known.
        drop: how far the item's score falls where all of them are left out; None where nothing would be left.
        items: the items behind it, the newest first.
    """

    label: tuple[str, ...]
    weight: float
    fitness: float | None
    drop: float | None
    items: tuple[NamedItem, ...]


@dataclass(frozen=True)
class Transition:
    """How often the item came right after one of the history in the training sequences.

    Attributes:
        item: of the history.
        count: how often the explained item came next.
        total: how often any item did.
    """

    item: NamedItem
    count: int
    total: int


@dataclass(frozen=True)
class BaselineRank:
    """The item's place among the whole catalogue by a baseline, by the list's rule about seen items."""

    name: str
    rank: int


@dataclass(frozen=True)
class Prefix:
    """Codes that a beam kept.

    Attributes:
        code: as it is written, e.g. `<a_12><b_3>`.
        words: of the branch; none where one item is left.
        items: how many lie below it.
        title: of the item, where it is the only one; else empty.
        log_prob: of the codes.
    """

    code: str
    words: tuple[str, ...]
    items: int
    title: str
    log_prob: float


@dataclass(frozen=True)
class BeamLevel:
    """The beam after a level.

    Attributes:
        level: from 1.
        kept: how many prefixes it kept, finished items among them.
        alive: whether the item's prefix is one of them.
        log_prob: of the item's prefix.
        last: the least likely prefix that was kept.
    """

    level: int
    kept: int
    alive: bool
    log_prob: float
    last: Prefix


@dataclass(frozen=True)
class BeamTrace:
    """How the item fared in the beam search.

    Attributes:
        item: which.
        beams: how many prefixes a level may keep.
        fell: the level, from 1, at which it fell off; None where it was kept to the end.
        levels: as far as there was something to decide.
    """

    item: NamedItem
    beams: int
    fell: int | None
    levels: tuple[BeamLevel, ...]


@dataclass(frozen=True)
class Evidence:
    """Why an item stands where it stands.

    Attributes:
        user: whose list; None for a bare history.
        history_kind: as in `core.recommend.recommendation.Recommendation`.
        item: which item.
        seen: whether the history holds it.
        listable: whether the list's restrictions let it in.
        rank: its place in the list, from 1; of items behind the list's end the place among what the search came upon;
            None where it did not come upon it.
        k: length of the list that was asked for.
        score: weighted sum of the parts.
        margin: how far the score lies above that of the list's last item; below 0, so much is missing. None where the
            list is empty.
        parts: of the score.
        path: the item's codes; their log-probabilities add up to the generator's part.
        removals: of each item of the history that the model sees, the strongest first.
        vectors: where fitness comes from, `semantic` or `behavior`; empty where there are no vectors.
        preferences: the heaviest first.
        transition: the strongest into the item; None where the training log has none from this history.
        baselines: ranks by every baseline of the run that knows the item.
        beam: how it fared in the search.
    """

    user: str | None
    history_kind: str | None
    item: NamedItem
    seen: bool
    listable: bool
    rank: int | None
    k: int
    score: float
    margin: float | None
    parts: tuple[ScorePart, ...]
    path: tuple[CodeStep, ...]
    removals: tuple[Removal, ...]
    vectors: str
    preferences: tuple[UserPreference, ...]
    transition: Transition | None
    baselines: tuple[BaselineRank, ...]
    beam: BeamTrace

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        tree: dict[str, Any] = json_values(self)
        return tree

    @staticmethod
    def from_json(tree: Mapping[str, Any]) -> Evidence:
        """Read what `to_json` gave.

        Raises:
            DataError: a field is missing or of another kind.
        """
        try:
            return msgspec.convert(tree, Evidence)
        except msgspec.ValidationError as error:
            raise DataError(f"not the evidence of an item: {error}", "ask for it again") from error


def json_values(value: Any) -> Any:
    """Dataclasses as JSON values: objects, lists, texts, numbers."""
    return msgspec.json.decode(msgspec.json.encode(value))


def rounded(value: float) -> float:
    """Seven digits: finer than anybody reads, and the same text on every machine that agrees to that."""
    return float(f"{float(value):.7g}")
