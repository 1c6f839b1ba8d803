"""What teachers believe of items of the history, held to what the log says."""

from __future__ import annotations

import numpy as np
import pytest

from core.tune.repeats import calibrated
from core.tune.rows import every_item_rows
from core.tune.teacher import Lessons
from tests.core.engine_tools import sequences


def taught(lists: list[list[int]], draw: np.random.Generator) -> Lessons:
    """Five items a target at random, never twice the same; probabilities that sum to at most one."""
    targets = sum(len(items) - 1 for items in lists)
    items = np.stack([draw.permutation(9)[:5] for _ in range(targets)]).astype(np.int32)
    trust = draw.dirichlet(np.ones(6), targets)[:, :5].astype(np.float32)
    offsets = np.concatenate([[0], np.cumsum([len(items) - 1 for items in lists])])
    return Lessons(offsets, items, trust)


def had(lists: list[list[int]], items: np.ndarray) -> np.ndarray:
    histories = [set(items[:place]) for items in lists for place in range(1, len(items))]
    return np.array([[int(item) in history for item in row] for row, history in zip(items, histories, strict=True)])


def test_a_log_without_repeats_leaves_no_belief_in_them() -> None:
    draw = np.random.default_rng(0)
    lists = [draw.permutation(9)[: draw.integers(2, 8)].tolist() for _ in range(40)]
    before = taught(lists, draw)
    after = calibrated(before, every_item_rows(sequences(*lists), 20))
    seen = had(lists, before.items)
    assert seen.any() and (after.trust[seen] == 0).all()
    believed = (before.trust * seen).sum(axis=1, keepdims=True)
    others = np.where(seen, 0.0, before.trust / (1 - believed))  # among the rest nothing changes
    assert after.trust == pytest.approx(others, abs=1e-6)


def test_belief_in_repeats_comes_to_their_share_in_the_log() -> None:
    draw = np.random.default_rng(1)
    lists = [draw.integers(9, size=draw.integers(2, 12)).tolist() for _ in range(300)]
    before = taught(lists, draw)
    after = calibrated(before, every_item_rows(sequences(*lists), 20))
    seen = had(lists, before.items)
    share = np.mean([items[place] in items[:place] for items in lists for place in range(1, len(items))])
    assert (after.trust * seen).sum(axis=1).mean() == pytest.approx(share, abs=0.05)
    assert (after.trust.sum(axis=1) <= 1 + 1e-5).all()
    ratio = after.trust / before.trust
    for row, flags in zip(ratio, seen, strict=True):  # an order among equals stays
        for kind in (flags, ~flags):
            assert np.ptp(row[kind]) < 1e-4 if kind.any() else True


def test_nothing_to_say_changes_nothing() -> None:
    lists = [[0, 1], [2, 3]]
    quiet = Lessons(np.array([0, 1, 2]), np.array([[5], [6]], dtype=np.int32), np.ones((2, 1), dtype=np.float32))
    assert calibrated(quiet, every_item_rows(sequences(*lists), 20)).trust.tolist() == [[1.0], [1.0]]
