"""What the teachers expect, against plain Python; and that they never repeat the answer."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from core.errors import StopRequested
from core.run.reporter import NullReporter
from core.settings import SasrecSettings
from core.tune.rows import Rows, every_item_rows
from core.tune.teacher import Lessons, lessons
from core.vectors.sasrec_model import SasRec, fit_sasrec
from tests.core.engine_tools import StopAfter, sequences

N_ITEMS = 24


@pytest.fixture(scope="module")
def sasrec(tmp_path_factory: pytest.TempPathFactory) -> SasRec:
    settings = SasrecSettings(hidden_size=16, layers=1, heads=1, epochs=3, max_history=12, batch_users=16)
    folder = tmp_path_factory.mktemp("sasrec")
    return fit_sasrec(sequences(*log(0)), N_ITEMS, settings, 0, False, NullReporter(), folder)


def log(seed: int) -> list[list[int]]:
    """Thirty users, no item twice in a list."""
    draw = random.Random(seed)
    return [draw.sample(range(N_ITEMS), draw.randint(1, 11)) for _ in range(30)]


def expected_of(taught: Lessons, rows: Rows) -> np.ndarray:
    """Probability of every item at every target; items named twice add up."""
    found = np.zeros((len(taught.items), N_ITEMS))
    for line, names, weights in zip(found, taught.items, taught.trust, strict=True):
        np.add.at(line, names, weights)
    return found


def asked(sasrec: SasRec, lists: list[list[int]], share: float) -> np.ndarray:
    """What is expected at every item but the first of every list."""
    train = sequences(*lists)
    rows = every_item_rows(train, 20)
    return expected_of(lessons([sasrec], train, rows, share, False, NullReporter()), rows)


def transitions(lists: list[list[int]], user: int, place: int) -> np.ndarray:
    """What followed the three items before a place, but for the very steps to it; as probabilities, zeros = nothing."""
    pairs: dict[tuple[int, int], float] = defaultdict(float)
    for owner, items in enumerate(lists):
        for i, a in enumerate(items):
            for step in (1, 2, 3):
                if i + step < len(items) and (owner, i + step) != (user, place):
                    pairs[a, items[i + step]] += 1 / step
    before = list(enumerate(reversed(lists[user][max(0, place - 3) : place]), 1))
    scores = [sum(pairs[a, b] / n for n, a in before) for b in range(N_ITEMS)]
    return np.array(scores) / (sum(scores) or 1.0)


def test_sasrec_alone(sasrec: SasRec) -> None:
    train = sequences(*log(1))
    rows = every_item_rows(train, 4)
    found = expected_of(lessons([sasrec], train, rows, 0.0, False, NullReporter()), rows)
    windows = [(rows.windows[n].tolist(), int(first)) for n, first in enumerate(rows.first_target)]
    histories = [items[:place] for items, first in windows for place in range(first, len(items))]
    assert len(found) == len(histories) == rows.targets
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)), abs=1e-5)  # the catalogue is smaller than the top
    scores = sasrec.score(sequences(*histories)).astype(np.float64)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    assert found == pytest.approx(odds / odds.sum(axis=1, keepdims=True), abs=1e-4)


def test_several_models_are_averaged(sasrec: SasRec) -> None:
    other = SasRec(N_ITEMS, sasrec.settings)
    train = sequences(*log(1))
    rows = every_item_rows(train, 4)
    one, two, both = (
        expected_of(lessons(models, train, rows, 0.0, False, NullReporter()), rows)
        for models in ([sasrec], [other], [sasrec, other])
    )
    assert both == pytest.approx((one + two) / 2, abs=1e-5)
    assert np.abs(one - two).max() > 0.01


@pytest.mark.parametrize("repeats", [False, True], ids=["no item twice", "items come again"])
def test_transitions_forget_the_step_they_are_asked_about(repeats: bool, sasrec: SasRec) -> None:
    """Else they would only repeat the answer. Where they are silent, SASRec has the whole word."""
    draw = random.Random(3)
    lists = log(1)
    if repeats:
        lists = [[draw.randrange(6) + 6 * (user % 4) for _ in range(draw.randint(2, 9))] for user in range(12)]
    lists += [[21, 22], [23, 20, 23, 19]] if repeats else [[0, 1]]
    alone, found = asked(sasrec, lists, 0.0), asked(sasrec, lists, 0.7)
    places = [(user, place) for user, items in enumerate(lists) for place in range(1, len(items))]
    assert len(found) == len(places)
    silent = 0
    for line, first, (user, place) in zip(found, alone, places, strict=True):
        said = transitions(lists, user, place)
        silent += not said.any()
        wanted = 0.3 * first + 0.7 * said if said.any() else first
        assert line == pytest.approx(wanted, abs=1e-4), (user, place)
    assert 0 < silent < len(places) or not repeats


def test_trust_is_a_share_of_the_whole_and_lies_by_row(sasrec: SasRec) -> None:
    lists = log(2)
    rows = every_item_rows(sequences(*lists), 5)
    taught = lessons([sasrec], sequences(*lists), rows, 0.5, False, NullReporter())
    assert np.diff(taught.offsets).tolist() == (rows.windows.lengths - rows.first_target).tolist()
    assert len(taught.items) == len(taught.trust) == rows.targets
    assert float(taught.trust.min()) >= 0 and float(taught.trust.sum(1).max()) <= 1 + 1e-5


def test_a_wish_to_stop_is_heard(sasrec: SasRec, tmp_path: Path) -> None:
    rows = every_item_rows(sequences(*log(1)), 4)
    with pytest.raises(StopRequested):
        lessons([sasrec], sequences(*log(1)), rows, 0.5, False, StopAfter(1))
