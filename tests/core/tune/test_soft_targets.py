"""What the teachers expect, against plain Python; that they never repeat the answer; repeats as often as in the log."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from core.errors import StopRequested
from core.run.reporter import NullReporter
from core.settings import SasrecSettings
from core.tune import soft_targets
from core.tune.soft_targets import SoftTargets, ask_teachers, calibrate_repeats
from core.tune.target_rows import every_item_rows
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


def expected_of(soft_targets: SoftTargets) -> np.ndarray:
    """Probability of every item at every target; items named twice add up."""
    found = np.zeros((len(soft_targets.items), N_ITEMS))
    for line, names, weights in zip(found, soft_targets.items, soft_targets.probs, strict=True):
        np.add.at(line, names, weights)
    return found


def asked(sasrec: SasRec, lists: list[list[int]], share: float) -> np.ndarray:
    """What is expected at every item but the first of every list."""
    train = sequences(*lists)
    rows = every_item_rows(train, 20)
    return expected_of(ask_teachers([sasrec], train, rows, share, False, NullReporter()))


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
    found = expected_of(ask_teachers([sasrec], train, rows, 0.0, False, NullReporter()))
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
        expected_of(ask_teachers(models, train, rows, 0.0, False, NullReporter()))
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


def test_probs_are_a_share_of_the_whole_and_lies_by_row(sasrec: SasRec) -> None:
    lists = log(2)
    rows = every_item_rows(sequences(*lists), 5)
    soft_targets = ask_teachers([sasrec], sequences(*lists), rows, 0.5, False, NullReporter())
    assert np.diff(rows.offsets).tolist() == (rows.windows.lengths - rows.first_target).tolist()
    assert len(soft_targets.items) == len(soft_targets.probs) == rows.targets
    assert float(soft_targets.probs.min()) >= 0 and float(soft_targets.probs.sum(1).max()) <= 1 + 1e-5


def test_scores_are_there_block_by_block(sasrec: SasRec, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few targets at a time, for a catalogue whose scores would not fit into memory."""
    whole = asked(sasrec, log(1), 0.3)
    monkeypatch.setattr(soft_targets, "SCORES", 3 * N_ITEMS)
    np.testing.assert_allclose(asked(sasrec, log(1), 0.3), whole, atol=1e-6)


def test_a_wish_to_stop_is_heard(sasrec: SasRec, tmp_path: Path) -> None:
    rows = every_item_rows(sequences(*log(1)), 4)
    with pytest.raises(StopRequested):
        ask_teachers([sasrec], sequences(*log(1)), rows, 0.5, False, StopAfter(1))


def drawn_targets(lists: list[list[int]], draw: np.random.Generator) -> SoftTargets:
    """Five items a target at random, never twice the same; probabilities that sum to at most one."""
    targets = sum(len(items) - 1 for items in lists)
    items = np.stack([draw.permutation(9)[:5] for _ in range(targets)]).astype(np.int32)
    probs = draw.dirichlet(np.ones(6), targets)[:, :5].astype(np.float32)
    return SoftTargets(items, probs)


def in_history(lists: list[list[int]], items: np.ndarray) -> np.ndarray:
    histories = [set(items[:place]) for items in lists for place in range(1, len(items))]
    return np.array([[int(item) in history for item in row] for row, history in zip(items, histories, strict=True)])


def test_a_log_without_repeats_leaves_no_probability_of_them() -> None:
    draw = np.random.default_rng(0)
    lists = [draw.permutation(9)[: draw.integers(2, 8)].tolist() for _ in range(40)]
    before = drawn_targets(lists, draw)
    after = calibrate_repeats(before, every_item_rows(sequences(*lists), 20))
    seen = in_history(lists, before.items)
    assert seen.any() and (after.probs[seen] == 0).all()
    repeat_probs = (before.probs * seen).sum(axis=1, keepdims=True)
    others = np.where(seen, 0.0, before.probs / (1 - repeat_probs))  # among the rest nothing changes
    assert after.probs == pytest.approx(others, abs=1e-6)


def test_probability_of_repeats_comes_to_their_share_in_the_log() -> None:
    draw = np.random.default_rng(1)
    lists = [draw.integers(9, size=draw.integers(2, 12)).tolist() for _ in range(300)]
    before = drawn_targets(lists, draw)
    after = calibrate_repeats(before, every_item_rows(sequences(*lists), 20))
    seen = in_history(lists, before.items)
    share = np.mean([items[place] in items[:place] for items in lists for place in range(1, len(items))])
    assert (after.probs * seen).sum(axis=1).mean() == pytest.approx(share, abs=0.05)
    assert (after.probs.sum(axis=1) <= 1 + 1e-5).all()
    ratio = after.probs / before.probs
    for row, flags in zip(ratio, seen, strict=True):  # an order among equals stays
        for kind in (flags, ~flags):
            assert np.ptp(row[kind]) < 1e-4 if kind.any() else True


def test_nothing_to_say_changes_nothing() -> None:
    lists = [[0, 1], [2, 3]]
    quiet = SoftTargets(np.array([[5], [6]], dtype=np.int32), np.ones((2, 1), dtype=np.float32))
    assert calibrate_repeats(quiet, every_item_rows(sequences(*lists), 20)).probs.tolist() == [[1.0], [1.0]]
