"""Finished runs side by side: every figure, difference and verdict that the app, the terminal and the page show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from core.errors import DataError, EagerError
from core.evaluate.compare import read_difference
from core.evaluate.comparison.contenders import Contender, Rows, common_users, contenders_of
from core.evaluate.comparison.measured_run import SPLIT, MeasuredRun, data_summary
from core.evaluate.comparison.paired_users import (
    JudgedDifference,
    PairedUsers,
    judged,
    mean_interval,
    pair_users,
    seed_means,
    user_values,
    worth,
)
from core.evaluate.comparison.settings_that_differ import SettingDifference, settings_that_differ
from core.evaluate.comparison.user_slices import NOBODY, SliceFamily, slice_families
from core.evaluate.metrics import DEPTH
from core.evaluate.resampling import SLICE_SAMPLES
from core.run.rankings import SEEN_HIDDEN, SEEN_KEPT
from core.safe_json import figures, number

Found = TypeVar("Found")
RANKING_METRICS = (*(f"{kind}@{k}" for k in (10, 5, 20, 50, 1) for kind in ("ndcg", "recall")), f"mrr@{DEPTH}")
"""In the order in which somebody asks for them."""
EXPOSURE_METRICS = ("coverage@10", "gini@10", "popularity@10")
"""Of the lists and not of users: without intervals, from `metrics.json`."""
METRICS = (*RANKING_METRICS, *EXPOSURE_METRICS)
HEAD_METRIC = "ndcg@10"
PROTOCOLS = {False: SEEN_KEPT, True: SEEN_HIDDEN}
SAME = 2e-6
"""Figures of `metrics.json` are rounded to six decimals."""


@dataclass(frozen=True)
class SliceResult:
    """Two contenders on a part of the users.

    Attributes:
        family: what the users are parted by.
        name: of the slice.
        users: in it.
        value: of the contender.
        other: of what it is held against.
        difference: between both; None where they are the same contender.
    """

    family: str
    name: str
    users: int
    value: float
    other: float
    difference: JudgedDifference | None


@dataclass(frozen=True)
class Mover:
    """A user who gained or lost.

    Attributes:
        user: the id.
        item: the target's id.
        title: the target's title; empty where it is not known.
        history: items of the history.
        gain: in the metric.
        ranks: of the target in the contender's lists, one a seed; 0 = none.
        other_ranks: in those that it is held against.
    """

    user: str
    item: str
    title: str
    history: int
    gain: float
    ranks: tuple[int, ...]
    other_ranks: tuple[int, ...]


@dataclass(frozen=True)
class Movers:
    """Who gained and who lost, the most first, and how many there are of each."""

    gained: tuple[Mover, ...]
    lost: tuple[Mover, ...]
    gained_users: int
    lost_users: int
    same_users: int


class Comparison:
    """Some runs, their methods, and one of these that all others are held against; what was computed is kept.

    Its methods may take a second over a million users: call them in a thread.

    Args:
        runs: in the order in which they were named.
        against: the id of the run, or the key of the contender, that the others are held against; the first run's
            lists without one.

    Raises:
        DataError: the runs have no users in common, or there is nothing called `against` among them.
    """

    def __init__(self, runs: Sequence[MeasuredRun], against: str = "") -> None:
        if not runs:
            raise DataError("no run to compare", "eagertui runs lists them")
        self.runs = tuple(runs)
        self._rows = common_users(self.runs)
        self.contenders = contenders_of(self.runs, self._rows)
        self.reference = self._find(against)
        self._kept: dict[object, Any] = {}
        self.notes: list[str] = []
        """What somebody should know who reads the figures."""
        if (most := max(run.users for run in self.runs)) != self.users:
            self.notes.append(f"{self.users:,} of {most:,} users have the same target in every run; only these count")

    def _find(self, against: str) -> Contender:
        main = [one for one in self.contenders if one.main] or self.contenders
        if not against:
            return next((one for one in main if self.runs[0] in one.runs), main[0])
        fits = [one for one in self.contenders if one.key == against]
        fits += [one for one in main if any(run.id == against for run in one.runs)]
        if not fits:
            raise DataError(f"{against}: neither a run of this comparison nor a method of one")
        return fits[0]

    @property
    def users(self) -> int:
        """Users that every run has with the same target."""
        return len(self.contenders[0].kept[0])

    @cached_property
    def settings(self) -> list[SettingDifference]:
        """Settings that are not the same in all runs; the data set among them where it is another."""
        found = settings_that_differ([run.settings for run in self.runs])
        if len({run.data for run in self.runs}) > 1:
            sizes = [data_summary(run) for run in self.runs]
            words = tuple(
                f"{run.data[:8] or '?'}: {number(size.get('users')):,.0f} users, {number(size.get('items')):,.0f} items"
                for run, size in zip(self.runs, sizes, strict=True)
            )
            found.insert(0, SettingDifference("data set", words))
        return found

    # --- figures ----------------------------------------------------------------------------------------------------

    def value(self, contender: Contender, metric: str, masked: bool) -> float | None:
        """A figure, over the seeds on average; None where it was not measured."""
        if metric in EXPOSURE_METRICS:
            values = [self._exposure(run, contender, metric, masked) for run in contender.runs]
            known = [value for value in values if value is not None]
            return sum(known) / len(known) if len(known) == len(values) else None
        return float(np.mean(self.seed_values(contender, metric, masked)))

    def seed_values(self, contender: Contender, metric: str, masked: bool) -> list[float]:
        """A ranking metric for each seed."""
        return self._once(("seeds", contender.key, metric, masked), lambda: seed_means(contender, metric, masked))

    def interval(self, contender: Contender, metric: str, masked: bool) -> tuple[float, float] | None:
        """The 95 % interval of a figure over users; None for what is no mean over users."""
        if metric in EXPOSURE_METRICS:
            return None
        return self._once(("interval", contender.key, metric, masked), lambda: mean_interval(contender, metric, masked))

    def difference(self, contender: Contender, metric: str, masked: bool) -> JudgedDifference | None:
        """How far a contender lies above the reference, users paired; None for the reference and for exposure."""
        other = self.reference
        if contender is other or metric in EXPOSURE_METRICS:
            return None

        def find() -> JudgedDifference:
            pairs = self._pairs(contender, metric, masked)
            return self._recorded(contender, metric, masked, pairs) or judged(contender, other, metric, masked, pairs)

        return self._once(("difference", contender.key, other.key, metric, masked), find)

    def best_reachable(self, metric: str, masked: bool) -> float | None:
        """The best that anybody can reach on synthetic data, seen items kept; None where that is not known."""
        known = [figures(run.metrics.get("best_reachable")).get(metric) for run in self.runs]
        return known[0] if not masked and len(set(known)) == 1 else None

    def _exposure(self, run: MeasuredRun, contender: Contender, metric: str, masked: bool) -> float | None:
        """A figure of the lists as the run wrote it down, under the split that has this protocol's recall."""
        ranks = (run.masked if masked else run.kept)[contender.method]
        recall = float((worth("recall@10")[ranks]).mean())
        for split in ("test_masked", "test") if masked else ("test", "test_masked"):
            methods = run.metrics.get(split)
            values = figures(methods.get(contender.method)) if isinstance(methods, dict) else {}
            if metric in values and abs(values.get("recall@10", -1.0) - recall) < SAME:
                return values[metric]
        return None

    def _recorded(self, contender: Contender, metric: str, masked: bool, pairs: PairedUsers) -> JudgedDifference | None:
        """What the run's own evaluation said of the pair, so that every table says the same; None where it did not.

        `metrics.json` holds the run's lists against each other method. An older one does not say under which protocol:
        it counts where its difference is the one of these ranks.
        """
        for ours, theirs, sign in ((self.reference, contender, -1.0), (contender, self.reference, 1.0)):
            if not ours.main or ours.seeds > 1 or theirs.seeds > 1 or self.users != ours.runs[0].users:
                continue
            if theirs.runs[0] is not ours.runs[0] and theirs.own:
                continue
            value = float(pairs.gains @ pairs.counts() / self.users) * sign
            for split in ("test_masked", "test") if masked else ("test", "test_masked"):
                found = read_difference(ours.runs[0].metrics, split, theirs.method, metric)
                if found is not None and abs(found.value - value) < SAME:
                    ends = (found.low, found.high) if sign > 0 else (-found.high, -found.low)
                    return JudgedDifference(sign * value, *ends)
        return None

    def _pairs(self, contender: Contender, metric: str, masked: bool) -> PairedUsers:
        key = ("pairs", contender.key, self.reference.key, metric, masked)
        last = self._kept.get("pairs")  # one pair at a time: eight bytes a user
        if last is None or last[0] != key:
            last = self._kept["pairs"] = (key, pair_users(contender, self.reference, metric, masked))
        pairs: PairedUsers = last[1]
        return pairs

    def _once(self, key: object, find: Callable[[], Found]) -> Found:
        if key not in self._kept:
            self._kept[key] = find()
        kept: Found = self._kept[key]
        return kept

    # --- users ------------------------------------------------------------------------------------------------------

    @cached_property
    def families(self) -> list[SliceFamily]:
        """Slices of the common users; sentences on missing ones go to `notes`."""
        families, notes = slice_families(self.runs[0])
        self.notes += notes
        rows = self._rows[0]
        return [SliceFamily(f.title, f.names, _at(f.labels, rows)) for f in families]

    def slices(self, contender: Contender, metric: str, masked: bool) -> list[SliceResult]:
        """Every slice that holds somebody, with the contender held against the reference on it.

        Raises:
            ValueError: the metric is none of users.
        """

        def find() -> list[SliceResult]:
            other, same = self.reference, contender is self.reference
            values, others = (user_values(one, metric, masked) for one in (contender, other))
            pairs = self._pairs(contender, metric, masked)
            found = []
            for family in self.families:
                for number_, name in enumerate(family.names):
                    chosen = family.labels == number_
                    users = int(chosen.sum())
                    if not users:
                        continue
                    gain = None if same else judged(contender, other, metric, masked, pairs, chosen, SLICE_SAMPLES)
                    means = (float(values[chosen].mean()), float(others[chosen].mean()))
                    found.append(SliceResult(family.title, name, users, *means, gain))
            return found

        return self._once(("slices", contender.key, self.reference.key, metric, masked), find)

    def movers(
        self, contender: Contender, metric: str, masked: bool, most: int = 20, within: tuple[str, str] | None = None
    ) -> Movers:
        """Users who gained most from the contender over the reference, and those who lost most.

        Args:
            contender: whose lists they would get.
            metric: what is gained; equal gains by the change of the rank.
            masked: whether seen items are hidden.
            most: users of each kind.
            within: family and name of a slice; all users without.

        Raises:
            DataError: the users' ids cannot be read.
        """
        gains = self._pairs(contender, metric, masked).of_users
        chosen = np.ones(self.users, dtype=bool)
        for family in self.families if within else ():
            if within and family.title == within[0] and within[1] in family.names:
                chosen = family.labels == family.names.index(within[1])
        # Mean places that the target rose, none counted as one behind the last; shape (users,).
        places = [np.mean([np.where(r > 0, r, DEPTH + 1) for r in one.ranks(masked)], axis=0)
                  for one in (self.reference, contender)]  # fmt: skip
        rise = places[0] - places[1]

        def first(sign: int) -> tuple[tuple[Mover, ...], int]:
            some = np.flatnonzero(chosen & (gains * sign > 1e-9))
            order = np.lexsort((some, -sign * rise[some], -sign * gains[some]))[:most]
            return self._described(some[order], contender, gains, masked), len(some)

        (gained, ups), (lost, downs) = first(1), first(-1)
        return Movers(gained, lost, ups, downs, int(chosen.sum()) - ups - downs)

    def _described(
        self, users: Rows, contender: Contender, gains: np.ndarray[Any, Any], masked: bool
    ) -> tuple[Mover, ...]:
        rows = users if self._rows[0] is None else self._rows[0][users]
        ids = self.runs[0].ids[rows.tolist()]
        titles = self._titles
        found = []
        for user, row, (user_id, item_id) in zip(users.tolist(), rows.tolist(), ids.iter_rows(), strict=True):
            ranks, others = (tuple(int(r[user]) for r in one.ranks(masked)) for one in (contender, self.reference))
            history = int(self.runs[0].histories[row])
            found.append(Mover(user_id, item_id, titles.get(item_id, ""), history, float(gains[user]), ranks, others))
        return tuple(found)

    @cached_property
    def _titles(self) -> dict[str, str]:
        """Title of every item; empty where the item table cannot be read."""
        import polars as pl

        try:
            path = self.runs[0].artefact("data") / "items.parquet"
            items = pl.read_parquet(path, columns=["item_id", "title"], glob=False)
            return dict(zip(items["item_id"].to_list(), items["title"].fill_null("").to_list(), strict=True))
        except (EagerError, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
            return {}


def _at(labels: Any, rows: Rows | None) -> Any:
    return labels if rows is None else labels[rows]


__all__ = ["METRICS", "NOBODY", "PROTOCOLS", "SPLIT", "Comparison", "Mover", "Movers", "SliceResult"]
