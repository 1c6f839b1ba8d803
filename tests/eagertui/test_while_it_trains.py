"""While a run trains: its best checkpoint can be asked, and a few users' lists are seen epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.run import launch
from core.run.folder import RunFolder
from core.run.status import Status
from core.run.watched_list import LENGTH, NAME, ListedItem, WatchedList
from eagertui.overlays.watched_lists import shown_epochs, watched_lines
from tests.eagertui.app_tools import fake_engine, new_run, screen_text

Open = Callable[..., Any]
LIVE = ("--watched", "--steps", "40", "--tick", "0", "--heartbeat", "0.2")
SO_FAR = "after epoch 3 of sequential, still training: the model alone, not yet measured"


def begin(shop: Path, gate: int) -> RunFolder:
    run = new_run(shop)
    launch.launch(run, command=fake_engine(*LIVE, "--gate", str(gate)))
    return run


@pytest.mark.parametrize("size", [(80, 24), (60, 18), pytest.param((120, 40), marks=pytest.mark.slow)])
async def test_the_lists_over_the_epochs(open_app: Open, shop: Path, size: tuple[int, int]) -> None:
    run = begin(shop, 17)
    async with open_app("--so-far", SO_FAR, size=size, verb="train") as eyes:
        await eyes.until(lambda: eyes.app.follower and eyes.app.follower.state.watched)
        await eyes.press("u")
        await eyes.see("User reader-000 · 1 of 2", "place after epoch +1 +2 +3", "held out: The L", "Bold")
        assert " new " in screen_text(eyes.app) or size[1] < 20
        (run.path / "gate").touch()
        await eyes.see(r"epoch +1 +2 +3 +4 +5 +6 +7 +8" if size[0] > 60 else r"epoch +1 .* 8")  # it goes on by itself
        await eyes.press("right")
        await eyes.see("User reader-007 · 2 of 2")
        await eyes.press("enter")  # the same user in Explore
        await eyes.see("History of reader-007", "Next")
        await eyes.press("e")  # and from there
        await eyes.see("User reader-007 · 2 of 2", "The Lighthouse, volume 8")
        await eyes.press("escape")
        await eyes.see("History of reader-007")


async def test_the_best_checkpoint_is_explorable_and_a_better_one_is_told(open_app: Open, shop: Path) -> None:
    run = begin(shop, 17)
    async with open_app("--so-far", SO_FAR, size=(80, 24), verb="train") as eyes:
        app = eyes.app
        await eyes.until(lambda: app.runs and app.runs[0].model_state == "step 15")
        await eyes.press("e")
        await eyes.see("Who\\?")
        await eyes.press("enter")
        await eyes.see("History of reader-000")
        (run.path / "gate").touch()
        await eyes.see("ctrl\\+r loads it")
        await eyes.until(lambda: app.runs[0].model_state == "finished")


async def test_without_a_checkpoint_there_is_nothing_to_explore(open_app: Open, shop: Path) -> None:
    run = begin(shop, 3)
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await eyes.see("No run to explore yet", "at its first")
        assert not eyes.app.check_action("explore", ())
        launch.kill(run)


async def test_a_user_who_is_not_watched_and_a_run_of_before(open_app: Open, finished: RunFolder, shop: Path) -> None:
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await eyes.see("reader-000")
        await eyes.press("e")
        await eyes.see("told no lists")
    run = new_run(shop)
    launch.start(run, command=fake_engine(*LIVE)).wait(timeout=30)
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await eyes.see("reader-003")
        await eyes.press("down", "down", "down", "enter")
        await eyes.see("History of reader-003")
        await eyes.press("e")
        await eyes.see("reader-003 is not among them", "User reader-000")


def test_what_can_be_asked_of_a_run(shop: Path) -> None:
    run = new_run(shop)
    assert run.model_state(Status(state="running")) == ""
    run.best_path.write_text('{"path": "checkpoints/best", "step": 7}')
    assert run.model_state(Status(state="stopped")) == "step 7"
    run.best_path.write_text('{"path": "../.store/gone.partial/best", "step": 7}')
    assert run.model_state(Status(state="running")) == ""
    (run.path / "stages" / "tune.json").write_text("{}")
    assert run.model_state(Status(state="running")) == "tuned"
    assert run.model_state(Status(state="finished")) == "finished"


def watched(epoch: int, first: int = 0) -> WatchedList:
    items = tuple(ListedItem(f"b{first + n}", f"Title {first + n} " + "x" * 90) for n in range(LENGTH))
    return WatchedList("u", "s", epoch, epoch * 10, items, ListedItem("b3", "Held"))


def test_the_lines_fit_at_every_width() -> None:
    lists = [watched(n, n % 4) for n in range(1, 31)]
    for width in (30, 56, 76, 118, 200):
        for count in (0, 1, 2, 30):
            lines = watched_lines(lists[:count], width)
            assert all(line.cell_length <= width for line in lines), (width, count)
    text = [line.plain for line in watched_lines(lists[:3], 76)]
    assert text[1].split()[-3:] == ["3", "2", "1"]  # 1-based: b3 in lists that begin at b1, b2, b3
    assert shown_epochs(30, 5) == [0, 7, 14, 22, 29] and shown_epochs(3, 5) == [0, 1, 2] and shown_epochs(9, 1) == [8]


def test_an_event_holds_a_list_whole_and_a_foreign_one_none() -> None:
    one = watched(3)
    back = WatchedList.from_event(one.to_event())
    assert back is not None and back.rank == one.rank == 4 and len(back.items[0].title) == NAME
    for data in ({}, {"user": 3}, {"user": "u", "items": 3, "target": ["a", "b"]}, {"user": "u", "items": []}):
        assert WatchedList.from_event(data) is None
    cut = WatchedList.from_event({**one.to_event(), "epoch": "x", "items": [["a"], 3, ["b", "B"]]})
    assert cut is not None and [item.item_id for item in cut.items] == ["b"]


async def test_the_key_shows_only_where_there_are_lists(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(120, 40), verb="train") as eyes:
        await eyes.see("finished")
        assert "u Lists" not in screen_text(eyes.app)
