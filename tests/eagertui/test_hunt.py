"""What a hunt with real keys in a real terminal found: hasty keys, narrow lists, odd moments."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Input

from core.run.events import Event
from core.run.folder import RunFolder
from core.run.reducer import reduce
from core.run.state import RunState
from core.run.status import Status
from eagertui.actions import PLACES
from eagertui.places.train.lines import StagePlan, headline
from eagertui.widgets.draw import spread
from eagertui.widgets.row_list import Row, RowList

Open = Callable[..., Any]


async def test_a_place_left_before_it_was_made_is_no_fault(open_app: Open) -> None:
    async with open_app() as eyes:
        for place in PLACES:  # nobody waits for a place to be there
            eyes.app.action_go("home")
            eyes.app.action_go(place)
        await eyes.press("1")
        assert eyes.app.current_mode == "home"


async def test_letters_do_not_overtake_a_backspace(open_app: Open) -> None:
    async with open_app() as eyes:
        await eyes.press("slash")
        line = eyes.app.screen.query_one("#filter", Input)
        for key in ("x", "backspace", "backspace", "a", "b"):  # as a slow line brings them: all at once
            eyes.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await eyes.until(lambda: line.value)
        await eyes.pilot.pause()
        assert line.value == "ab"


async def test_the_palette_bears_a_page_key_before_it_is_drawn(open_app: Open) -> None:
    async with open_app() as eyes:
        for key in ("ctrl+p", "pagedown", "pageup"):
            eyes.app.post_message(events.Key(key, None))
        await eyes.see("Try sample")
        await eyes.press("escape")
        await eyes.see("What now")


class Bare(App[None]):
    """A list and nothing else."""

    def compose(self) -> ComposeResult:
        yield RowList()


async def test_no_list_draws_under_its_scrollbar() -> None:
    app = Bare()
    async with app.run_test(size=(40, 10)) as pilot:
        rows = [Row(str(n), lambda width: spread([("name", "")], [("the end", "")], width)) for n in range(60)]
        app.query_one(RowList).show(rows)
        await pilot.pause()
        await pilot.pause()
        shown = app.query_one(RowList)
        assert shown.show_vertical_scrollbar
        assert len(str(shown.get_option_at_index(7).prompt)) == shown.scrollable_content_region.width < 40


async def test_the_help_tells_the_names_that_keys_are_given_to(open_app: Open) -> None:
    async with open_app(size=(120, 60)) as eyes:
        await eyes.press("question_mark")
        await eyes.see("Copy the sample project.*  sample", "place-data")


async def test_a_run_that_tells_nothing_promises_no_end() -> None:
    state = RunState(state="running")
    for second in range(9):
        told = {"stage": "tune", "task": "tune", "done": second * 10.0, "total": 300.0, "unit": "steps"}
        state = reduce(state, Event(second + 1, float(second), "progress", told))
    status = Status(state="running", process="p", started=1.0, clock=1.0, elapsed=40.0)
    lines = [str(one) for one in headline(state, status, None, StagePlan(), 78)]
    assert "10.0/s" in lines[1]
    assert "left" in lines[1]
    lines = [str(one) for one in headline(state, replace(status, quiet=25.0), None, StagePlan(), 78)]
    assert "/s" not in lines[1]
    assert "left" not in lines[1]
    assert "nothing new for 25 s" in lines[2]


async def test_a_new_project_from_a_deleted_folder(
    open_app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gone := tmp_path / "gone").mkdir()
    async with open_app(project=None) as eyes:
        monkeypatch.chdir(gone)
        gone.rmdir()
        await eyes.press("n")
        await eyes.see("Which file holds the interactions")
        await eyes.press("escape", "escape")
        await eyes.see("What now")


async def test_the_story_has_the_keys_again_after_a_small_window(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(80, 24)) as eyes:
        await eyes.press("4")
        await eyes.see("✓ finished", "Story")
        await eyes.pilot.resize_terminal(40, 12)
        await eyes.until(lambda: eyes.app.focused is None or eyes.app.size.width == 40)
        await eyes.pilot.resize_terminal(80, 24)
        await eyes.until(lambda: eyes.app.focused is not None)


async def test_a_project_that_is_gone_is_named_in_full(open_app: Open, shop: Path) -> None:
    async with open_app(size=(200, 24)) as eyes:
        await eyes.see("look at the data")
        (shop / "project.toml").unlink()
        await eyes.see(f"no project file at {re.escape(str(shop))}")
