"""A trained recommender in fp32, whose sums can be checked to the fifth digit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.recommend.recommender import Recommender
from core.run.folder import RunFolder


def in_fp32(run: RunFolder) -> Recommender:
    """A recommender of its own: tests change it."""
    loaded = Recommender.load(run.path)
    loaded.project = replace(loaded.project, run=replace(loaded.project.run, dtype="fp32"))
    return loaded


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    return in_fp32(trained)
