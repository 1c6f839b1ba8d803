"""The Compare place with keys: marks, both protocols, metrics, and the way from the table down to a user."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from core.evaluate.comparison.comparison_of_runs import Movers
from core.run.listing import list_runs
from eagertui.app import EagerApp
from eagertui.places.compare.lines import user_rows
from eagertui.places.compare.screen import CompareScreen
from eagertui.widgets.chart.chart import Chart
from eagertui.widgets.row_list import RowList
from tests.core.evaluate.comparison_tools import made_up_dataset, some_ranks, write_project, write_run
from tests.eagertui.app_tools import Eyes, fake_engine, screen_text

USERS = 150
METHODS = ("model", "popularity", "sasrec")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Two runs; in the second, half of the users lost everything."""
    project = write_project(tmp_path / "shop")
    dataset, ranks = made_up_dataset(USERS, 40), some_ranks(USERS, methods=METHODS)
    write_run(project, 1, dataset, ranks)
    worse = {**ranks, "model": np.where(np.arange(USERS) % 2 == 0, 0, ranks["model"]).astype(np.int32)}
    write_run(project, 2, dataset, worse, "recommend.beams=5")
    return project.parent


@asynccontextmanager
async def opened(
    shop: Path | None, size: tuple[int, int] = (80, 24), answers: Path | None = None
) -> AsyncIterator[Eyes]:
    """The app at the Compare place."""
    app = EagerApp(shop, "compare", engine=fake_engine(*(("--answers", str(answers)) if answers else ())))
    async with app.run_test(size=size, notifications=True) as pilot:
        eyes = Eyes(app, pilot)
        await eyes.until(lambda: app.runs_read or shop is None)
        yield eyes
        if app.serving is not None:
            await app.serving.close()


def place(eyes: Eyes) -> CompareScreen:
    screen = eyes.app.screen
    assert isinstance(screen, CompareScreen)
    return screen


def view(eyes: Eyes) -> RowList:
    return eyes.app.screen.query_one("#view", RowList)


async def test_two_marked_runs_from_the_table_to_a_user(shop: Path, tmp_path: Path) -> None:
    answers, users = tmp_path / "answers.json", [f"u{n}" for n in range(USERS)]
    answers.write_text(json.dumps({"users": users, "history": [{"item_id": "i1", "title": "One"}], "items": []}))
    async with opened(shop, answers=answers) as eyes:
        await eyes.see(r"Methods · N@10 · seen items kept", r"light 0001 model +\.\d{4} +±\.\d{4} +reference", "sasrec")
        await eyes.press("space", "down", "space")
        text = await eyes.see("2 marked", r"light 0002 model +\.\d{4} .* worse", "against 0001 model · 150 users")
        assert text.count("●") == 2
        await eyes.press("h")
        await eyes.see("seen items hidden")
        await eyes.press("m")
        await eyes.see("Methods · R@10")
        await eyes.press("a")  # the run under the cursor
        await eyes.see("against 0002 model", r"light 0001 model .* better")
        await eyes.press("tab", "down", "down", "a")  # a baseline
        await eyes.see(r"against (popularity|sasrec|0001 model)")
        await eyes.press("shift+tab", "up", "a", "tab", "home", "down", "down", "enter")
        await eyes.see("Parts of the users", "memory: seen", "generalisation: new", "0002 model against 0001 model")
        await eyes.press("c")
        assert "memory: seen\t" in eyes.app.clipboard and eyes.app.clipboard.count("worse") > 3
        await eyes.press("end", "up", "up", "enter")
        text = await eyes.see("Who gained and lost", r"category: Nail Polish", r"\d+ users lost")
        lost = re.search(r"-\d?\.\d+ +\d+ → – +(u\d+)", text)
        assert lost is not None and int(lost[1][1:]) % 2 == 0
        await eyes.press("escape")
        await eyes.see("Parts of the users")
        await eyes.press("enter")
        await eyes.see("Who gained and lost")
        await eyes.press("home", "down", "down")
        await eyes.press("enter")
        await eyes.until(lambda: eyes.app.current_mode == "explore")
        await eyes.see("History of u", "One")
        assert eyes.app.chosen is not None and eyes.app.chosen.id.endswith("0002")
        first = re.search(r"History of (u\d+)", screen_text(eyes.app))
        await eyes.press("escape")
        assert eyes.app.current_mode == "compare"
        await eyes.press("down", "enter")  # the serving process is there already
        await eyes.until(lambda: "History of u" in screen_text(eyes.app))
        second = re.search(r"History of (u\d+)", await eyes.see("History of u"))
        await eyes.until(lambda: first and second and first[1] not in screen_text(eyes.app).split("History of")[1][:8])


async def test_a_marked_run_that_is_deleted_is_marked_no_more(shop: Path) -> None:
    async with opened(shop) as eyes:
        await eyes.press("space", "down", "space")
        await eyes.see("2 marked")
        shutil.rmtree(next((shop / "runs").glob("*0002")))
        await eyes.see("1 marked")


