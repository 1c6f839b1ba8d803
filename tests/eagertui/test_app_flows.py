"""A person's ways through the app, with a scripted engine behind it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.run import launch
from core.run.folder import RunFolder
from core.run.listing import list_runs
from eagertui.actions import PLACES
from eagertui.cli import create_project
from tests.core.run.run_tools import is_alive
from tests.eagertui.app_tools import PROJECT, SLOW, fake_engine, new_run

SIZES = [(80, 24), (120, 40)]
Open = Callable[..., Any]
EMPTY = dict.fromkeys("23456", "No project is open")
"""What each place says while there is nothing to show; a key that would do nothing is not offered."""


@pytest.mark.parametrize("size", [(80, 24), (60, 18), pytest.param((120, 40), marks=pytest.mark.slow)])
async def test_from_nothing_to_recommendations(open_app: Open, size: tuple[int, int]) -> None:
    async with open_app("--steps", "30", "--gate", "20", size=size) as eyes:
        await eyes.see("look at the data", "t +train", "eagertui --headless train")
        await eyes.train()
        await eyes.see("● running", r"1\d ?/ ?30 steps")
        (eyes.app.current.path / "gate").touch()
        await eyes.see("✓ finished", r"R@10", r"\.0648", "popularity")
        await eyes.press("1")
        await eyes.see("✓ finished .*light|✓ finished .*R@10", "This run")
        await eyes.press("e")
        await eyes.see("60 users", "reader-000")
        await eyes.press("down", "enter")
        await eyes.see("History of reader-001", "7 items")
        text = await eyes.see("Next", "↺ seen", "✓ held out", "held out .*place 6")
        assert "-0.70" in text
        await eyes.press("escape")
        await eyes.see("This run")


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_titles_are_drawn_as_text(open_app: Open, finished: RunFolder, size: tuple[int, int]) -> None:
    async with open_app(size=size, verb="recommend") as eyes:
        await eyes.see("reader-000")
        await eyes.press("enter")
        text = await eyes.see(r"\[red\]Bold")
        assert "␛[31m" in text
        for character in "\x1b\x07\u202e\u200b\t":
            assert character not in text
        lines = text.splitlines()
        assert all(line.rstrip().endswith(("│", "┃", "╮", "╯", "┓", "┛")) for line in lines[1:-1])


async def test_stop_and_go_on(open_app: Open) -> None:
    async with open_app(*SLOW) as eyes:
        await eyes.train()
        await eyes.see("● running", "steps")
        await eyes.press("x")
        await eyes.see("Stop this run", "Keep it running")
        await eyes.press("escape")
        assert eyes.app.asked == {}
        await eyes.press("x")
        await eyes.see("Stop and save")
        await eyes.press("s")
        await eyes.see("■ stopped", "stopped as asked", "r lets it go on", "◆ checkpoint")
        await eyes.press("r")
        await eyes.see("● running")
        await eyes.until(lambda: "the run goes on" in [text for _, text in eyes.app.follower.state.logs])


async def test_pause_checkpoint_and_resume(open_app: Open) -> None:
    async with open_app(*SLOW) as eyes:
        await eyes.train()
        await eyes.see("● running", "steps")
        await eyes.press("p")
        await eyes.until(lambda: eyes.app.follower.state.paused)
        await eyes.see("‖ paused", "p Go on")
        await eyes.press("w", "p")
        await eyes.see("◆ checkpoint", "● running")


async def test_the_last_rung_ends_an_engine_that_hears_nothing(open_app: Open) -> None:
    async with open_app("--hang-at", "4") as eyes:
        await eyes.train()
        await eyes.see("● running", r"3 / 40 steps")
        await eyes.press("x")
        await eyes.see("Stop and save")
        await eyes.press("s")
        await eyes.see("stopping, asked")
        await eyes.press("x")
        await eyes.see("Still stopping", "SIGTERM", "SIGKILL", "no checkpoint yet")
        await eyes.press("s")
        assert is_alive(eyes.app.current)
        await eyes.press("x")
        await eyes.see("Still stopping")
        await eyes.press("k")
        await eyes.see("■ stopped", "killed")


async def test_attach_to_a_run_started_elsewhere_and_leave_it_running(open_app: Open, shop: Path) -> None:
    run = new_run(shop)
    launch.launch(run, command=fake_engine(*SLOW))
    async with open_app() as eyes:
        await eyes.see("● running")
        await eyes.press("enter")
        await eyes.see("● running", r"steps")
        await eyes.press("q")
        await eyes.see("goes on without this", "leave it running")
        await eyes.press("escape")
        await eyes.see("Story")
        await eyes.press("q")
        await eyes.see("leave it running")
        await eyes.press("l")
        await eyes.until(lambda: eyes.app._exit)
    assert is_alive(run)
    async with open_app(verb="train") as eyes:  # and a second one attaches
        await eyes.see("● running", "steps")
        await eyes.press("q")
        await eyes.see("Stop and save, then quit")
        await eyes.press("s")
        await eyes.until(lambda: eyes.app._exit)
    while is_alive(run):
        pass
    assert run.status().state == "stopped"


async def test_a_crash_is_told_truthfully_with_a_way_on(open_app: Open) -> None:
    async with open_app("--crash-at", "5") as eyes:
        await eyes.train()
        await eyes.see(r"\? lost", "its process is gone", "told to crash", "r lets it go on")
        await eyes.press("1")
        await eyes.see(r"\? lost", "r goes on from there")


async def test_a_failure_names_its_remedy(open_app: Open) -> None:
    async with open_app("--fail-at", "3") as eyes:
        await eyes.train()
        await eyes.see("✗ failed", "row 7 has no item", "eagertui check")


async def test_an_engine_that_does_not_start(open_app: Open) -> None:
    async with open_app("--no-start") as eyes:
        await eyes.train()
        await eyes.see(r"\? lost", "ImportError", "before it began")


async def test_no_project_and_the_sample(open_app: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(directory: Path) -> Path:
        directory.mkdir()
        (directory / "project.toml").write_text(PROJECT)
        return directory / "project.toml"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(create_project, "copy_sample", copy)
    async with open_app(project=None) as eyes:
        await eyes.see("new project", "try the sample", "eagertui init DIR")
        for key, empty in EMPTY.items():
            await eyes.press(key)
            text = await eyes.see(empty, "1 home", "q Quit")
            assert not re.search("4 train|b build|t Train|b Build|/ Find|space Mark", text)
        await eyes.press("1", "s")
        await eyes.see("look at the data", "bookshop")
        assert eyes.app.bridge.project_file == tmp_path / "bookshop" / "project.toml"


async def test_a_wrong_project_file_is_shown_and_read_again(open_app: Open, shop: Path) -> None:
    file = shop / "project.toml"
    file.write_text(PROJECT + 'itms = "x"\n')
    async with open_app() as eyes:
        await eyes.see(r"project\.toml:4", "data.itms", "Mended, it is read again", "E opens the file")
        await eyes.press("t")
        await eyes.see("cannot be read", "data.itms", "did you mean")
        await eyes.press("t")
        assert eyes.app.current_mode == "home"
        await eyes.press("escape")
        assert list_runs(shop / "runs") == []
        file.write_text(PROJECT + "# mended\n")
        await eyes.see("look at the data")


async def test_another_user_an_unknown_one_and_a_dead_process(open_app: Open, finished: RunFolder) -> None:
    async with open_app("--die-on", "reader-005", verb="recommend") as eyes:
        await eyes.see("reader-000")
        await eyes.press("slash", *"reader-05")
        await eyes.until(lambda: eyes.app.screen.query_one("#users").option_count == 10)
        await eyes.press("enter")
        await eyes.see("History of reader-050")
        await eyes.press("slash", *"99", "enter")
        await eyes.see("no user 99")
        await eyes.press("slash", "backspace")
        await eyes.until(lambda: eyes.app.screen.query_one("#users").option_count == 60)
        await eyes.press("escape", "home", *["down"] * 5, "enter")
        await eyes.see("the serving process ended", r"\^r starts it again")
        await eyes.press("ctrl+r")
        await eyes.see("History of reader-050")  # the last answer, made anew
        await eyes.press("home", "enter")
        await eyes.see("History of reader-000")


async def test_exploring_another_run_serves_that_one(open_app: Open, finished: RunFolder, shop: Path) -> None:
    other = new_run(shop)
    launch.start(other, command=fake_engine("--steps", "3", "--tick", "0")).wait(timeout=30)
    async with open_app() as eyes:
        await eyes.until(lambda: len(eyes.app.runs) == 2)
        await eyes.press("e")
        await eyes.see("60 users")
        first = eyes.app.serving
        await eyes.press("1")
        await eyes.press("end" if eyes.app.runs[0].id == first.folder.id else "home", "e")
        await eyes.until(lambda: eyes.app.serving is not first and eyes.app.serving.ready)
        assert not first.alive
        assert eyes.app.serving.folder.id != first.folder.id


async def test_the_run_folder_vanishes(open_app: Open, finished: RunFolder) -> None:
    import shutil

    async with open_app(verb="train") as eyes:
        await eyes.see("✓ finished")
        shutil.rmtree(finished.path)
        await eyes.see(r"\? lost")
        await eyes.press("1")
        await eyes.see("look at the data")


async def test_help_and_palette(open_app: Open, finished: RunFolder) -> None:
    async with open_app() as eyes:
        for key, title in enumerate(PLACES.values(), start=1):
            await eyes.press(str(key), "question_mark")
            await eyes.see(f"Keys of {title}")
            await eyes.press("end")
            await eyes.see("ctrl\\+p +find")
            await eyes.press("escape")
        await eyes.press("4", "ctrl+p")
        await eyes.see("Search for commands")
        await eyes.press(*"hold")
        await eyes.see(r"Hold view +\(space\)")


async def test_old_spellings_are_told_once(open_app: Open, shop: Path) -> None:
    file = shop / "project.toml"
    file.write_text(PROJECT + "[rq_vae]\nepochs = 7\nsteps = 90\nrounds = 2\nlatent = 8\npatience = 5\n")
    told: list[str] = []
    async with open_app(size=(120, 40)) as eyes:
        await eyes.see("The project file", r"project\.toml:5: rq_vae\.epochs is index\.rq-vae\.epochs", "and 2 more")
        notify = eyes.app.notify
        eyes.app.notify = lambda text, **more: told.append(text) or notify(text, **more)
        file.write_text(file.read_text() + "\n# the same spellings\n")
        os.utime(file, (1, 1))
        await eyes.pilot.pause(2.5)
        assert told == []
        file.write_text(file.read_text().replace("latent = 8\n", ""))
        await eyes.until(lambda: told)
        assert "and 1 more" in told[0]
