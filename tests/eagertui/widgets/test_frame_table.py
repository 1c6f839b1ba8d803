"""The virtual table in a small app: what stands there, the cursor, filters that are overtaken, hostile cells."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.cells import cell_len
from textual.events import MouseScrollDown
from textual.geometry import Region
from textual.message import Message

from eagertui.widgets.table.frame_table import FrameColumn, FrameTable
from eagertui.widgets.table.frame_view import FrameView, Wish
from eagertui.widgets.table.row_blocks import BLOCK, KEPT
from tests.eagertui.app_tools import screen_text, until
from tests.eagertui.widgets.table_tools import (
    HOSTILE,
    EndlessRows,
    ListRows,
    SlowRows,
    StubbornRows,
    cursor_line,
    lines,
    numbered,
    opened,
)


async def test_header_rows_and_where_we_are() -> None:
    async with opened(ListRows(numbered(100))) as (eyes, table):
        assert [line.rstrip() for line in lines(table)][:5] == [
            "user       pos  title",
            "reader-0     0  Book number 0",
            "reader-1     1  Book number 1",
            "reader-2     2  Book number 2",
            "reader-3     3  ∅",
        ]
        assert table.status == "1–7 of 100"
        await eyes.see("1–7 of 100 ─")
        assert table.row == ("reader-0", "0", "Book number 0")
        assert cursor_line(table).split() == ["reader-0", "0", "Book", "number", "0"]
        assert eyes.app.told == [("at", 0)]


async def test_the_cursor_goes_where_the_keys_say() -> None:
    async with opened(ListRows(numbered(100))) as (eyes, table):
        page = 7
        for keys, row in [
            (("down", "j"), 2), (("up", "k", "k"), 0), (("pagedown",), page), (("pagedown",), 2 * page),
            (("pageup",), page), (("end",), 99), (("down",), 99), (("home",), 0), (("ctrl+end",), 99),
            (("ctrl+home",), 0), (("up",), 0),
        ]:  # fmt: skip
            await eyes.press(*keys)
            assert table.cursor_row == row, keys
            assert f"reader-{row} " in cursor_line(table)
            top = table.scroll_offset.y
            assert top <= row < top + page
            assert table.status == f"{top + 1}–{top + page} of 100"
        await eyes.press("down", "enter")
        assert eyes.app.told[-2:] == [("at", 1), ("chosen", 1)]
        table.cursor_row = 50
        await eyes.see("reader-50 ")
        assert table.copy_text() == "reader-50\t50\tBook number 50"


async def test_only_what_is_in_sight_is_fetched() -> None:
    rows = EndlessRows()
    async with opened(rows, (80, 24)) as (eyes, table):
        assert rows.fetched <= 4 * BLOCK
        await eyes.press("end")
        assert table.cursor_row == 4_999_999
        assert "4999999" in lines(table)[-1]
        assert table.status == "4,999,980–5,000,000 of 5,000,000"
        table.scroll_to(y=2_500_000, animate=False)
        await eyes.see("title of 2500000 ")
        before = rows.fetched
        await eyes.press("home", "end", "home", "end")
        assert rows.fetched - before <= 4 * BLOCK  # kept from before, or little
        for start in range(0, 100 * BLOCK, BLOCK):
            table.cursor_row = start
        assert len(table._blocks._blocks) <= KEPT


async def test_filter_and_its_end() -> None:
    async with opened(ListRows(numbered(100))) as (eyes, table):
        await eyes.press("end")
        table.filter("7")
        await eyes.until(lambda: "filtered" in table.status)
        assert table.status == "1–7 of 19 (filtered from 100)"
        assert table.cursor_row == 0 and table.row == ("reader-7", "7", "Book number 7")
        await eyes.see(r"reader-17 .*\n.*reader-27 ")
        table.filter("nothing of it")
        await eyes.see("no row matches", "no row of 100")
        assert table.row is None and table.copy_text() == ""
        await eyes.press("down", "enter", "pagedown", "end", "left")
        assert ("chosen", 0) not in eyes.app.told
        table.filter("")
        assert table.status == "1–7 of 100"
        await eyes.see("reader-0 ")


async def test_a_filter_is_stopped_when_its_text_changes() -> None:
    rows = SlowRows(100)
    async with opened(rows) as (eyes, table):
        table.filter("first")
        await eyes.until(lambda: "first" in rows.begun)
        assert table.status == "filtering …" and table.rows is rows
        await eyes.see("filtering …", "reader-0 ")  # the old view stays
        table.filter("reader-4")
        await eyes.until(lambda: rows.ended == ["first"])
        assert table.status == "filtering …"
        rows.allow("reader-4")
        await eyes.until(lambda: table.rows is not None and table.rows.height == 11)
        table.filter("third")
        await eyes.until(lambda: "third" in rows.begun)
        table.filter("reader-4")  # what is shown already: no search at all
        await eyes.until(lambda: rows.ended == ["first", "third"])
        assert table.status == "1–7 of 11 (filtered from 100)"


async def test_an_answer_that_comes_too_late_is_dropped() -> None:
    rows = StubbornRows(100)
    async with opened(rows) as (eyes, table):
        table.filter("reader-1")
        await eyes.until(lambda: "reader-1" in rows.begun)
        table.filter("reader-2")
        rows.allow("reader-2")
        await eyes.until(lambda: table.status == "1–7 of 11 (filtered from 100)")
        rows.allow("reader-1")
        await eyes.until(lambda: "reader-1" in rows.ended)
        table.sort(0)
        await eyes.until(lambda: "▲" in lines(table)[0])
        assert table.row == ("reader-2", "2", "Book number 2")


def test_only_the_newest_wish_counts() -> None:
    rows = ListRows(numbered(10))
    view = FrameView(rows)
    older = view.ask(Wish("reader-1"))
    assert older is not None
    answer = older(lambda: False)
    newer = view.ask(Wish("reader-2", 0, True))
    assert answer is not None and newer is not None
    assert not view.take(answer) and view.rows is rows and view.wish != view.seen
    answer = newer(lambda: False)
    assert answer is not None and view.take(answer) and view.wish == view.seen
    assert view.height == 1 and view.total == 10
    view.stop()
    assert not view.take(answer)


async def test_another_table_stops_the_filter_of_the_one_before() -> None:
    rows = SlowRows(100)
    async with opened(rows) as (eyes, table):
        table.filter("x")
        await eyes.until(lambda: "x" in rows.begun)
        table.show(ListRows(numbered(3)))
        await eyes.until(lambda: rows.ended == ["x"])
        assert table.status == "1–3 of 3"
        table.filter("")
        assert table.status == "1–3 of 3"


async def test_the_app_ends_while_a_filter_runs() -> None:
    rows = SlowRows(100)
    async with opened(rows) as (eyes, table):
        table.filter("x")
        await eyes.until(lambda: "x" in rows.begun)
    await until(lambda: rows.ended == ["x"])


async def test_a_bad_filter_says_why_and_keeps_the_view() -> None:
    rows = ListRows(numbered(100))
    async with opened(rows) as (eyes, table):
        table.filter("=bad")
        await eyes.see(r"! no column \[red\]bad\[/\] ─")
        assert table.rows is rows
        table.filter("=broken")
        await eyes.see("! RuntimeError: a broken table ─")
        table.filter("")
        await eyes.see("1–7 of 100 ─")


async def test_sort_goes_up_down_and_away() -> None:
    rows = ListRows(numbered(30))
    async with opened(rows) as (eyes, table):
        await eyes.press("right", "end")
        table.sort()
        await eyes.until(lambda: table.rows is not rows)
        assert lines(table)[0].startswith("user       pos▲ title") and table.cursor_row == 0
        assert table.row == ("reader-0", "0", "Book number 0")
        table.sort()
        await eyes.until(lambda: table.row == ("reader-9", "9", "Book number 9"))
        assert lines(table)[0].startswith("user       pos▼ title")
        table.filter("2")
        await eyes.until(lambda: "filtered" in table.status)
        assert table.row == ("reader-29", "29", "Book number 29")
        table.sort(0)
        await eyes.until(lambda: table.row == ("reader-12", "12", "Book number 12"))
        assert lines(table)[0].startswith("user▲      pos  title")
        table.sort(0)
        await eyes.until(lambda: table.row == ("reader-29", "29", "Book number 29"))
        table.sort(0)
        await eyes.until(lambda: "▼" not in lines(table)[0])
        assert table.status == "1–7 of 12 (filtered from 30)"
        assert table.row == ("reader-2", "2", "Book number 2")
        table.sort(9)
        assert table.status == "1–7 of 12 (filtered from 30)"


async def test_the_mouse() -> None:
    rows = ListRows(numbered(100))
    async with opened(rows) as (eyes, table):
        await eyes.pilot.click(offset=(5, 5))
        assert table.cursor_row == 3 and eyes.app.told[-1] == ("at", 3)
        await eyes.pilot.click(offset=(5, 5))
        await eyes.pilot.pause()
        assert eyes.app.told[-1] == ("chosen", 3)
        await eyes.press("down", "up")
        await eyes.pilot.click(offset=(20, 1))
        await eyes.until(lambda: "title▲" in lines(table)[0])
        assert table._column == 2
        table.filter("reader-1")
        await eyes.until(lambda: "filtered" in table.status)
        table.filter("reader-11")
        await eyes.until(lambda: " of 1 " in table.status)
        await eyes.pilot.click(offset=(5, 7))  # below the last row
        assert table.cursor_row == 0
        table.show(rows)
        for _ in range(5):
            table.post_message(MouseScrollDown(table, 5, 5, 0, 1, 0, False, False, False))
        await eyes.until(lambda: table.status.startswith("11–17 of") and "reader-10 " in lines(table)[1])
        assert table.cursor_row == 0
        await eyes.press("down")
        assert table.cursor_row == 1 and table.status.startswith("2–8")


async def test_columns_scroll_where_they_do_not_fit() -> None:
    columns = tuple(FrameColumn(f"column{n}") for n in range(9))
    rows = ListRows([tuple(f"cell {n}.{m}" for m in range(9)) for n in range(4)], columns)
    async with opened(rows, (30, 8)) as (eyes, table):
        assert lines(table)[0].endswith("›") and "‹" not in lines(table)[0]
        for number in range(1, 9):
            await eyes.pilot.press("right" if number % 2 else "l")
            assert table._column == number
            assert f"column{number}" in lines(table)[0], lines(table)
            assert f"cell 0.{number}" in lines(table)[1]
        assert "‹" in lines(table)[0] and "›" not in lines(table)[0]
        await eyes.press("h", "left")
        assert table._column == 6
        table.action_go_column(-99)
        await eyes.pilot.pause()
        assert table._column == 0 and lines(table)[0].startswith("column0")


@pytest.mark.parametrize("size", [(20, 4), (20, 3), (60, 18), (120, 40)])
async def test_hostile_cells_are_harmless_and_every_line_is_as_wide_as_the_table(size: tuple[int, int]) -> None:
    table_of = [(text, None, text) for text in HOSTILE]
    rows = ListRows(table_of, (FrameColumn("[bold]u"), FrameColumn("\x1b[1m", right=True), FrameColumn("界" * 40)))
    async with opened(rows, size) as (eyes, table):
        for row in range(len(HOSTILE)):
            table.cursor_row = row
            for columns in (1, 1, -2):
                table.action_go_column(columns)
                for strip in table.render_lines(Region(0, 0, *table.outer_size)):
                    assert sum(cell_len(segment.text) for segment in strip) == table.outer_size.width
                    assert all(c.isprintable() or c == "\u200d" for c in strip.text)
        await eyes.press("home")
        text = screen_text(eyes.app)
        assert not set(text) & set("\x1b\x9b\u202e\u200b\t\0")
        if size == (120, 40):
            assert "[red]x[/]" in text and "␛[31mred" in text and "\\u202eabc" in text
        assert "\x1b" not in table.copy_text() and len(table.copy_text().split("\t")) == 3


async def test_copied_text_keeps_its_columns() -> None:
    async with opened(ListRows([("a\tb\nc", None, "\x1b[31m" + "x" * 10_000)])) as (_, table):
        assert table.copy_text() == "a b c\t\t␛[31m" + "x" * 10_000


async def test_nothing_to_show_says_what_to_do() -> None:
    async with opened(None, empty="No rows yet: [t] reads the files of this project and shows them") as (eyes, table):
        await eyes.see(r"No rows yet: \[t\] reads the files of")
        await eyes.press("down", "end", "enter", "right")
        table.sort()
        table.filter("x")
        assert table.status == "" and eyes.app.told == [] and table.row is None
        table.show(ListRows(numbered(2)))
        await eyes.see("reader-1 ", "1–2 of 2")
        table.show(None, "gone")
        await eyes.see("gone")
        assert table.status == "" and "reader" not in screen_text(eyes.app)
        table.show(ListRows([]), "an empty table")
        await eyes.see("an empty table")


async def test_a_resize_keeps_the_cursor_in_sight() -> None:
    async with opened(ListRows(numbered(100)), (60, 20)) as (eyes, table):
        table.cursor_row = 16
        await eyes.pilot.resize_terminal(24, 6)
        await eyes.until(lambda: "reader-16" in cursor_line(table))
        assert table.status == "15–17 of 100"


@pytest.mark.parametrize("theme", ["eager-dark", "eager-light", "textual-ansi"])
async def test_the_cursor_is_seen_in_every_theme(theme: str) -> None:
    async with opened(ListRows(numbered(9))) as (eyes, table):
        if theme in eyes.app.available_themes:
            eyes.app.theme = theme
        await eyes.pilot.pause()
        cursor, plain = table.get_component_rich_style("cursor-view--cursor"), table.rich_style
        assert (cursor.bgcolor, cursor.reverse) != (plain.bgcolor, plain.reverse)


async def test_the_cursor_is_seen_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(ListRows(numbered(9))) as (eyes, table):
        assert eyes.app.no_color
        strips = table.render_lines(Region(0, 0, *table.outer_size))
        marked = [
            "".join(s.text for s in strip if s.style and s.style.reverse and s.style.bold).strip() for strip in strips
        ]
        assert [text[:8] for text in marked if text] == ["reader-0"]


def test_messages_are_of_the_table() -> None:
    assert issubclass(FrameTable.Highlighted, Message) and not issubclass(FrameTable.Selected, FrameTable.Highlighted)


def test_the_widget_loads_no_frames() -> None:
    code = "import sys, eagertui.widgets.table.frame_table; print([m for m in ('polars', 'numpy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
