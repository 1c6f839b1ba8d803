"""Ranks by several processes are those of one, whoever of them dies."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from core.errors import StopRequested
from core.evaluate.rank_shards import SHARDS, RankShards
from core.evaluate.ranks import Ranking
from core.run.reporter import NullReporter
from tests.core.engine_tools import StopAfter

USERS, ITEMS = 50, 9


class Ranker:
    """Rankings that can be told from a user's number, by two methods; notes whom it was asked about."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, places: np.ndarray, reporter: NullReporter) -> list[Ranking]:
        self.asked += places.tolist()
        reporter.progress("ranking", len(places), len(places), "users")
        shown = np.bincount(places % ITEMS, minlength=ITEMS)
        return [Ranking(places + 1, places, shown, shown * 2), Ranking(places * 2, places, shown * 3, shown)]


def check(rankings: list[Ranking]) -> None:
    every = np.arange(USERS)
    shown = np.bincount(every % ITEMS, minlength=ITEMS)
    first, second = rankings
    assert (first.ranks == every + 1).all() and (first.masked == every).all() and (second.ranks == every * 2).all()
    assert (first.shown == shown).all() and (first.shown_masked == 2 * shown).all()
    assert (second.shown == shown * 3).all()


def test_one_that_leads_and_two_that_help(tmp_path: Path) -> None:
    rankers = [Ranker() for _ in range(3)]
    (tmp_path / SHARDS).mkdir()
    shards = [RankShards(tmp_path, "test", USERS, 3) for _ in rankers]
    helpers = [threading.Thread(target=s.help, args=(r, NullReporter()))
               for s, r in zip(shards[1:], rankers[1:], strict=True)]  # fmt: skip
    for helper in helpers:
        helper.start()
    check(shards[0].lead(rankers[0], NullReporter()))
    for helper in helpers:
        helper.join()
    assert sorted(place for ranker in rankers for place in ranker.asked) == list(range(USERS))  # each once


def test_who_dies_or_is_stopped_costs_its_part_alone(tmp_path: Path) -> None:
    shards = RankShards(tmp_path, "test", USERS, 2)
    stopped = StopAfter(1)

    def dies(places: np.ndarray, reporter: NullReporter) -> list[Ranking]:
        if places[0] >= 2:
            raise StopRequested
        return Ranker()(places, reporter)

    with pytest.raises(StopRequested):
        shards.lead(dies, stopped)
    ranker = Ranker()
    check(RankShards(tmp_path, "test", USERS, 2).lead(ranker, NullReporter()))
    assert 0 not in ranker.asked and 1 not in ranker.asked and 2 in ranker.asked  # what was ranked is not ranked again
    other = Ranker()
    check(RankShards(tmp_path, "test", USERS, 5).lead(other, NullReporter()))  # other parts, all of them anew
    assert len(other.asked) == USERS


def test_help_that_comes_too_late_leaves_nothing_behind(tmp_path: Path) -> None:
    RankShards(tmp_path / "gone.partial", "test", USERS, 2).help(Ranker(), NullReporter())
    assert not list(tmp_path.iterdir())


def test_progress_is_that_of_all(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []

    class Hears(NullReporter):
        def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
            told.append((done, total))

    RankShards(tmp_path, "test", USERS, 1).lead(Ranker(), Hears())
    assert told[-1] == (USERS, USERS) and told == sorted(told)
