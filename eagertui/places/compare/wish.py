"""What somebody wants to see of the compared runs. Light: it costs nothing until the runs are read."""

from __future__ import annotations

from dataclasses import dataclass

from core.run.folder import RunFolder

VIEWS = {
    "methods": "Methods", "slices": "Parts of the users", "settings": "Settings that differ",
    "users": "Who gained and lost", "curves": "Curves",
}  # fmt: skip
HEAD_METRIC = "ndcg@10"


@dataclass(frozen=True)
class CompareWish:
    """What somebody wants to see.

    Attributes:
        runs: those that are compared, the first one the reference.
        view: of `VIEWS`.
        metric: by its name.
        masked: whether seen items are hidden.
        against: key of the contender, or id of the run, that the others are held against; empty: the first run.
        subject: key of the contender of slices and users; empty: the next one to the reference.
        within: family and name of the slice whose users are shown.
    """

    runs: tuple[RunFolder, ...] = ()
    view: str = "methods"
    metric: str = HEAD_METRIC
    masked: bool = False
    against: str = ""
    subject: str = ""
    within: tuple[str, str] | None = None
