"""The table of actions: complete, without clashes, and free of keys that terminals keep for themselves."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.app import App
from textual.content import Content
from textual.screen import Screen

from eagertui.actions import ACTIONS, FORMS, PLACES, Action, actions_of, key_name, markdown
from eagertui.app import EagerApp
from eagertui.config import Config
from eagertui.overlays.ask import Answer, AskScreen
from tests.eagertui.app_tools import PROJECT, Eyes, screen_text

# The same bytes as Tab, Enter, Backspace and Escape; flow control and job control; the prefixes of screen and tmux.
TAKEN = {f"ctrl+{key}" for key in "imjh[sqzab"} | {"ctrl+space", "ctrl+@"}
# What Textual itself answers to: quit, copy and quit, the palette, focus.
TEXTUAL = {"ctrl+c", "ctrl+q", "ctrl+p", "tab", "shift+tab", "ctrl+v", "ctrl+x"}


SCREENS = {
    "new": ("forms.new_project", "NewProjectScreen"),
    "pick": ("forms.pick_file", "PickFileScreen"),
    "start": ("forms.start_training", "StartScreen"),
}


def owner(action: Action, place: str) -> type:
    """The class whose method an action runs."""
    if action.run.startswith("app."):
        return EagerApp
    module, name = SCREENS.get(place, (f"places.{place}.screen", f"{place.title()}Screen"))
    screen: type = getattr(importlib.import_module(f"eagertui.{module}"), name)
    return screen


def test_every_action_has_a_name_a_key_and_words() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    for action in ACTIONS:
        assert action.keys, action.id
        assert 0 < len(action.label) <= 14, action.id
        assert action.help.endswith("."), action.id
        assert key_name(action.keys)
        assert set(action.places) <= {*PLACES, *FORMS}


@pytest.mark.parametrize("place", [*PLACES, *FORMS])
def test_no_key_means_two_things_in_a_place(place: str) -> None:
    keys = [key for action in actions_of(place) for key in action.keys.split(",")]
    assert len(keys) == len(set(keys))


def test_no_key_is_one_that_terminals_tmux_or_textual_keep() -> None:
    keys = {key for action in ACTIONS for key in action.keys.split(",")}
    assert not keys & TAKEN
    assert not keys & TEXTUAL
    assert not [key for key in keys if key.startswith(("alt+", "shift+", "ctrl+shift"))]
    default = {key for binding in (*App.BINDINGS, *Screen.BINDINGS) for key in _keys(binding)}
    assert not keys & default - {"escape"}  # Textual's own: minimise and clear a selection; both come first there


def _keys(binding: object) -> list[str]:
    keys = binding[0] if isinstance(binding, tuple) else getattr(binding, "key", "")
    return [key.strip() for key in keys.split(",")]


@pytest.mark.parametrize("place", [*PLACES, *FORMS])
def test_every_action_is_there_to_be_run(place: str) -> None:
    for action in actions_of(place):
        name = "action_" + action.run.removeprefix("app.").partition("(")[0]
        assert inspect.getdoc(getattr(owner(action, place), name)), (place, name)


def test_what_trains_ranks_or_reads_names_its_twin_without_a_screen() -> None:
    twins = ("train", "resume", "sample", "explore-run", "new-project", "read-again", "form-start", "form-new", "about")
    for action in ACTIONS:
        if action.id in twins:
            assert action.headless.startswith("eagertui "), action.id


async def test_a_persons_own_key_works_and_is_the_one_that_is_shown(shop: Path) -> None:
    app = EagerApp(shop, config=Config(keys={"place-compare": "f8", "help": "f9"}))
    async with app.run_test(size=(80, 60)) as pilot:
        eyes = Eyes(app, pilot)
        await eyes.until(lambda: app.runs_read)
        await eyes.press("f8")
        assert app.current_mode == "compare"
        assert "f9" in screen_text(app)
        await eyes.press("f9")
        assert "f8" in await eyes.see("Keys of Compare")
        await eyes.press("escape", "question_mark")
        assert "Keys of" not in screen_text(app)


async def test_every_action_of_a_place_stands_in_the_palette(shop: Path) -> None:
    app = EagerApp(shop)
    async with app.run_test(size=(80, 24)) as pilot:
        eyes = Eyes(app, pilot)
        await eyes.until(lambda: app.runs_read)
        for place in PLACES:
            app.action_go(place)
            await pilot.pause()
            titles = {command.title for command in app.get_system_commands(app.screen)}
            for action in actions_of(place):
                if app._possible(action.run):
                    assert f"{action.label}  ({key_name(action.keys)})" in titles, (place, action.id)


def test_the_page_of_keys_is_the_table_of_actions() -> None:
    page = Path(__file__).parents[2] / "assets" / "docs" / "keys.md"
    assert page.read_text(encoding="utf-8") == markdown(), "python -m eagertui.actions > assets/docs/keys.md"


async def test_the_keys_of_vi_move_in_lists_texts_and_questions(open_app: Callable[..., Any], shop: Path) -> None:
    for number in range(4):
        (shop.parent / str(number)).mkdir()
        (shop.parent / str(number) / "project.toml").write_text(PROJECT)
    async with open_app() as eyes:
        for number in range(4):
            eyes.app.memory.opened(shop.parent / str(number) / "project.toml", "other")
        eyes.app.poll_projects()
        await eyes.see("5 known")
        projects = eyes.app.screen.projects
        projects.focus()
        for key, row in (("G", 4), ("k", 3), ("g", 0), ("j", 1)):
            await eyes.press(key)
            await eyes.until(lambda row=row: projects.highlighted == row)
        await eyes.press("question_mark")
        text = eyes.app.screen.query_one("#help")
        await eyes.press("G")
        await eyes.until(lambda: text.scroll_y == text.max_scroll_y > 0)
        await eyes.see("moving", "j k")
        await eyes.press("g")
        await eyes.until(lambda: text.scroll_y == 0)
        await eyes.press("escape")
        eyes.app.push_screen(AskScreen("Really?", Content(""), [Answer("no", "esc", "No"), Answer("yes", "y", "Yes")]))
        await eyes.see("Really")
        await eyes.press("j")
        await eyes.until(lambda: eyes.app.focused.id == "answer-1")
        await eyes.press("k")
        await eyes.until(lambda: eyes.app.focused.id == "answer-0")


async def test_ctrl_c_names_our_own_keys(open_app: Callable[..., Any], shop: Path) -> None:
    async with open_app() as eyes:
        await eyes.press("ctrl+c")
        text = await eyes.see("q quits, ctrl.z goes to the shell")
        assert "ctrl+q" not in text
