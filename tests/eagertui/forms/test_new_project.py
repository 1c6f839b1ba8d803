"""The screens of a new project: pick two files, mend what was guessed, write it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button

from core.project import Project
from eagertui.forms import new_project
from eagertui.forms.new_project import NewProjectScreen
from eagertui.forms.pick_file import PickFileScreen
from eagertui.forms.settings_form import SettingsForm
from eagertui.widgets.row_list import RowList
from tests.eagertui.app_tools import Eyes
from tests.eagertui.forms.form_tools import Errands, run_init, write_tables

SIZES = [(80, 24), (60, 18)]
Open = Callable[..., Any]


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a log and an item table; it is the working directory."""
    monkeypatch.chdir(write_tables(tmp_path / "library"))
    return tmp_path / "library"


class Maker(Eyes):
    """The screens of a new project, opened over the home screen."""

    answers: list[Path | None]
    errands: Errands

    @property
    def form(self) -> SettingsForm:
        return next(s for s in self.app.screen_stack if isinstance(s, NewProjectScreen)).query_one(SettingsForm)

    async def pick(self, name: str) -> None:
        await self.until(lambda: isinstance(self.app.screen, PickFileScreen))
        await self.see(re.escape(name))
        await self.press("slash", *name[:3], "enter")  # as much as only it has

    async def go_to(self, key: str) -> None:
        self.form.go_to(key)
        await self.pilot.pause()


