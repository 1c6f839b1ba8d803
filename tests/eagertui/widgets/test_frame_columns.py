"""Where columns stand, and that every line is exactly as wide as asked, whatever the cells hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from eagertui.widgets.table.columns import (
    GAP,
    LEAST,
    READABLE,
    Slot,
    cell,
    fit,
    header_parts,
    need,
    place,
    row_parts,
    scrolled,
)
from eagertui.widgets.table.frame_table import FrameColumn
from tests.eagertui.widgets.table_tools import HOSTILE

ANY = st.text(max_size=40) | st.sampled_from(HOSTILE)


@given(st.lists(st.integers(0, 300), max_size=8), st.integers(0, 120), st.data())
def test_columns_stand_side_by_side(needs: list[int], room: int, data: st.DataObject) -> None:
    widths = fit(needs, room)
    assert all(1 <= w <= max(1, room) for w in widths)
    if needs and sum(needs) + GAP * (len(needs) - 1) <= room:
        assert widths == [max(1, n) for n in needs]
    cursor = data.draw(st.integers(0, max(0, len(needs) - 1)))
    first = scrolled(widths, data.draw(st.integers(0, 9)), cursor, room)
    slots = place(widths, first, room)
    end = 0
    for slot in slots:
        assert slot.x >= end and 0 < slot.width <= widths[slot.column]
        end = slot.x + slot.width
    assert end <= max(room, 0)
    if needs and room > 0:
        seen = {slot.column: slot for slot in slots}
        assert cursor in seen and not seen[cursor].cut


@given(st.lists(st.integers(1, 24), max_size=3), st.lists(st.integers(25, 200), min_size=1, max_size=3))
def test_titles_share_what_the_others_leave(short: list[int], long: list[int]) -> None:
    needs = [*short, *long]
    room = sum(short) + GAP * (len(needs) - 1) + LEAST * len(long)
    widths = fit(needs, room + 7)
    assert widths[: len(short)] == short
    assert sum(widths) + GAP * (len(needs) - 1) == room + 7
    assert min(widths[len(short) :]) >= LEAST


def test_a_title_takes_what_most_texts_of_the_others_do_not_need() -> None:
    needs, usual = [6, 60, 23, 19], [6, 30, 13, 19]  # id, title, author, a moment that is as long in every row
    assert fit(needs, 76) == [6, 22, 23, 19]
    assert fit(needs, 76, usual) == [6, 32, 13, 19]
    assert fit(needs, 200, usual) == needs
    assert fit([6, 60, 12, 19, 40], 74) == [6, READABLE, 12, 19, READABLE]  # not all of it is in sight anyway
    assert fit([6, 60, 12, 19, 40], 54) == [6, 27, 12, 19, 27]  # of a narrow table no more than half


@given(ANY, st.integers(0, 60), st.booleans())
def test_a_cell_is_exactly_as_wide_as_asked(text: str, width: int, right: bool) -> None:
    shown = cell(text, width, right)
    assert cell_len(shown) == width
    assert cell_len(" " + shown + " ") == width + 2
    assert 0 <= need(text) <= 200


@given(
    st.lists(st.tuples(ANY, ANY | st.none()), min_size=1, max_size=6),
    st.integers(1, 90),
    st.integers(0, 5),
    st.none() | st.integers(0, 5),
    st.booleans(),
)
def test_header_and_row_are_exactly_as_wide_as_asked(
    cells: list[tuple[str, str | None]], room: int, first: int, sort: int | None, descending: bool
) -> None:
    columns = [FrameColumn(name, n % 2 == 1) for n, (name, _) in enumerate(cells)]
    widths = fit([max(need(name), need(text)) for name, text in cells], room)
    slots: list[Slot] = place(widths, min(first, len(cells) - 1), room)
    header = header_parts(columns, slots, room, first, (sort, descending))
    row = row_parts([text for _, text in cells], columns, slots, room)
    for parts in (header, row):
        assert sum(cell_len(text) for text, _ in parts) == room
        assert cell_len("".join(text for text, _ in parts)) == room
    if sort is not None and sort in {slot.column for slot in slots[:-1]}:
        assert ("▼" if descending else "▲") in "".join(text for text, _ in header)
