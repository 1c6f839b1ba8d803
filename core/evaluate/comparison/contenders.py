"""Who is compared: a method of a run, or of several runs that differ only in their seed, on the users of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from core.evaluate.comparison.measured_run import MeasuredRun, Ranks
from core.evaluate.comparison.settings_that_differ import seed_groups
from core.run.rankings import OURS, headline

Rows = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Contender:
    """One line of a comparison.

    Attributes:
        key: tells it from the others.
        label: for people.
        method: as `metrics.json` calls it.
        runs: whose it is; several where they differ only in their seed.
        kept: ranks of the common users, seen items kept, one array a run; shape (users,) each.
        masked: the same with seen items hidden.
        main: whether it is what a run's lists follow.
    """

    key: str
    label: str
    method: str
    runs: tuple[MeasuredRun, ...]
    kept: tuple[Ranks, ...]
    masked: tuple[Ranks, ...]
    main: bool

    @property
    def short(self) -> str:
        """The label without the recipe."""
        return self.label.removeprefix(f"{self.runs[0].recipe} ")

    @property
    def own(self) -> bool:
        """Whether it is of a run's own model; all others are baselines."""
        return self.method in OURS

    @property
    def seeds(self) -> int:
        """Runs that it is the mean of."""
        return len(self.runs)

    def ranks(self, masked: bool) -> tuple[Ranks, ...]:
        """Its ranks under one of both protocols."""
        return self.masked if masked else self.kept


def common_users(runs: Sequence[MeasuredRun]) -> list[Rows | None]:
    """Rows of the users that every run has with the same target, in the order of the first run.

    Returns:
        Row numbers for each run; None where these are all its rows as they stand.

    Raises:
        DataError: they have no user in common.
    """
    first = runs[0]
    if all(_same_users(first, one) for one in runs):
        return [None] * len(runs)
    frames = [run.ids.with_row_index(f"row {number}") for number, run in enumerate(runs)]
    both = frames[0]
    for frame in frames[1:]:
        both = both.join(frame.unique(["user_id", "item_id"]), on=["user_id", "item_id"], maintain_order="left")
    if not both.height:
        names = ", ".join(run.id for run in runs)
        raise DataError(f"runs {names}: no user has the same target in all of them", "compare runs of the same data")
    return [both[f"row {number}"].to_numpy() for number in range(len(runs))]


def _same_users(one: MeasuredRun, other: MeasuredRun) -> bool:
    """Whether two runs measured the very same questions: one data set, and nothing that speaks against it."""
    if one is other:
        return True
    if not np.array_equal(one.histories, other.histories) or not np.array_equal(one.popularity, other.popularity):
        return False
    return (one.data == other.data != "") or one.ids.equals(other.ids)


def contenders_of(runs: Sequence[MeasuredRun], rows: Sequence[Rows | None]) -> list[Contender]:
    """Every method of some runs: the runs' own first, a baseline that ranks alike in several runs once.

    Args:
        runs: in the order in which they were named.
        rows: the common users of each.
    """
    groups = seed_groups([run.settings for run in runs], [run.data for run in runs])
    found = [_contender(runs, rows, group, method) for group in groups for method in _shared(runs, group)]
    own = [one for one in found if one.own]
    baselines: list[Contender] = []
    for one in found:
        if not one.own and not any(_ranks_alike(one, other) for other in baselines):
            baselines.append(one)
    names = [one.method for one in baselines]
    # A baseline's name says enough where there is one of it.
    baselines = [
        _renamed(one, one.method if names.count(one.method) == 1 else f"{one.method} {_names(one.runs)}")
        for one in baselines
    ]
    own = sorted(own, key=lambda one: not one.main)  # what the lists follow before its parts
    return own + baselines


def _shared(runs: Sequence[MeasuredRun], group: Sequence[int]) -> list[str]:
    """Methods that every run of a group measured."""
    return [name for name in runs[group[0]].methods if all(name in runs[place].kept for place in group)]


def _contender(
    runs: Sequence[MeasuredRun], rows: Sequence[Rows | None], group: Sequence[int], method: str
) -> Contender:
    members = tuple(runs[place] for place in group)
    kept, masked = (
        tuple(_at(ranks[method], rows[place]) for place, ranks in zip(group, tables, strict=True))
        for tables in ([run.kept for run in members], [run.masked for run in members])
    )
    if method not in OURS and all(np.array_equal(one, ranks[0]) for ranks in (kept, masked) for one in ranks):
        members, kept, masked = members[:1], kept[:1], masked[:1]  # it draws nothing
    key = f"{'+'.join(run.id for run in members)}/{method}"
    main = method == headline(members[0].kept) and method in OURS
    recipe = f"{members[0].recipe} " if members[0].recipe else ""
    label = f"{recipe}{_names(members)} {method}"
    return Contender(key, label, method, members, kept, masked, main)


def _names(runs: Sequence[MeasuredRun]) -> str:
    return runs[0].short if len(runs) == 1 else f"{runs[0].short} and {len(runs) - 1} more seeds"


def _at(ranks: Ranks, rows: Rows | None) -> Ranks:
    return ranks if rows is None else ranks[rows]


def _ranks_alike(one: Contender, other: Contender) -> bool:
    return (one.method, one.seeds) == (other.method, other.seeds) and all(
        np.array_equal(a, b) for a, b in zip(one.kept + one.masked, other.kept + other.masked, strict=True)
    )


def _renamed(one: Contender, label: str) -> Contender:
    return Contender(one.key, label, one.method, one.runs, one.kept, one.masked, one.main)
