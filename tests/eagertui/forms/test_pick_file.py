"""The picker of files: walking, typing, patterns, what is no table, hostile names."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from core.data.addresses import copy_of
from core.files import address_of
from eagertui.cli.create_project import peek
from eagertui.forms.pick_file import PickFileScreen
from tests.core.data.object_store import object_store
from tests.eagertui.app_tools import Eyes, screen_text
from tests.eagertui.forms.form_tools import write_tables

Open = Callable[..., Any]


class Picker(Eyes):
    """The picker, opened over the home screen."""

    answers: list[str | None]

    async def type(self, text: str) -> None:
        entry = self.app.screen.query_one(Input)
        entry.value = entry.value + text
        entry.cursor_position = len(entry.value)
        await self.pilot.pause()


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder with a log and an item table."""
    return write_tables(tmp_path / "library")


@pytest.fixture
def pick(open_app: Open, tables: Path) -> Callable[..., Any]:
    """Open the picker: `async with pick(size=(80, 24), optional=True)`."""

    @asynccontextmanager
    async def _pick(size: tuple[int, int] = (80, 24), optional: bool = False) -> AsyncIterator[Picker]:
        async with open_app(size=size, project=None) as eyes:
            picker = Picker(eyes.app, eyes.pilot)
            picker.answers = []
            screen = PickFileScreen("1 of 3", "Which file?", "one row each", tables, optional=optional, check=peek)
            await eyes.app.push_screen(screen, picker.answers.append)
            yield picker

    return _pick


@pytest.mark.parametrize("size", [(80, 24), (60, 18)])
async def test_a_file_that_is_no_table_says_why(pick: Open, tables: Path, size: tuple[int, int]) -> None:
    (tables / "sheet.csv").write_bytes(b"PK\x03\x04 not a table")
    async with pick(size) as picker:
        await picker.see(r"sheet\.csv", "one row each", "f Folder", "esc Back")
        await picker.press("slash", *"sh", "enter")
        await picker.see("✗ sheet.csv: is a zip archive or a spreadsheet", "Supported are Parquet")
        await picker.press("escape")
        await picker.see("1 of 3", r"books\.jsonl")
        assert picker.answers == []
        await picker.press("escape")
        assert picker.answers == [None]


async def test_walking_through_folders(pick: Open, tables: Path) -> None:
    (tables / "deep" / "er").mkdir(parents=True)
    (tables / "deep" / "part-1.csv").write_text((tables / "log.csv").read_text())
    async with pick() as picker:
        await picker.see("deep/", r"log\.csv", "1 hidden")
        await picker.press("full_stop")
        await picker.see(r"notes\.md")
        await picker.press("full_stop", "enter")
        await picker.see("er/", r"part-1\.csv")
        await picker.press("left")
        await picker.see(r"log\.csv")
        await picker.press("home", "enter")
        await picker.see("library/")
        await picker.press("slash", *"lib", "tab")
        await picker.see(r"log\.csv")
        await picker.press(*"de", "tab")
        await picker.see(r"part-1\.csv")
        await picker.press("down", "down", "enter")
        await picker.until(lambda: picker.answers)
    assert picker.answers == [str(tables / "deep" / "part-1.csv")]


async def test_a_pattern(pick: Open, tables: Path) -> None:
    async with pick() as picker:
        await picker.see(r"log\.csv")
        await picker.press("slash")
        await picker.type("*.parquet")
        await picker.see("nothing here is named so")
        await picker.press("enter")
        await picker.see("✗ .*there is no file")
        await picker.press(*["backspace"] * 7)
        await picker.type("csv")
        await picker.see("1 shown")
        await picker.press("enter")
        await picker.until(lambda: picker.answers)
    assert picker.answers == [str(tables / "*.csv")]


async def test_a_whole_folder_and_one_that_is_not_there(pick: Open, tables: Path) -> None:
    (tables / "deep").mkdir()
    (tables / "deep" / "part-1.csv").write_text((tables / "log.csv").read_text())
    async with pick() as picker:
        await picker.see("deep/")
        await picker.press("slash")
        await picker.type("nowhere/x")
        await picker.see("✗ there is no folder", "nowhe")
        await picker.type(f"/{tables}/deep/")  # a whole path behind another
        await picker.see(r"part-1\.csv")
        await picker.press("down", "f")
        await picker.until(lambda: picker.answers)
    assert picker.answers == [str(tables / "deep")]


async def test_hostile_names_of_files(pick: Open, tables: Path) -> None:
    for name in ("[red]x\x1b[31m\u202e.csv", "界🙂\n.csv", "\udcff.csv"):
        (tables / name).write_text("a,b\n1,2\n")
    async with pick() as picker:
        text = await picker.see(r"\[red\]x␛\[31m\\u202e\.csv", r"界🙂␊\.csv", r"\\udcff\.csv")
        assert not re.search("[\x1b\u202e]", text)
        picker.app.screen.query_one("#entries").go_to("\udcff.csv")
        await picker.press("enter")
        await picker.see("not UTF-8 text", "rename it")


async def test_none_is_an_answer_only_where_it_may_be(pick: Open) -> None:
    async with pick() as picker:
        await picker.see(r"log\.csv")
        assert "n None" not in screen_text(picker.app)
        await picker.press("n")
        assert picker.answers == []
    async with pick(optional=True) as picker:
        await picker.see("n None")
        await picker.press("n")
        assert picker.answers == [""]


async def test_what_is_typed_of_a_path_filters(pick: Open) -> None:
    async with pick() as picker:
        await picker.see(r"books\.jsonl")
        await picker.press("slash", *"oks")
        await picker.until(lambda: "log.csv" not in screen_text(picker.app))
        await picker.press("escape")
        await picker.see(r"log\.csv")
        assert picker.answers == []


async def test_an_address_is_copied_when_it_is_taken(
    pick: Open, tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with object_store(monkeypatch) as store:
        store.objects["log.csv"] = b"user_id,item_id\n1,2\n"
        async with pick() as picker:
            await picker.press("slash")
            await picker.type(f"{store.http}/log.csv")  # behind the folder that stands there
            await picker.see("an address: enter copies it to this machine")
            await picker.press("enter")
            await picker.until(lambda: bool(picker.answers))
            assert address_of(str(picker.answers[0])) == f"{store.http}/log.csv"
            assert copy_of(Path(str(picker.answers[0]))) is not None
