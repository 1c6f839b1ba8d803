"""The Data place on a real project: the engine's own child reads it, a person looks at it with keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from eagertui.places.data.detail import RecordScreen, SplitScreen
from eagertui.places.data.screen import DataScreen
from eagertui.widgets.table.frame_table import FrameTable
from tests.eagertui.app_tools import screen_text
from tests.eagertui.places.data.data_tools import Open, parted, place, ready, table, unclipped, write_project


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that nobody changes: its data are read once and then found again."""
    return write_project(tmp_path_factory.mktemp("place") / "readers")


async def test_figures_problems_charts_and_tables(open_app: Open, readers: Path) -> None:
    async with open_app(project=readers, verb="check") as eyes:
        await ready(eyes)
        text = await eyes.see(
            r"readers · 182 interactions", r"users +31  30 evaluated", r"items +12  12 with title", r"rows +186  3 rej",
            r"order +time \(when\)", "History length", "Popularity", "Timeline", r"2024-01-01", "! 1 row rejected",
            r"user +pos +item +title", r"1–\d+ of 182",
        )  # fmt: skip
        unclipped(text)
        await eyes.press("v")
        await eyes.see(r"item_id +title +interactions", "of 12")
        await eyes.press("v")
        await eyes.see(r"user +interactions", "of 31")
        await eyes.press("v")
        unclipped(await eyes.see(r"reason +file +row +value", r"log\.csv +184", "of 3"))
        assert eyes.app.memory.get("data table") == "rejected"  # where one comes back to another day
        x, y = table(eyes).region.offset
        await eyes.pilot.click(offset=(x + 5, y))  # the first name on the table's border
        await eyes.see("of 182")
        await eyes.press("c")
        assert eyes.app.clipboard == "r00\t0\tb00\tBold"
        await eyes.press("right_square_bracket")
        await eyes.see("1 row rejected: no item id", 'log.csv row 185: user "r01", item missing')
        await eyes.press("end")
        await eyes.see("2 users? with fewer than 3|1 user with fewer than 3", "k-core took 1 row, 1 user, 0 items")
        await eyes.press("c")
        assert "interactions  182, density" in eyes.app.clipboard


async def test_the_split_of_the_user_under_the_cursor(open_app: Open, readers: Path) -> None:
    async with open_app(project=readers, verb="check") as eyes:
        await ready(eyes)
        await eyes.press(*["down"] * 8, "enter")  # the second reader's third row
        await eyes.see("User r01 · 6 interactions", "4 training · 1 validation · 1 test", "the 3 items before it")
        unclipped(await eyes.see("2 older", r"data\.max_history = 3"))
        dataset = place(eyes).tables._tables.dataset
        user, ids = dataset.users.to_list().index("r01"), dataset.items["item_id"]
        split = eyes.app.screen.query_one(FrameTable)
        rows = split.rows.slice(0, 6)
        assert [row[4] for row in rows if row[1] == "training"] == ids[dataset.train()[user]].to_list()
        for column, (name, part) in enumerate((("valid", "validation"), ("test", "test")), start=2):
            asked = dataset.evaluation(name)
            at = asked.users.tolist().index(user)
            (target,) = (row for row in rows if row[column] == "target")
            assert (target[1], target[4]) == (part, ids[int(asked.targets[at])])
            assert [row[4] for row in rows if row[column] == "seen"] == ids[asked.histories[at][-3:]].to_list()
        assert split.cursor_row == 5
        await eyes.press("enter")
        await eyes.until(lambda: isinstance(eyes.app.screen, RecordScreen))
        await eyes.press("escape", "slash", *"valid")
        await eyes.until(lambda: split.rows.height == 1)
        await eyes.press("enter")
        assert eyes.app.focused is split
        await eyes.press("escape")
        assert isinstance(eyes.app.screen, DataScreen)
        assert table(eyes).cursor_row == 8


async def test_any_user_by_the_id(open_app: Open, readers: Path) -> None:
    async with open_app(project=readers, verb="check") as eyes:
        await ready(eyes)
        await eyes.press("u")
        await eyes.see("Whose history", "31 users", r"r00 +6")
        await eyes.press(*"1")
        await eyes.see(r"r01 +6", r"r10 +6")
        await eyes.press("down", "down", "up", "enter")
        await eyes.see("User r10")
        await eyes.press("escape", "u", *"pair", "enter")
        await eyes.see("User pair · 2 interactions", "all of them train")
        await eyes.press("escape", "u", *"nobody")
        await eyes.see("no such user")
        await eyes.press("enter", "escape")
        assert isinstance(eyes.app.screen, DataScreen)
        await eyes.press("v", "v", "end", "enter")
        await eyes.until(lambda: isinstance(eyes.app.screen, SplitScreen))


