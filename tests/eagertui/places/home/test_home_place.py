"""The Home place: which project is which, and what can be done with projects and runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.cells import cell_len

from core.run.folder import RunFolder, list_runs
from eagertui.places.home.lines import folders, project_row
from eagertui.places.home.projects import ProjectInfo
from tests.eagertui.app_tools import PROJECT

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


async def test_a_project_that_another_app_opened_is_listed(shop: Path, open_app: Open, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "bookshop").mkdir(parents=True)
        (tmp_path / name / "bookshop" / "project.toml").write_text(PROJECT)
    async with open_app() as eyes:
        for name in ("one", "two"):
            eyes.app.memory.opened(tmp_path / name / "bookshop" / "project.toml", "bookshop")
        eyes.app.poll_projects()
        await eyes.see("one/bookshop", "two/bookshop")
