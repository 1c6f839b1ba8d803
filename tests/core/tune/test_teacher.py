"""What the teachers expect, against plain Python; and that they never repeat the answer."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from core.run.reporter import NullReporter
from core.settings import SasrecSettings
from core.tune.loop import StopRequested
from core.tune.rows import Rows, every_item_rows
from core.tune.teacher import Lessons, lessons
from core.vectors.sasrec import SasRec, fit_sasrec
from tests.core.engine_tools import StopAfter, sequences

N_ITEMS = 24
Question = tuple[int, list[int], int]


@pytest.fixture(scope="module")
def sasrec(tmp_path_factory: pytest.TempPathFactory) -> SasRec:
    settings = SasrecSettings(hidden_size=16, layers=1, heads=1, epochs=3, max_history=12, batch_users=16)
    folder = tmp_path_factory.mktemp("sasrec")
    return fit_sasrec(sequences(*log(0)), N_ITEMS, settings, 0, False, NullReporter(), folder)


def log(seed: int) -> list[list[int]]:
    """Thirty users, no item twice in a list."""
    draw = random.Random(seed)
    return [draw.sample(range(N_ITEMS), draw.randint(1, 11)) for _ in range(30)]


def questions(rows: Rows, lists: list[list[int]]) -> list[Question]:
    """User, visible history and target of every supervised place, row by row."""
    found = []
    for number, first in enumerate(rows.first_target):
        items = rows.windows[number].tolist()
        user = next(n for n, seen in enumerate(lists) if any(seen[i : i + len(items)] == items for i in range(len(seen))))
        found += [(user, items[:place], items[place]) for place in range(int(first), len(items))]
    return found


def expected_of(taught: Lessons, rows: Rows) -> np.ndarray:
    """Probability of every item at every target; items named twice add up."""
    items, trust = taught.of(np.arange(len(rows.first_target)))
    found = np.zeros((len(items), N_ITEMS))
    for line, names, weights in zip(found, items.numpy(), trust.numpy(), strict=True):
        np.add.at(line, names, weights)
    return found


def transitions(lists: list[list[int]], history: list[int], without: int) -> np.ndarray:
    """What followed the last three items in the lists of all other users, as probabilities; zeros = nothing did."""
    pairs: dict[tuple[int, int], float] = defaultdict(float)
    for user, items in enumerate(lists):
        for i, a in enumerate(items):
            for step in (1, 2, 3):
                if user != without and i + step < len(items):
                    pairs[a, items[i + step]] += 1 / step
    scores = [sum(pairs[a, b] / n for n, a in enumerate(reversed(history[-3:]), 1)) for b in range(N_ITEMS)]
    return np.array(scores) / (sum(scores) or 1.0)


def test_sasrec_alone(sasrec: SasRec) -> None:
    lists = log(1)
    rows = every_item_rows(sequences(*lists), 4)
    found = expected_of(lessons(sasrec, sequences(*lists), rows, 0.0, False, NullReporter()), rows)
    asked = questions(rows, lists)
    assert len(found) == len(asked) == rows.targets
    assert found.sum(axis=1) == pytest.approx(np.ones(len(found)), abs=1e-5)  # the catalogue is smaller than the top
    scores = sasrec.score(sequences(*[history for _, history, _ in asked])).astype(np.float64)
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    assert found == pytest.approx(odds / odds.sum(axis=1, keepdims=True), abs=1e-4)


def test_transitions_remember_other_users_alone(sasrec: SasRec) -> None:
    """The user's own step to the target is forgotten; where nobody else says anything, SASRec has the whole word."""
    lists = [*log(1), [0, 1]]
    rows = every_item_rows(sequences(*lists), 6)
    first = expected_of(lessons(sasrec, sequences(*lists), rows, 0.0, False, NullReporter()), rows)
    found = expected_of(lessons(sasrec, sequences(*lists), rows, 0.7, False, NullReporter()), rows)
    spoken = 0
    for line, alone, (user, history, target) in zip(found, first, questions(rows, lists), strict=True):
        # Only the step to the target is taken back; a user's other steps from the same items end elsewhere.
        others = transitions(lists, history, without=user)
        mine = transitions([lists[user]], history, without=-1)
        said = (line - (1 - 0.7) * alone) / 0.7
        if others.any():
            spoken += 1
            assert said[target] == pytest.approx(others[target], abs=0.05 + mine.max())
            if others[target] == 0:
                assert said[target] == pytest.approx(0.0, abs=1e-5)
    assert spoken > 100
    quiet = sequences([0, 1], [2, 3])
    two = every_item_rows(quiet, 4)
    assert expected_of(lessons(sasrec, quiet, two, 0.7, False, NullReporter()), two) == pytest.approx(
        expected_of(lessons(sasrec, quiet, two, 0.0, False, NullReporter()), two), abs=1e-6
    )


def test_an_own_step_is_forgotten_where_items_come_again(sasrec: SasRec) -> None:
    """Somebody who takes the same two items by turns: nobody else ever did, so the transitions are silent."""
    lonely = sequences([0, 1, 0, 1, 0, 1], [5, 6])
    rows = every_item_rows(lonely, 6)
    with_memory = expected_of(lessons(sasrec, lonely, rows, 0.7, False, NullReporter()), rows)
    assert with_memory.sum(axis=1) == pytest.approx(np.ones(len(with_memory)), abs=1e-5)
    only = every_item_rows(sequences([7, 8, 7, 8]), 6)
    pair = sequences([7, 8, 7, 8])
    told = lessons(sasrec, pair, only, 1.0, False, NullReporter())
    plain = lessons(sasrec, pair, only, 0.0, False, NullReporter())
    # At the first target the pair 7 -> 8 is known from the user's second one alone.
    assert expected_of(told, only)[1] == pytest.approx(expected_of(plain, only)[1], abs=1.0)


def test_a_batch_gets_its_own_rows(sasrec: SasRec) -> None:
    lists = log(2)
    rows = every_item_rows(sequences(*lists), 5)
    taught = lessons(sasrec, sequences(*lists), rows, 0.5, False, NullReporter())
    whole, trust = taught.of(np.arange(len(rows.first_target)))
    sizes = rows.windows.lengths - rows.first_target
    ends = np.cumsum(sizes)
    chosen = np.array([3, 0, 7])
    some, own = taught.of(chosen)
    places = np.concatenate([np.arange(ends[row] - sizes[row], ends[row]) for row in chosen])
    assert some.tolist() == whole[places].tolist() and own.tolist() == trust[places].tolist()
    assert float(trust.min()) >= 0 and float(trust.sum(1).max()) <= 1 + 1e-5


def test_a_wish_to_stop_is_heard(sasrec: SasRec, tmp_path: Path) -> None:
    rows = every_item_rows(sequences(*log(1)), 4)
    with pytest.raises(StopRequested):
        lessons(sasrec, sequences(*log(1)), rows, 0.5, False, StopAfter(1))
