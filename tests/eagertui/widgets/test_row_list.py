"""Lists of one-line rows."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.content import Content

from eagertui.widgets.draw import line
from eagertui.widgets.row_list import Row, RowList


class Hidden(App[None]):
    """A list that has not been laid out yet."""

    CSS = "RowList { display: none; }"

    def compose(self) -> ComposeResult:
        yield RowList()


async def test_the_first_frame_of_a_list_that_comes_into_sight_holds_its_rows() -> None:
    async with Hidden().run_test(size=(30, 5)) as pilot:
        rows = pilot.app.query_one(RowList)
        rows.display = True
        rows.show([Row("a", lambda width: line(["one of the items"], width))])
        drawn = rows.get_option_at_index(0).prompt
        assert isinstance(drawn, Content) and drawn.plain == "one of the items"
