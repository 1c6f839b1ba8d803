"""The table of actions: complete, without clashes, and free of keys that terminals keep for themselves."""

from __future__ import annotations

import inspect

import pytest

from eagertui.actions import ACTIONS, PLACES, actions_of, key_name
from eagertui.app import EagerApp
from eagertui.screens.explore import ExploreScreen

# The same bytes as Tab, Enter, Backspace and Escape; flow control and job control; the prefixes of screen and tmux.
TAKEN = {f"ctrl+{key}" for key in "imjh[sqzcab"}


def test_every_action_has_a_name_a_key_and_words() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for action in ACTIONS:
        assert action.keys, action.id
        assert action.label, action.id
        assert action.help.endswith("."), action.id
        assert key_name(action)
        assert set(action.places) <= set(PLACES)


@pytest.mark.parametrize("place", PLACES)
def test_no_key_means_two_things_in_a_place(place: str) -> None:
    keys = [key for action in actions_of(place) for key in action.keys.split(",")]
    assert len(keys) == len(set(keys))
    assert not set(keys) & TAKEN
    assert not [key for key in keys if key.startswith("alt+")]


def test_every_action_is_there_to_be_run() -> None:
    for action in ACTIONS:
        owner: type = EagerApp if action.run.startswith("app.") else ExploreScreen
        name = "action_" + action.run.removeprefix("app.").partition("(")[0]
        assert inspect.getdoc(getattr(owner, name)), name


def test_what_trains_or_ranks_names_its_twin_without_a_screen() -> None:
    for action in ACTIONS:
        if action.id in ("train", "train-new", "resume", "sample", "explore-run"):
            assert action.headless.startswith("eagertui ")
