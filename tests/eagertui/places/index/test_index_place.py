"""The Index place with keys: the tree, its items, the search, conflicts, another index."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from core.assets import demo_path
from core.index.revisions.changes import SCHEMA, write_revision
from core.index.table import ItemIndex
from eagertui.app import EagerApp
from eagertui.forms.start_training import StartScreen
from eagertui.places.index.code_tree_rows import Spot
from eagertui.places.index.item import FindItemScreen, ItemScreen
from eagertui.places.index.item_tables import DiffScreen, ItemTableScreen
from eagertui.widgets.row_list import RowList
from eagertui.widgets.table.frame_table import FrameTable
from tests.eagertui.app_tools import Eyes, fake_engine
from tests.eagertui.index_tools import some_codes, write_index
from tests.eagertui.places.index.index_place_tools import FINISHED, SMALL, artefact, lookup, opened, place
from tests.eagertui.scenes import indices, readers, settled
from tests.eagertui.terminal_tools import looks_whole
from tests.eagertui.world import NEAR, World, world


@pytest.fixture
def made(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


# --- the tree ---------------------------------------------------------------------------------------------------------


async def test_from_the_root_to_an_item(made: World) -> None:
    async with opened(made) as eyes:
        tree, held = place(eyes).codes, lookup(eyes).branches
        text = await eyes.see(
            r"Codes +kmeans-tree · 4 levels · a11f", r"▾ all +900", r"▸ a0 orchard clockmaker +134 ████",
            r"All items", r"a codes below 16/16 100 %", r"a 16/16 +█+ +15", r"Conflicts +before 12 in 4 groups → 0",
        )  # fmt: skip
        looks_whole(eyes.app)
        assert tree.height == 17 and "1–13 of 17" in text
        await eyes.press("down", "down", "right")
        below = held.children(2)
        assert tree.height == 17 + len(below)
        await eyes.see(r"▾ a1 winter", r"<a_1> winter, cartographer", r"81 items 9\.0 % · rows", r"b codes below 8/8",
                       r"semantic near +71 % +12 %")  # fmt: skip
        await eyes.press("c")
        assert eyes.app.clipboard == "<a_1>"
        await eyes.press("right", "right", "right")  # into the first branch, open it, and into that
        assert (tree.spot.branch, tree.spot.depth) == (held.children(below[0])[0], 3)
        while tree.spot.item < 0:
            await eyes.press("enter", "down")
        await eyes.press("c")
        assert eyes.app.clipboard == lookup(eyes).item_id(tree.spot.item)
        await eyes.see(rf"Item {eyes.app.clipboard}", "enter neighbours")
        await eyes.press("left", "left", "left")
        assert tree.spot == Spot(below[0], -1, 2)
        await eyes.press("left", "left", "left")
        assert tree.spot.branch == 2 and tree.height == 17
        await eyes.press("end")
        assert tree.cursor_row == 16
        await eyes.press("home", "space")
        assert tree.height == 1


async def test_a_branch_of_many_items_is_paged(made: World) -> None:
    def build(made: World) -> Path:
        project = made.project()
        folder = made.finished(project)
        store = project.parent / "runs" / ".store"
        count = 30_000
        codes = some_codes(count, (2, 2, 40_000))
        codes[:, :2] = 0
        codes[:, 2] = range(count)
        write_index(store / "large", store / "items", codes, [f"i{n}" for n in range(count)],
                    [f"Book {n}" for n in range(count)], (2, 2, 40_000), ["semantic"] * 3)  # fmt: skip
        for stage, name in (("index", "large"), ("data", "items")):
            (folder.path / "stages" / f"{stage}.json").write_text(json.dumps({"artefact": f"../.store/{name}"}))
        return project

    async with opened(made, build) as eyes:
        tree = place(eyes).codes
        await eyes.press("down", "enter", "down", "enter", "pagedown", "pagedown")
        assert tree.height == 30_003
        await eyes.see(r"· c20 Book 20\b", r"of 30,003")
        await eyes.press("end")
        await eyes.see(r"· c29999 Book 29999", "29,991–30,003 of 30,003|of 30,003")
        await eyes.press("i")
        await eyes.see(r"code +title +item", r"of 30,000")
        table = eyes.app.screen.query_one(FrameTable)
        await eyes.press("slash", *"book 2999")
        await eyes.until(lambda: table.rows is not None and table.rows.height == 11)
        await eyes.press("enter", "down", "enter")
        await eyes.until(lambda: isinstance(eyes.app.screen, ItemScreen) and eyes.app.screen.shown == 29_990)
        await eyes.press("escape", "escape")
        assert tree.spot.item == 29_990


async def test_the_items_of_a_branch_sort_and_copy(made: World) -> None:
    async with opened(made) as eyes:
        await eyes.press("down", "i")
        await eyes.see(r"<a_0> orchard, clockmaker", r"code +title", "of 134")
        table = eyes.app.screen.query_one(FrameTable)
        assert isinstance(eyes.app.screen, ItemTableScreen) and table.rows is not None
        await eyes.press("right", "o")
        await eyes.until(lambda: table.rows.slice(0, 1)[0][1].startswith("The Cartographer"))
        assert [row[1] for row in table.rows.slice(0, 134)] == sorted(row[1] for row in table.rows.slice(0, 134))
        await eyes.press("c")
        assert "\tThe Cartographer" in eyes.app.clipboard


# --- items ------------------------------------------------------------------------------------------------------------


async def test_an_item_is_found_and_its_neighbours_come(made: World) -> None:
    async with opened(made, readers) as eyes:
        await eyes.press("slash", *"volume 88")
        await eyes.until(
            lambda: isinstance(eyes.app.screen, FindItemScreen) and eyes.app.screen.searched == "volume 88"
        )
        await eyes.see("900 items", r"The Lighthouse and the Clockmaker, volume 88 +b088")
        await eyes.press("enter")
        about = lookup(eyes).about(88)
        await eyes.see("Nearest in semantic", "Nearest in behavior", r"share a \d · b \d · c \d · d \d of 10",
                       rf"{about['code']} +b088 +before ", r"<a_\d+> .*items", "the item itself",
                       "it shared its code with others", rf"{about['sibling_count']} siblings under a\d")  # fmt: skip
        looks_whole(eyes.app)
        screen = eyes.app.screen
        assert isinstance(screen, ItemScreen)
        near = screen.query_one("#near-0", RowList)
        codes = lookup(eyes).index.codes
        shared = sum(codes[number][0] == codes[88][0] for number in NEAR["semantic"])
        assert f"a {shared} ·" in str(near.border_subtitle)
        await eyes.press("c")
        sibling = about["siblings"][0]
        assert eyes.app.clipboard.startswith(lookup(eyes).item_id(sibling))
        await eyes.press("enter")
        await eyes.until(lambda: screen.shown == sibling)
        await eyes.press("escape")
        await eyes.until(lambda: screen.shown == 88)
        await eyes.press("escape")
        assert eyes.app.screen is place(eyes) and place(eyes).codes.spot.item == 88  # the tree shows where it stands
        child = place(eyes)._neighbours._serving
        assert child is not None and child.alive and child.log_path.name == "lookup.log"
    assert not child.alive


async def test_items_that_came_and_went_after_training(made: World) -> None:
    def build(made: World) -> Path:
        project = made.project()
        folder = made.finished(project)
        index = ItemIndex.load(artefact(made) / "index.parquet")
        more = index.codes[88].copy()
        taken = index.codes[(index.codes[:, :-1] == more[:-1]).all(axis=1), -1]
        more[-1] = next(code for code in range(32) if code not in taken)
        title = "A Lantern of Late Days"
        none: tuple[list[int], list[float]] = ([], [])
        rows = [("late", title, "", more.tolist(), False, *none)]
        rows += [("b088", "b088", "", index.codes[88].tolist(), True, *none)]
        (folder.path / "revisions").mkdir()
        table = pl.DataFrame(rows, schema=dict(SCHEMA), orient="row")
        write_revision(folder, table, index.base_id)
        return project

    async with opened(made, build) as eyes:
        await eyes.see(r"▾ all +901", r"901 items", r"1 added · 1 removed later")
        await eyes.press("i")
        await eyes.see(r"code +title +item +since", "of 901")
        table = eyes.app.screen.query_one(FrameTable)
        await eyes.press("slash", *"late days")
        await eyes.until(lambda: table.rows is not None and table.rows.height == 1)
        assert table.rows.slice(0, 1)[0][1:] == ("A Lantern of Late Days", "late", "added")
        await eyes.press("escape", "escape")
        await eyes.until(lambda: eyes.app.screen is place(eyes))
        await eyes.press("slash", *"late days")
        await eyes.see(r"added · A Lantern of Late Days +late")
        await eyes.press("enter")
        about = lookup(eyes).about(900)
        await eyes.see("! added after training", about["code"], "abc· removed · The Lighthou")
        await eyes.press("escape")
        await eyes.until(lambda: eyes.app.screen is place(eyes) and place(eyes).codes.spot.item == 900)
        await eyes.see("Item late", "added later", about["code"])


async def test_an_id_and_what_is_not_there(made: World) -> None:
    async with opened(made) as eyes:
        await eyes.press("slash", *"nothing like it")
        await eyes.see("no such item")
        await eyes.press("enter")
        assert isinstance(eyes.app.screen, FindItemScreen)
        await eyes.press(*["backspace"] * 20, *"b007", "enter")
        await eyes.until(lambda: isinstance(eyes.app.screen, ItemScreen) and eyes.app.screen.shown == 7)
        await eyes.press("escape", "slash", "escape")
        assert eyes.app.screen is place(eyes)


async def test_the_rest_stands_there_before_the_neighbours(made: World) -> None:
    async with opened(made, engine="--deaf") as eyes:
        place(eyes)._open_item(3)
        await eyes.see("neighbours", "siblings under", "the item itself")
        assert eyes.app.screen.has_class("-waiting")
        await eyes.press("escape")
        assert eyes.app.screen is place(eyes)


async def test_a_child_that_cannot_start_says_why(made: World) -> None:
    async with opened(made, engine="--no-start") as eyes:
        place(eyes)._open_item(3)
        await eyes.see("✗ ", "checkpoint|serving process", "siblings under")
        eyes.app.bridge.engine = fake_engine()
        place(eyes)._neighbours._bridge = eyes.app.bridge
        await eyes.press("ctrl+r")
        await eyes.see("No vectors, no neighbours")


# --- conflicts --------------------------------------------------------------------------------------------------------


async def test_conflicts_and_the_items_of_one(made: World) -> None:
    async with opened(made) as eyes:
        await eyes.press("tab")
        assert eyes.app.focused is not None and eyes.app.focused.id == "conflicts"
        await eyes.press("v")
        await eyes.see("How they were settled", r"nearest code .* 12 in 4 groups +largest 5", r"matching +0 in 0",
                       r"1 exact twins, 8 moved, 1 spilled, price 0\.31% more distance", r"items +apart +twins",
                       r"5 .* matching .*The Cartographer")  # fmt: skip
        await eyes.press("enter")
        text = await eyes.see("5 items of one code", r"title +before +after +apart +price +twin +item")
        codes = lookup(eyes).index.codes
        before = " ".join(f"{'abcd'[level]}{code}" for level, code in enumerate(codes[3]))
        assert text.count(before) == 6  # five times before, once after
        await eyes.press("down", "enter")
        await eyes.until(lambda: isinstance(eyes.app.screen, ItemScreen) and eyes.app.screen.shown == 88)
        await eyes.press("escape", "escape", "o", "o")
        table = place(eyes).query_one("#conflicts", FrameTable)
        await eyes.until(lambda: table.rows.slice(0, 1)[0][0] == "5")
        await eyes.press("v")
        await eyes.see("Item index of ", "nearest (items )?in semantic")
        await eyes.press("pagedown")
        await eyes.see("pairs under one prefix of the same author")
        await eyes.press("end")
        await eyes.see("items at every code of d")
        await eyes.press("c")
        assert json.loads(eyes.app.clipboard)["items"] == 900
        await eyes.press("v")
        assert place(eyes).codes.has_focus


async def test_items_that_made_room_stand_last(made: World) -> None:
    def build(made: World) -> Path:
        project = FINISHED(made)
        path = artefact(made) / "conflicts.parquet"
        rows = pl.read_parquet(path)
        alone = rows.head(9).with_columns(group=pl.lit(None, pl.Int32), item=pl.int_range(700, 709, dtype=pl.Int32))
        pl.concat([alone, rows]).write_parquet(path)
        return project

    async with opened(made, build) as eyes:
        await eyes.press("v")
        table = place(eyes).query_one("#conflicts", FrameTable)
        assert table.rows is not None and table.rows.height == 5
        assert table.rows.slice(4, 1)[0][5].startswith("made room: ")
        await eyes.press("end", "enter")
        await eyes.see("9 items made room", "b700")


async def test_without_conflicts_there_is_room_for_the_tree(made: World) -> None:
    def build(made: World) -> Path:
        project = FINISHED(made)
        path = artefact(made) / "conflicts.parquet"
        pl.read_parquet(path).clear().write_parquet(path)
        return project

    async with opened(made, build) as eyes:
        await eyes.see("No two items had the same code")
        assert place(eyes).query_one("#conflicts").size.height == 1


# --- another index ----------------------------------------------------------------------------------------------------


async def test_two_indices_side_by_side(made: World) -> None:
    async with opened(made, indices) as eyes:
        await eyes.press("d")
        await eyes.see("Beside which index", "kmeans-tree")
        await eyes.press("enter")
        text = await eyes.see("Two indices side by side", r"run a11f", r"items +900 +900", "agreement over 900 items",
                              r"a used +16/16 █+ +16/16 █+")  # fmt: skip
        assert isinstance(eyes.app.screen, DiffScreen) and "by chance" in text
        looks_whole(eyes.app)
        await eyes.press("c")
        assert "items\t900\t900" in eyes.app.clipboard
        await eyes.press("escape")
        assert eyes.app.screen is place(eyes)


async def test_nothing_to_compare_with(made: World) -> None:
    async with opened(made) as eyes:
        await eyes.press("d")
        await eyes.see("no other run has another index; b builds one")


async def test_a_damaged_report_beside_it(made: World) -> None:
    def build(made: World) -> Path:
        project = indices(made)
        for path in project.parent.glob("runs/.store/12*8/report.json"):
            path.write_text('{"levels": [{"letter": 3}]}')
        return project

    async with opened(made, build) as eyes:
        await eyes.press("d")
        await eyes.see("Beside which index")
        await eyes.press("enter")
        await eyes.see("cannot be read", "That did not work")


async def test_b_opens_the_form_for_an_index(made: World) -> None:
    async with opened(made) as eyes:
        await eyes.press("b")
        await eyes.until(lambda: isinstance(eyes.app.screen, StartScreen))
        await eyes.see(r"Build index", r"\[index\] +The code word", r"┃ +sources +semantic, b", r"┃ +method +",
                       "eagertui --headless index build")  # fmt: skip


async def test_new_items_get_a_code_and_are_shown(tmp_path: Path) -> None:
    """A table is picked, a real process reads its texts and writes the revision; a table of nothing is said."""
    shop = shutil.copytree(demo_path(), tmp_path / "shop")
    rows = ["n1,The Late Lantern,,,mystery,A murder", "n2,Cake for Ghosts,,,cookery,Baking", "b0001,again,,,,known"]
    text = "\n".join(["item_id,title,author,series,genre,blurb", *rows])
    (shop / "new.csv").write_text(text + "\n", encoding="utf-8")
    (shop / "none.csv").write_text("title\nno id\n", encoding="utf-8")
    app = EagerApp(shop / "project.toml", "index")
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        eyes = Eyes(app, pilot)
        await eyes.see(r"▾ all +900")
        await eyes.press("a")
        await eyes.see("Add items", "Which file describes the new items", r"new\.csv", r"none\.csv")
        await eyes.press("slash", *"none", "enter")
        await eyes.see("none.csv", "item_id")
        await eyes.until(lambda: app.screen is place(eyes))
        await eyes.press("a")
        await eyes.see("Which file describes the new items")
        await eyes.press("slash", *"new", "enter")
        await eyes.see("2 added, 1 known", "2 new items", "The Late Lantern", "Cake for Ghosts")
        await eyes.press("enter")
        await eyes.see("! added after training", "The Late Lantern")
        await eyes.press("escape", "escape")
        await eyes.see("Item n1", "added later", "added · The Late Lantern")  # and nothing reads the index again
        await settled(eyes)
        assert lookup(eyes).n_items == 902 and lookup(eyes).item_id(place(eyes).codes.spot.item) == "n1"