async def test_settings_curves_and_the_page(shop: Path) -> None:
    async with opened(shop) as eyes:
        await eyes.press("v", "v")
        await eyes.see("Settings that differ", "mark two")
        await eyes.press("space", "down", "space")
        await eyes.see(r"recommend\.beams", r" 5 +0002", r" 50 +0001", "1 of 2 runs")
        await eyes.press("v", "v")
        chart = eyes.app.screen.query_one(Chart)
        await eyes.until(lambda: chart.display and len(chart._curves) == 2)
        await eyes.see("Curves · validation N@10", "0001", "0002")
        await eyes.press("tab", "c")
        assert eyes.app.clipboard.startswith("step\t0001\t0002\n10\t0.1")
        await eyes.press("x")
        page = shop / "compare.html"
        await eyes.until(page.is_file)
        await eyes.see("written")
        assert "recommend.beams" in page.read_text()
        await eyes.press("v")
        await eyes.see("Methods")
        for _ in range(10):
            await eyes.press("m")
        await eyes.see("Methods · MRR@50")
        await eyes.press("m")
        await eyes.see(r"Methods · coverage@10", r"light 0001 model +\.5000")
        await eyes.press("v")
        await eyes.see("of all lists together, not of a user's")
        await eyes.press("space")
        await eyes.see("1 marked")


@pytest.mark.parametrize("size", [(60, 18), (40, 12), (120, 40)])
async def test_every_line_can_be_reached(shop: Path, size: tuple[int, int]) -> None:
    async with opened(shop, size) as eyes:
        await eyes.press("space", "down", "space", "v")
        await eyes.until(lambda: view(eyes).option_count > 10)
        await eyes.press("tab", "end")
        await eyes.see("Lipstick|Soap|Nail")
        await eyes.press("home")
        rows = view(eyes)
        assert rows.has_focus and rows.max_scroll_y + rows.scrollable_content_region.height >= rows.option_count
        text = await eyes.see(r"\b6–10 items" if size[1] > 12 else "items")
        assert size[0] < 60 or re.search(r"(better|worse|not clear) +[▁-█]? *[┃│]", text), text


async def test_of_a_run_with_a_long_name_each_method_is_named_on_a_small_screen(shop: Path) -> None:
    for run in list_runs(shop / "runs"):
        run.folder.path.rename(run.folder.path.with_name(f"a-long-afternoon-{run.id[-1]}"))
    async with opened(shop, (60, 18)) as eyes:
        text = await eyes.see("popularity", "sasrec")
        assert re.search(r"a-long-aft\w*… model ", text), text


@pytest.mark.parametrize("damage", ["ranks", "gone", "metrics", "data"])
async def test_damage_is_a_sentence(shop: Path, damage: str) -> None:
    run = next((shop / "runs").glob("*0001"))
    hurt: dict[str, Callable[[], object]] = {
        "ranks": lambda: (run / "ranks.parquet").write_bytes(b"PAR1"),
        "gone": lambda: (run / "ranks.parquet").unlink(),
        "metrics": lambda: (run / "metrics.json").write_text("{"),
        "data": lambda: (run / "stages" / "data.json").write_text("[]"),
    }
    async with opened(shop) as eyes:
        await eyes.see("light 0001 model")
        await eyes.press("space", "down", "space")
        await eyes.see("2 marked")
        hurt[damage]()
        await eyes.press("h", "v")
        if damage in ("ranks", "gone"):
            await eyes.see("ranks.parquet", "eagertui evaluate")
            await eyes.press("up", "space")  # without it
            await eyes.see("Parts of the users", "0002")
        elif damage == "metrics":  # the list of runs shows it no more
            await eyes.until(lambda: eyes.app.screen.query_one("#table", RowList).option_count == 1)
            await eyes.see("Parts of the users")
        else:
            await eyes.see("Parts of the users", "no slices by|history")
            assert view(eyes).option_count > 3


async def test_nothing_to_compare(tmp_path: Path) -> None:
    async with opened(None) as eyes:
        await eyes.press("6")
        await eyes.see("No project is open", "1 home")
    empty = write_project(tmp_path / "empty").parent
    async with opened(empty) as eyes:
        await eyes.see("No finished run to compare", "4 train")
        await eyes.press("space", "v", "m", "h", "a", "x")
        assert place(eyes).has_class("-empty")


async def test_hostile_titles_stay_text(tmp_path: Path) -> None:
    say = "[bold]\x1b[31m\u202e{}$(x)"
    project = write_project(tmp_path / "shop")
    dataset, ranks = made_up_dataset(USERS, 40, say=say), some_ranks(USERS, methods=METHODS)
    write_run(project, 1, dataset, ranks)
    async with opened(project.parent) as eyes:
        await eyes.press("v", "v", "v")
        text = await eyes.see("Who gained and lost", r"\[bold\]")
        assert "\x1b[31m" not in text and "\u202e" not in text


def test_a_method_beside_itself_leads_on() -> None:
    rows, users = user_rows(Movers((), (), 0, 0, 2000), "")
    assert users == {} and "to the methods" in rows[-1].draw(80).plain