async def test_the_record_beside_the_table_comes_with_the_room(open_app: Open, readers: Path) -> None:
    async with open_app(project=readers, verb="check", size=(80, 24)) as eyes:
        await ready(eyes)
        await eyes.until(lambda: not eyes.app.screen.query_one("#record").display)
        for size in ((120, 40), (80, 24), (140, 44)):
            await eyes.pilot.resize_terminal(*size)
            await eyes.until(lambda size=size: eyes.app.screen.query_one("#record").display == (size[0] > 80))
        await eyes.see("Item b0")


async def test_a_record_is_whole_and_harmless(open_app: Open, readers: Path) -> None:
    async with open_app(project=readers, verb="check", size=(120, 40)) as eyes:
        await ready(eyes)
        await eyes.see("Item b0")  # beside the table, where it is wide
        await eyes.press("v")
        await eyes.see(r"b00 +Bold", r"\[red\]Bold\[/\] ␛\[31m␇\\u202eevil")
        await eyes.press("enter")
        await eyes.until(lambda: isinstance(eyes.app.screen, RecordScreen))
        unclipped(await eyes.see("Item b00", r"author", r"\[red\]Bold"))
        await eyes.press("c")
        assert "author: [red]Bold[/] ␛[31m" in eyes.app.clipboard
        await eyes.press("escape", "down", "enter")
        await eyes.see("Item b01", "long long")
        panel = eyes.app.screen.query_one("#whole-record")
        await eyes.until(lambda: panel.max_scroll_y > 10)
        await eyes.press("end")
        unclipped(await eyes.see("long long"))
        await eyes.pilot.click(offset=(1, 20))  # beside the panel
        await eyes.until(lambda: isinstance(eyes.app.screen, DataScreen))


async def test_filter_and_sort(open_app: Open, readers: Path) -> None:
    async with open_app(project=readers, verb="check") as eyes:
        await ready(eyes)
        await eyes.press("slash", *"r03")
        await eyes.see(r"1–\d of 6 \(filtered from 182\)")
        await eyes.press("escape")
        await eyes.see("of 182 ")
        await eyes.press("slash", *"!lighthouse")
        await eyes.until(lambda: 0 < table(eyes).rows.height < 100)
        assert all("ighthouse" not in str(row) for row in table(eyes).rows.slice(0, 99))
        await eyes.press(*["backspace"] * 11, *"=pos = 5", "enter")
        await eyes.until(lambda: table(eyes).rows.height == 30)
        assert eyes.app.focused is table(eyes)
        await eyes.press("v")
        await eyes.see("of 12")
        await eyes.press("right", "right", "o", "o")
        await eyes.see("▼")
        await eyes.until(lambda: table(eyes).row[2] == max((row[2] for row in table(eyes).rows.slice(0, 12)), key=int))


@pytest.mark.parametrize(
    "size", [(60, 18), (80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in ((120, 40), (200, 60)))]
)
async def test_every_panel_at_every_size(open_app: Open, readers: Path, size: tuple[int, int]) -> None:
    async with open_app(project=readers, verb="check", size=size) as eyes:
        await ready(eyes)
        roomy = place(eyes).roomy
        assert roomy == (size[1] >= 22)
        seen = []
        for _ in range(4 if roomy else 3):
            text = screen_text(eyes.app)
            unclipped(text)
            seen.append(
                [word for word in ("evaluated", "Problems", "Popularity", "Timeline", "of 182") if word in text]
            )
            keys = parted(text)[1]
            assert all(f" {key} " in keys for key in ("t", "v", "u", "o", "^r", "]", "?")), keys
            await eyes.press("right_square_bracket")
            await eyes.pilot.pause()
        every = ["evaluated", "Problems", "Popularity", "Timeline", "of 182"]
        assert seen == [*([every] if roomy else []), every[:2], every[2:4], every[4:]]
        await eyes.press("left_square_bracket", "u")
        await eyes.see("Whose history")
        await eyes.press("enter")
        unclipped(await eyes.see("4 training", "target"))


async def test_a_small_screen_brings_what_a_key_is_about(open_app: Open, readers: Path) -> None:
    async with open_app(project=readers, verb="check", size=(60, 18)) as eyes:
        await ready(eyes)
        assert place(eyes).page == "figures"
        await eyes.press("slash", *"r03")
        await eyes.see("of 6")
        await eyes.press("enter", "right_square_bracket", "v")
        await eyes.see("of 6")  # the table comes first, the next one with the next key
        await eyes.press("v")
        await eyes.see("of 12")
        await eyes.pilot.resize_terminal(120, 40)
        await eyes.until(lambda: place(eyes).roomy)
        await eyes.press("right_square_bracket")
        await eyes.see("Popularity", "evaluated", "of 12")