@pytest.fixture
def make(open_app: Open, tables: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Begin a new project: `async with make(size=(80, 24))`."""
    monkeypatch.setattr(new_project, "PATIENCE", 0.02)

    @asynccontextmanager
    async def _make(size: tuple[int, int] = (80, 24), real: bool = False) -> AsyncIterator[Maker]:
        async with open_app(size=size, project=None) as eyes:
            maker = Maker(eyes.app, eyes.pilot)
            maker.answers, maker.errands = [], Errands()
            if not real:
                eyes.app.bridge.errand = maker.errands
            await eyes.app.push_screen(NewProjectScreen(), maker.answers.append)
            yield maker

    return _make


@pytest.mark.parametrize("size", SIZES)
async def test_a_whole_new_project(make: Open, tables: Path, size: tuple[int, int]) -> None:
    async with make(size) as maker:
        await maker.see("Which file holds the interactions", r"1 of 3", "who, what, and when")
        await maker.pick("log.csv")
        await maker.see("Which file describes the items", "2 of 3", "n None")
        await maker.pick("books.jsonl")
        await maker.see("3 of 3", r"user +reader|folder +library", "ready; w writes", "eagertui init")
        await maker.go_to("data.user")
        text = await maker.see("by its name", r"reader +book +when", "log.csv", "4 columns")
        assert "r0" in text
        await maker.go_to("data.text")
        text = await maker.see(r"book +title", r"\[red\]House␛\[31m")
        assert not re.search("[\x1b\u202e]", text)
        await maker.press("enter")
        await maker.see("1 title", "2 author")
        await maker.press("down", "space", "enter")
        await maker.see(r"• text +title ", "1 changed")
        await maker.go_to("data.max_history")
        await maker.press("enter", "x")
        await maker.see("expected a whole number")
        await maker.press("backspace", "9", "enter")
        await maker.see("2 changed", "ready; w writes")
        command = maker.app.screen.copy_text()
        await maker.press("w")
        await maker.until(lambda: maker.answers)
    (path,) = maker.answers
    assert path == tables / "library" / "project.toml"
    project = Project.load(path)
    assert (project.data.user, project.data.text, project.data.max_history) == ("reader", ("title",), 9)
    written = path.read_bytes()
    path.unlink()
    assert "--set data.text=title --set data.max_history=9" in command
    assert run_init(command).read_bytes() == written


async def test_the_real_errand_guesses(make: Open, tables: Path) -> None:
    async with make(real=True) as maker:
        await maker.pick("log.csv")
        await maker.see("2 of 3")
        await maker.press("n")
        await maker.see("ready; w writes")
        await maker.press("w")
        await maker.until(lambda: maker.answers)
    assert Project.load(maker.answers[0]).data.item == "book"


async def test_columns_that_cannot_be_told_apart_are_asked_for(make: Open, tables: Path) -> None:
    log = tables / "log.csv"
    log.write_text(log.read_text().replace("reader,book,when,stars", "x,y,z,w"))
    async with make() as maker:
        await maker.pick("log.csv")
        await maker.see("2 of 3")
        await maker.press("n")
        await maker.see("✗ user", "✗ item", "which column holds the ids")
        await maker.press("w")
        assert maker.answers == []
        await maker.until(lambda: maker.form.current.key == "data.user")
        await maker.press("enter")
        await maker.see(" z", " w")
        await maker.press("enter")
        await maker.see("• user +x", "item +y", "ready; w writes")  # stars are no items
        assert "--set" in maker.errands.asked[-1]
        await maker.press("w")
        await maker.until(lambda: maker.answers)
    data = Project.load(maker.answers[0]).data
    assert (data.user, data.item, data.time) == ("x", "y", "z")


async def test_another_column_changes_the_guess_of_the_rest(make: Open, tables: Path) -> None:
    async with make() as maker:
        await maker.pick("log.csv")
        await maker.see("2 of 3")
        await maker.press("n")
        await maker.see("ready; w writes")
        await maker.go_to("data.user")
        await maker.press("enter")
        await maker.see("● reader")
        await maker.press("down", "enter")  # the book as the user: the item cannot be the book any more
        await maker.see("• user +book", "item +(reader|–)")
        await maker.press("d")
        await maker.see("user +reader", "item +book", "ready; w writes")


async def test_the_second_file_is_looked_for_where_the_first_was(make: Open, tables: Path) -> None:
    (tables / "archive").mkdir()
    async with make() as maker:
        await maker.pick("log.csv")
        await maker.see("2 of 3", r"archive/", r"log\.csv")
        assert maker.app.screen.query_one(RowList).current == "log.csv"
        await maker.press("escape")
        await maker.see("1 of 3", r"archive/", r"log\.csv")
        assert maker.app.screen.query_one(RowList).current == "log.csv"


async def test_every_step_has_a_way_back(make: Open, tables: Path) -> None:
    async with make() as maker:
        await maker.pick("log.csv")
        await maker.see("2 of 3")
        await maker.press("escape")
        await maker.see("1 of 3")
        await maker.pick("log.csv")
        await maker.see("2 of 3")
        await maker.press("n")
        await maker.see("ready; w writes")
        await maker.go_to("data.items")
        await maker.press("enter")
        await maker.see("2 of 3")
        await maker.press("escape")  # only this one was to be picked
        await maker.see("3 of 3")
        await maker.press("enter")
        await maker.pick("books.jsonl")
        await maker.see(r"books\.jsonl", "ready; w writes")
        await maker.go_to("data.text")
        await maker.see("text +title")
        await maker.press("escape")
        await maker.see("2 of 3")
        await maker.press("escape")
        await maker.see("1 of 3")
        await maker.press("escape")
        await maker.until(lambda: maker.answers)
    assert maker.answers == [None]
    assert sorted(one.name for one in tables.iterdir()) == ["books.jsonl", "log.csv", "notes.md"]


async def test_the_folder_is_checked_and_nothing_is_overwritten(make: Open, tables: Path) -> None:
    (tables / "taken").mkdir()
    (tables / "taken" / "project.toml").write_text("mine")
    async with make() as maker:
        await maker.pick("log.csv")
        await maker.see("2 of 3")
        await maker.press("n")
        await maker.see("ready; w writes library/project.toml")
        await maker.go_to("folder")
        await maker.press("enter", *"taken")
        await maker.see("there is a project in it already")
        await maker.press("enter", *"2", "enter")
        await maker.see("ready; w writes taken2/project.toml", "name +taken2")
        (tables / "taken2").write_text("in the way")
        await maker.press("w")
        await maker.see("is a file")
        assert maker.answers == []
        (tables / "taken2").unlink()
        await maker.pilot.click(maker.app.screen.query_one("#write", Button))
        await maker.until(lambda: maker.answers)
    assert (tables / "taken" / "project.toml").read_text() == "mine"
    assert maker.answers == [tables / "taken2" / "project.toml"]
