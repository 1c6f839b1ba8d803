"""The keys at the lower edge: never wider than the screen, and the way out is always there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagertui.actions import PLACES
from eagertui.app import EagerApp
from eagertui.widgets.key_bar import LAST, MORE, KeyBar, key_lines
from tests.eagertui.app_tools import Eyes, screen_text

WAY_OUT = [("question_mark", "?", "Help"), ("q", "q", "Quit")]
words = st.text(st.characters(whitelist_categories=["Ll", "Lo", "Nd"]), min_size=1, max_size=14)
keys = st.lists(st.tuples(st.sampled_from("abcdefghijklm"), st.just("x"), words), max_size=9).map(
    lambda k: [*k, *WAY_OUT]
)


@given(keys=keys, width=st.integers(20, 160), most=st.integers(1, 2))
def test_every_line_fits_and_the_way_out_stands_last(keys: list[tuple[str, str, str]], width: int, most: int) -> None:
    rows = key_lines(keys, width, most)
    assert 1 <= len(rows) <= most
    assert all(row.cell_length <= width for row in rows)
    assert rows[-1].plain.rstrip().endswith("q Quit")
    assert "? Help" in rows[-1].plain


@given(keys=keys, width=st.integers(20, 160), most=st.integers(1, 2))
def test_what_is_left_out_is_hinted_at(keys: list[tuple[str, str, str]], width: int, most: int) -> None:
    keys = [(key, shown, "".join(c if c.isascii() else "w" for c in label)) for key, shown, label in keys]
    rows = key_lines(keys, width, most)
    shown = sum(row.plain.count(" x ") for row in rows)
    assert (shown < len(keys) - len(LAST)) == (MORE in rows[-1].plain)


def test_a_second_line_only_where_one_is_too_short() -> None:
    many = [(letter, letter, "Something") for letter in "abcde"]
    assert len(key_lines([*many, *WAY_OUT], 120, 2)) == 1
    assert len(key_lines([*many, *WAY_OUT], 60, 2)) == 2


@pytest.mark.parametrize("size", [(60, 18), (80, 24), (40, 12)])
async def test_every_place_shows_its_keys_and_a_click_presses_one(shop: Path, size: tuple[int, int]) -> None:
    app = EagerApp(shop)
    async with app.run_test(size=size) as pilot:
        eyes = Eyes(app, pilot)
        await eyes.until(lambda: app.runs_read)
        for number in range(1, len(PLACES) + 1):
            await eyes.press(str(number))
            await eyes.see(r"\? Help +q Quit")
        bar = app.screen.query_one(KeyBar)
        last = screen_text(app).rstrip("\n").splitlines()[-1]
        await pilot.click(bar, offset=(last.index("? Help") + 2, bar.size.height - 1))
        await eyes.see("Keys of Compare")
