"""A list as it is handed out: ranked items, and what it follows."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.recommend.open_question import MODEL

TO_DATE, AS_TESTED = "to date", "as tested"
"""The two histories of a user: everything they took, and what evaluation on the test split let the model see."""


@dataclass(frozen=True)
class Ranked:
    """One item of a list; `score` is its log-probability among the whole catalogue.

    Where scorers are fused, it is the weighted mean of all parts' log-probabilities, among the candidates of all.
    """

    rank: int
    item_id: str
    title: str
    score: float
    seen: bool
    code: str


@dataclass(frozen=True)
class Recommendation:
    """A list for a user or a history.

    Attributes:
        user: the user's id; None for a bare history.
        history: (item id, title), oldest first.
        history_kind: which of the user's histories this is, `TO_DATE` or `AS_TESTED`; None for a bare history.
        items: the list, best first.
        target: id of the held-out test target; None unless the history is the one as tested.
        short: whether fewer items than asked for may be listed.
        source: what the list comes from: the `model`, a `wish`, or `popularity`.
        weights: of the scorers of a wish; empty for other lists.
        notes: sentences for a person, e.g. about words that nobody knows.
    """

    user: str | None
    history: tuple[tuple[str, str], ...]
    history_kind: str | None
    items: tuple[Ranked, ...]
    target: str | None
    short: bool
    source: str = MODEL
    weights: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
