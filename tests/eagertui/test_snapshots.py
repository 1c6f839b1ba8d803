"""Pictures of the screens; after a change that is meant: `pytest tests/eagertui/test_snapshots.py --snapshot-update`.

A failure writes `snapshot_report.html`, which shows both pictures beside each other.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.eagertui.scenes import SCENES
from tests.eagertui.test_hostile import NASTY, Words
from tests.eagertui.world import Say, plain, world

TAKEN_WITH = {"textual": "8.2.8", "rich": "15.0.0"}
"""The releases that drew the pictures; others draw them a little differently."""
OVER = (
    "home-first", "help", "palette", "split", "index-group", "index-items", "compare-settings", "pick", "stop", "quit",
)  # fmt: skip
"""Scenes that a larger screen only surrounds with more room."""
SMALL, LARGE, LEAST = (80, 24), (120, 40), (60, 18)
Compare = Callable[..., bool]

pytestmark = pytest.mark.skipif(
    any(version(name) != release for name, release in TAKEN_WITH.items()),
    reason=f"the pictures were taken with {TAKEN_WITH}",
)


def same(
    snap_compare: Compare, home: Path, name: str, size: tuple[int, int], *, theme: str = "", say: Say = plain,
    file_name: Say = plain,
) -> bool:  # fmt: skip
    """Whether a scene looks as it did."""
    scene = SCENES[name]
    with world(home, say, file_name) as made, scene.app(made) as app:
        app.theme = theme or app.theme
        return snap_compare(app, terminal_size=size, run_before=lambda pilot: scene.play(pilot, made))


@pytest.mark.parametrize("name", SCENES)
def test_at_80_columns(snap_compare: Compare, tmp_path: Path, name: str) -> None:
    assert same(snap_compare, tmp_path, name, SMALL)


@pytest.mark.parametrize("name", [name for name in SCENES if name not in OVER])
def test_at_120_columns(snap_compare: Compare, tmp_path: Path, name: str) -> None:
    assert same(snap_compare, tmp_path, name, LARGE)


@pytest.mark.parametrize("name", ["home", "data", "index", "index-item", "train-live", "compare", "compare-users"])
def test_on_a_small_screen(snap_compare: Compare, tmp_path: Path, name: str) -> None:
    assert same(snap_compare, tmp_path, name, LEAST)


@pytest.mark.parametrize(("name", "theme"), [("train-live", "terminal"), ("explore", "eager-light")])
def test_in_other_colours(snap_compare: Compare, tmp_path: Path, name: str, theme: str) -> None:
    assert same(snap_compare, tmp_path, name, SMALL, theme=theme)


@pytest.mark.parametrize("name", ["home", "train-live", "explore", "compare-users"])
def test_in_hostile_words(snap_compare: Compare, tmp_path: Path, name: str) -> None:
    words = Words(NASTY)
    assert same(snap_compare, tmp_path, name, SMALL, say=words.say, file_name=words.file_name)
