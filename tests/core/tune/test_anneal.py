"""What `wsd` is told of its end: part of the fingerprint only where it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.pipeline import recipes_of
from core.project import Project
from core.tune.stage import ANNEAL

WSD = "tune.schedule=wsd"


def settings(world: Path, *sets: str) -> dict[str, object]:
    return dict(recipes_of(Project.load(world, sets))["tune"]["settings"])


def test_defaults_and_other_schedules_are_what_they_were(world: Path) -> None:
    assert not set(ANNEAL) & set(settings(world))
    assert not set(ANNEAL) & set(settings(world, WSD))
    assert settings(world, "tune.anneal=0.5") == settings(world)


@pytest.mark.parametrize("given", ["tune.anneal=0.2", "tune.anneal_to=0.1", "tune.anneal_shape=sqrt"])
def test_another_end_is_another_model(world: Path, given: str) -> None:
    found = settings(world, WSD, given)
    assert set(ANNEAL) <= set(found) and {**found, "schedule": "wsd"} != settings(world, WSD)
