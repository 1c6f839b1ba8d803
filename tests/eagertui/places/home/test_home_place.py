"""The Home place: which project is which, and what can be done with projects and runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from core.run import launch
from core.run.folder import RunFolder
from core.run.listing import list_runs
from eagertui.places.home.lines import folders, project_row
from eagertui.places.home.projects import ProjectInfo
from eagertui.places.home.screen import BEGIN, welcome
from tests.eagertui.app_tools import PROJECT, SLOW, fake_engine, new_run

Open = Callable[..., Any]


def project(path: str, name: str = "bookshop") -> ProjectInfo:
    return ProjectInfo(Path(path) / "project.toml", name, True)


def test_a_name_of_one_project_needs_no_folder_beside_it() -> None:
    alone, twin, other = project("/a/shop", "beauty"), project("/a/one/bookshop"), project("/a/two/bookshop")
    assert list(folders([alone, twin, other]).values()) == ["", "…/one/bookshop", "…/two/bookshop"]


def test_the_end_of_the_path_is_as_long_as_it_must_be() -> None:
    known = [project("/x/a/shop"), project("/x/b/shop"), project("/x/b/c/shop"), project("/shop")]
    assert list(folders(known).values()) == ["…/a/shop", "…/b/shop", "…/c/shop", "/shop"]


def test_the_home_folder_is_a_tilde() -> None:
    known = [project(str(Path.home() / "bookshop")), project("/two/bookshop")]
    assert folders(known)[known[0].file] == "~/bookshop"


def test_rows_of_one_name_say_where_they_lie_at_every_width(finished: RunFolder) -> None:
    run = list_runs(finished.path.parent)[0]
    one, other = (ProjectInfo(Path(f"/{name}/bookshop/project.toml"), "bookshop", True, run) for name in ("one", "two"))
    ends = folders([one, other])
    for width in range(50, 160):
        rows = [project_row(each, False, width, ends[each.file]).plain for each in (one, other)]
        assert "one/bookshop" in rows[0]
        assert "two/bookshop" in rows[1]
        assert all(cell_len(row) <= width for row in rows)
    assert "/one/bookshop" in project_row(one, False, 96).plain  # where there is room, always
    assert "/one/bookshop" not in project_row(one, False, 76).plain


async def test_the_top_bar_names_app_and_project_on_a_small_screen(open_app: Open) -> None:
    async with open_app(size=(60, 18)) as eyes:
        await eyes.see("EagerTUI .*1 Home .* bookshop")
        await eyes.press("2")
        await eyes.see("EagerTUI .*2 Data .* bookshop")


@pytest.mark.parametrize("width", [56, 76])
def test_the_first_steps_are_told_to_their_end(width: int) -> None:
    rows = welcome(BEGIN, "eagertui --headless train shop/project.toml", width)
    assert not any("…" in row.plain for row in rows)
    assert all(row.cell_length <= width for row in rows)


async def test_a_project_is_listed_by_its_name_once_that_is_read(
    tmp_path: Path, open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eagertui.watching.PROJECTS_INTERVAL", 1000.0)
    async with open_app() as eyes:
        await eyes.see("look at the data")
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "project.toml").write_text(PROJECT.replace("bookshop", "library"))
        eyes.app.open_project(tmp_path / "elsewhere" / "project.toml")
        await eyes.see("▸ library")


async def test_no_place_says_that_there_is_no_run_before_it_knows(
    open_app: Open, finished: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_app() as eyes:
        await eyes.see("This run")
        eyes.app.workers.cancel_all()
        eyes.app.runs, eyes.app.runs_read = [], False
        eyes.app.current = eyes.app.follower = None
        for key in "456":
            await eyes.press(key)
            assert not re.search("No run|No finished", await eyes.see("reading the runs"))


async def test_a_project_that_another_app_opened_is_listed(shop: Path, open_app: Open, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "bookshop").mkdir(parents=True)
        (tmp_path / name / "bookshop" / "project.toml").write_text(PROJECT)
    async with open_app() as eyes:
        for name in ("one", "two"):
            eyes.app.memory.opened(tmp_path / name / "bookshop" / "project.toml", "bookshop")
        eyes.app.poll_projects()
        await eyes.see("one/bookshop", "two/bookshop")


async def test_a_run_is_named_pinned_and_deleted_by_keys(open_app: Open, finished: RunFolder) -> None:
    artefact = finished.path.parent / ".store" / ("a" * 20)
    artefact.mkdir(parents=True)
    (artefact / "x").write_bytes(bytes(5_000_000))
    (finished.path / "stages" / "index.json").write_text(f'{{"artefact": "../.store/{artefact.name}"}}')
    async with open_app() as eyes:
        await eyes.see("✓ finished")
        await eyes.press("N", *"wide", "space", *"run", "enter")
        await eyes.see("wide run")
        await eyes.press("P")
        await eyes.see("◆ pinned")
        await eyes.press("D")
        await eyes.see("is pinned")
        await eyes.press("P")
        await eyes.until(lambda: not finished.label()["pinned"] and not eyes.app.runs[0].pinned)
        await eyes.press("D")
        await eyes.see("Delete this run", "1 artefact that no other run uses", r"Delete 5\.\d MB")
        await eyes.press("escape", "D")
        await eyes.see("Delete this run")
        await eyes.press("d")
        await eyes.until(lambda: eyes.app.runs == [])
        assert not finished.path.exists()
        assert not artefact.exists()


async def test_a_run_at_work_is_not_deleted(open_app: Open, shop: Path) -> None:
    run = new_run(shop)
    launch.launch(run, command=fake_engine(*SLOW))
    async with open_app() as eyes:
        await eyes.see("● running")
        await eyes.press("D")
        await eyes.see("is at work")
        assert run.path.is_dir()


async def test_what_no_run_uses_is_deleted_by_a_key(open_app: Open, finished: RunFolder) -> None:
    artefact = finished.path.parent / ".store" / ("a" * 20)
    artefact.mkdir(parents=True)
    async with open_app() as eyes:
        await eyes.see("✓ finished")
        await eyes.press("C")
        await eyes.see("Free the disk", "1 artefact that no run uses")
        await eyes.press("d")
        await eyes.until(lambda: not artefact.exists())
        await eyes.press("C")
        await eyes.see("nothing that no run uses")


async def test_a_project_is_forgotten_and_its_files_stay(open_app: Open, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "project.toml").write_text(PROJECT)
    async with open_app(project=tmp_path / "one") as eyes:
        eyes.app.memory.opened(tmp_path / "two" / "project.toml", "two")
        eyes.app.poll_projects()
        await eyes.see("2 known")
        eyes.app.screen.projects.focus()
        eyes.app.screen.projects.go_to(str(tmp_path / "one" / "project.toml"))
        await eyes.press("D")
        await eyes.see("is forgotten: its files stay")
        assert eyes.app.bridge.project_file is None
        assert [name for _, name in eyes.app.memory.projects] == ["two"]
    assert (tmp_path / "one" / "project.toml").is_file()


async def test_the_panels_are_as_large_as_what_they_hold(open_app: Open, finished: RunFolder) -> None:
    async with open_app(size=(120, 40)) as eyes:
        await eyes.see("✓ finished", "This run")
        await eyes.until(lambda: eyes.app.screen.runs.size.height <= 2)
        assert eyes.app.screen.query_one("#detail").size.height > 20


async def test_the_first_steps_name_each_key_once(open_app: Open) -> None:
    async with open_app() as eyes:
        text = await eyes.see("look at the data  the logs, and what is left out")
        assert len(re.findall(r"^│ +2 ", text, re.MULTILINE)) == 1
