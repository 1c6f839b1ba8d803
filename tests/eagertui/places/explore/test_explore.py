"""The Explore place by its keys, with the scripted engine."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.run import launch
from core.run.folder import RunFolder
from eagertui.places.explore import screen
from eagertui.widgets.row_list import RowList
from tests.eagertui.app_tools import QUICK, Eyes, fake_engine, new_run, screen_text
from tests.eagertui.places.explore.test_outcomes import write

Open = Callable[..., Any]
SIZES = [(80, 24), pytest.param((120, 40), marks=pytest.mark.slow), (60, 18)]


async def first_answer(eyes: Eyes) -> None:
    await eyes.see("reader-000")
    await eyes.press("enter")
    await eyes.see("History of reader-000", "held out .*place 6")


async def found(eyes: Eyes, items: int) -> None:
    """Wait until so many items were found, and no user."""
    listed = eyes.app.screen.query_one("#users", RowList)
    await eyes.until(lambda: listed.option_count == items and (listed.current or "").startswith("item:"))


def focus(eyes: Eyes, name: str) -> None:
    eyes.app.screen.query_one(f"#{name}").focus()


@pytest.mark.parametrize("size", SIZES)
async def test_why_beam_and_smallest_change(open_app: Open, finished: RunFolder, size: tuple[int, int]) -> None:
    async with open_app(size=size, verb="recommend") as eyes:
        await first_answer(eyes)
        focus(eyes, "items")
        await eyes.press("down", "enter")
        await eyes.see("Why · The Lighthouse, volume 5", "Code by code", "67 %")
        await eyes.press("t")
        await eyes.see("Search · ", "✗ fell|fell")
        await eyes.press("escape")
        await eyes.press("y")
        await eyes.see("It comes out of the list", "enter makes it")
        await eyes.press("enter")  # the edit is made: the first item of the history is gone
        await eyes.see("6 items" if size[0] > 60 else "Next", "▲|new")
        await eyes.press("u")
        await eyes.see("7 items" if size[0] > 60 else "Next")
        await eyes.press("escape")


async def test_the_search_of_the_list_opens_from_the_users_too(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await first_answer(eyes)
        focus(eyes, "users")
        await eyes.press("t")
        await eyes.see("Search · ")


async def test_edits_answer_at_once_and_are_undone_one_by_one(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await first_answer(eyes)
        await eyes.press("a")
        await eyes.see("Which item comes to the history")
        await eyes.press(*"volume 21")
        await eyes.see("The Lighthouse, volume 21")
        await eyes.press("enter")
        await eyes.see("8 items", "· edited", "▲1", "new|▼", "Title of b21 +added")
        await eyes.see("held out .*(place|behind)")  # what the user really took stays in sight
        focus(eyes, "history")
        await eyes.press("home", "d")
        await eyes.see("7 items")
        await eyes.press("down", "J")
        await eyes.until(
            lambda: "b6" in eyes.app.screen.query_one("#history", RowList).get_option_at_index(2).prompt.plain
        )
        await eyes.press("h")
        await eyes.see("asked: seen hidden")
        await eyes.press("plus")
        await eyes.see("Next 50")
        for _ in range(4):
            await eyes.press("u")
        await eyes.see("8 items", "Next 20")
        await eyes.press("u")
        await eyes.see("7 items, the newest first", "as tested")
        await eyes.press("u")
        await eyes.see("nothing to undo")


async def test_restrictions_steering_and_back(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(120, 40), verb="recommend") as eyes:
        await first_answer(eyes)
        for key, words, said in (("f", "price < 3", "only price < 3"), ("m", "sea; storm", "more sea")):
            await eyes.press(key)
            await eyes.see("enter takes it")
            await eyes.press(*words, "enter")
            await eyes.see(said)
        focus(eyes, "items")
        await eyes.press("d")
        await eyes.see("1 denied")
        await eyes.press("w")
        await eyes.see("to date · 7 items")
        await eyes.press("r")
        await eyes.until(lambda: not eyes.app.screen.query_one("#asked").display)


async def test_a_baseline_beside(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await first_answer(eyes)
        await eyes.press("b")
        await eyes.see("Next by sasrec", "20 of 20 in both")
        focus(eyes, "beside")
        await eyes.press("enter")
        await eyes.see("Why · ")
        await eyes.press("escape", "b")
        await eyes.see("Next by popularity")
        await eyes.press("b")
        await eyes.until(lambda: not eyes.app.screen.has_class("-beside"))


async def test_the_panel_for_why_says_that_it_asks(
    open_app: Open, finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "PAUSE", 1.5)
    async with open_app(size=(160, 40), verb="recommend") as eyes:
        await eyes.see("reader-000")
        await eyes.press("enter")
        await eyes.see("History of reader-000", "asking the model")
        await eyes.see("Code by code")
        await eyes.until(lambda: "asking the model" not in screen_text(eyes.app))


async def test_another_run_beside(open_app: Open, shop: Path, finished: RunFolder) -> None:
    other = new_run(shop)
    launch.start(other, command=fake_engine(*QUICK)).wait(timeout=30)
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await first_answer(eyes)
        here = eyes.app.serving.folder
        await eyes.press("s")
        await eyes.see(f"Next by {(other if here == finished else finished).id}", "20 of 20 in both")
        await eyes.press("h")  # another question is asked of both
        await eyes.see("asked: seen hidden", "Next by ")
        pid = eyes.app.beside.pid
        await eyes.press("s")
        await eyes.until(lambda: not eyes.app.screen.has_class("-beside"))
        assert eyes.app.beside is None and not psutil.pid_exists(pid)
        await eyes.press("s")
        await eyes.see("Next by ")
        os.kill(eyes.app.beside.pid, signal.SIGKILL)
        await eyes.press("u")  # its end does not take our own list away
        await eyes.until(lambda: not eyes.app.screen.has_class("-beside"))
        await eyes.see("History of reader-000", "held out .*place 6")
        await eyes.press("b")
        await eyes.see("Next by sasrec")


async def test_a_new_customer_and_an_item_by_its_title(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await first_answer(eyes)
        await eyes.press("n")
        await eyes.see("An empty basket")
        await eyes.press("slash", *"volume 12")
        await found(eyes, 1)
        await eyes.press("enter")
        await eyes.see("Basket", "Title of b12", "1 items")
        await eyes.press("slash", *"volume 23")  # with a list on the screen an item is explained
        await found(eyes, 1)
        await eyes.press("enter")
        await eyes.see("Why · The Lighthouse, volume 23")
        await eyes.press("escape", "slash", *"zzz")
        await eyes.see("nothing found for", "Title of b12")  # a failed search keeps the answer
        await eyes.press("escape")
        await eyes.see("60", "Title of b12")


async def test_users_by_outcome(open_app: Open, finished: RunFolder) -> None:
    write(finished.path / "ranks.parquet", 61)
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await eyes.see("reader-000")
        for kind in ("missed", "hit", "ours ahead", "behind", "shortest", "longest"):
            await eyes.press("o")
            await eyes.see(f"Users · {kind}")
        await eyes.press("o")
        await eyes.see("reader-000")


async def test_the_list_is_exported(
    open_app: Open, finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with open_app(size=(80, 24), verb="recommend") as eyes:
        await first_answer(eyes)
        await eyes.press("x")
        await eyes.see("written: ")
        written = tmp_path / "list-reader_000.json"
        tree = json.loads(written.read_text())
        assert written.stat().st_mode & 0o077 == 0  # what people did is nobody else's
        assert tree["question"]["user"] == "reader-000" and len(tree["answer"]["items"]) == 20


async def test_on_a_small_screen_the_users_fold_away(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(60, 18), verb="recommend") as eyes:
        await first_answer(eyes)
        await eyes.until(lambda: eyes.app.screen.focused.id == "items")
        await eyes.press("slash")
        await eyes.until(lambda: eyes.app.screen.focused.id == "user")
        await eyes.press(*"reader-007", "enter")
        await eyes.see("History of reader-007")
        await eyes.until(lambda: eyes.app.screen.focused.id == "items")
