"""The deletion test of the evidence's preferences."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, StopRequested
from core.evaluate.faithfulness import measure_faithfulness
from core.recommend.evidence.faithfulness_figure import (
    FAITHFULNESS,
    Faithfulness,
    load_faithfulness,
    save_faithfulness,
)
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from tests.core.engine_tools import StopAfter


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    return Recommender.load(trained.path)


def test_measured_on_users_drawn_by_the_seed(recommender: Recommender) -> None:
    found = measure_faithfulness(recommender, NullReporter(), 20)
    assert found == measure_faithfulness(recommender, NullReporter(), 20)
    assert found.users == 20 and found.low <= found.difference <= found.high
    assert found.difference == pytest.approx(found.preference - found.random, abs=2e-6)
    # Everybody walks on from where they are, so what was taken last decides.
    assert found.newest > max(found.preference, found.random)
    assert ("further" in found.sentence()) == found.shown == (found.low > 0)


def test_the_drops_are_those_of_the_evidence(recommender: Recommender) -> None:
    """With one user, the figure is that user's: the first drawn who has more than one preference."""
    one = measure_faithfulness(recommender, NullReporter(), 1)
    order = np.random.default_rng(recommender.project.seed).permutation(recommender.dataset.evaluated)
    user = recommender.dataset.users[int(order[one.skipped])]
    evidence = recommender.explain(user=user, as_tested=True)
    assert len(evidence.preferences) > 1 and one.preference == pytest.approx(evidence.preferences[0].drop, abs=1e-3)
    newest = next(own for own in evidence.removals if own.place == max(own.place for own in evidence.removals))
    if len(evidence.preferences[0].items) == 1:
        assert one.newest == pytest.approx(newest.drop, abs=1e-3)


def test_kept_with_the_run(trained: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / trained.id)
    shutil.copytree(trained.path, folder.path)
    assert load_faithfulness(folder) is None
    figure = Faithfulness(500, 3, 0.5, 0.4, 0.45, 0.1, -0.02, 0.22)
    save_faithfulness(folder, figure)
    assert load_faithfulness(folder) == figure
    assert not figure.shown and "not shown to be faithful" in figure.sentence()
    assert replace(figure, low=0.01).shown
    for damaged in ("", "[]", json.dumps({**vars(figure), "low": None}), '{"users": 1e999}'):
        (folder.path / FAITHFULNESS).write_text(damaged)
        assert load_faithfulness(folder) is None


def test_it_can_be_stopped(recommender: Recommender) -> None:
    with pytest.raises(StopRequested):
        measure_faithfulness(recommender, StopAfter(2), 20)


def test_nothing_to_delete(recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    project = recommender.project
    monkeypatch.setattr(recommender, "project", replace(project, data=replace(project.data, max_history=1)))
    with pytest.raises(DataError, match="more than one preference"):
        measure_faithfulness(recommender, NullReporter(), 5)
