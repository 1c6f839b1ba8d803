"""The demo from Home by one key, and its tour: hints where they matter, dismissed for good."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.assets import demo_path
from eagertui.actions import PLACES
from eagertui.app import EagerApp
from eagertui.config import Memory
from eagertui.widgets.tour_bar import HINTS, hint_for
from tests.eagertui.app_tools import Eyes, fake_engine, screen_text

Open = Callable[..., Any]


@pytest.mark.parametrize("size", [(80, 24), (60, 18)])
async def test_the_whole_tour(tmp_path: Path, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    before = {path: path.stat().st_mtime_ns for path in demo_path().rglob("*")}
    memory = tmp_path / "state.json"
    app = EagerApp(None, "home", engine=fake_engine(), memory=Memory(memory))
    async with app.run_test(size=size, notifications=True) as pilot:
        eyes = Eyes(app, pilot)
        await eyes.see("d .*look at the demo")
        await eyes.press("d")
        await eyes.see("1/5 enter asks", "reader-000")
        await eyes.press("enter")
        await eyes.see("History of|Next", "2/5 tab to the list")
        await eyes.press("full_stop")
        await eyes.until(lambda: "2/5" not in screen_text(app))
        await eyes.press("3")
        await eyes.see("3/5 a book's code")
        await eyes.press("6")
        await eyes.see("4/5 is it better", "bookshop|model")
        await eyes.press("1")
        await eyes.see("5/5 now yours", "finished")
        await eyes.press("t")  # refused in words, and nothing opens
        await eyes.see("the demo ships with the program", "eagertui init")
        assert app.current_mode == "home" and len(app.screen_stack) == 1
        if app.serving is not None:
            await app.serving.close()
    assert Memory(memory).get("tour", []) == ["why"] and not Memory(memory).projects
    assert {path: path.stat().st_mtime_ns for path in demo_path().rglob("*")} == before
    again = EagerApp(demo_path(), "explore", engine=fake_engine(), memory=Memory(memory))
    async with again.run_test(size=size) as pilot:
        eyes = Eyes(again, pilot)
        await eyes.see("1/5", "reader-000")
        await eyes.press("enter")
        await eyes.see("History of|Next 20")
        assert not re.search("[12]/5", screen_text(again))  # dismissed for good
        if again.serving is not None:
            await again.serving.close()


async def test_a_project_of_ones_own_has_no_tour(open_app: Open) -> None:
    async with open_app() as eyes:
        await eyes.see("What now")
        assert "/5" not in screen_text(eyes.app)


def test_the_hints_belong_to_places_and_are_told_once() -> None:
    assert len(HINTS) == 5 and {hint.place for hint in HINTS} <= set(PLACES)
    for hint in HINTS:
        assert hint_for(hint.place, hint.answered, frozenset()) is hint
        assert hint_for(hint.place, hint.answered, frozenset({hint.name})) is None
