"""A page that tests look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.evaluate.comparison.as_object import comparison_object
from core.evaluate.comparison.comparison_of_runs import Comparison
from core.evaluate.comparison.measured_run import load_run
from core.evaluate.comparison.validation_curves import validation_curves
from eagertui.report.page import comparison_page
from tests.core.evaluate.comparison_tools import made_up_dataset, some_ranks, write_project, write_run

NASTY = "</title><script>alert(1)</script>\"'<img src=http://evil.example/x onerror=y>\x1b[31m\u202e"
USERS = 120


@pytest.fixture(scope="package")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """A comparison of three runs, two of which differ only in their seed, with users named; and its page."""
    project = write_project(tmp_path_factory.mktemp("page") / "shop")
    dataset = made_up_dataset(USERS, 40, say=NASTY)
    base = {name: some_ranks(USERS)[name] for name in ("model", "popularity", "sasrec")}
    runs = []
    for number, settings in enumerate((("seed=0",), ("seed=1",), ("recommend.beams=5",))):
        ranks = {**base, "model": np.where(np.arange(USERS) % (3 + number) == 0, 0, base["model"]).astype(np.int32)}
        runs.append(load_run(write_run(project, number, dataset, ranks, *settings)))
    comparison = Comparison(runs)
    comparison.notes.append(NASTY)
    found = comparison_object(comparison, "ndcg@10", with_users=3)
    return found, comparison_page(NASTY, found, validation_curves(runs))
