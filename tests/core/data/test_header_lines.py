"""Where the header stands: below blank lines, or a second time among the rows of an item table."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DataError
from tests.core.data.data_tools import MakeProject, load
from tests.core.data.inputs import LOG, TITLES, histories, read, table

PRICES = [(item, title, f"{n}.5") for n, (item, title) in enumerate(TITLES.items())]
HEADER = ["item_id", "title", "price"]
ABOVE = ["\n", "\n\n", "  \n", "\r\n", "\t\n\n", ",\n", ",,\n\n"]


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("quoting", [0, 1])
def test_blank_lines_above_the_header(tmp_path: Path, above: str, quoting: int) -> None:
    reading = read(tmp_path, above + LOG, above + table(PRICES, HEADER, quoting=quoting))
    assert reading.lists == histories() and reading.titles == TITLES
    assert reading.dataset.items["price"].to_list() == [n + 0.5 for n in range(40)]
    report = reading.dataset.report
    assert not report.rejected and not report.item_rejected and report.item_rows == 40
    assert not any("above the header" in said for said in reading.said)


def test_blank_lines_above_quoted_line_breaks(tmp_path: Path) -> None:
    titles = {item: f"{title},\nnew" for item, title in TITLES.items()}
    reading = read(tmp_path, LOG, "\n\n" + table(titles.items(), ["item_id", "title"]))
    assert reading.titles == {item: f"{title}, new" for item, title in TITLES.items()}
    assert reading.dataset.report.item_rows == 40


@pytest.mark.parametrize("header", [HEADER, ["item_id:token", "title:token_seq", "price:float"]])
def test_files_joined_with_cat(tmp_path: Path, header: list[str]) -> None:
    reading = read(tmp_path, LOG, table(PRICES[:20], header) + table(PRICES[20:], header))
    assert reading.titles == TITLES
    assert reading.dataset.items["price"].to_list() == [n + 0.5 for n in range(40)]
    assert reading.dataset.report.item_rejected == {"the header again": 1}


def test_pages_of_sql_plus(tmp_path: Path) -> None:
    pages = "".join("\n" + table([("----------", "----------", "-----"), *PRICES[n : n + 10]], HEADER)
                    for n in range(0, 40, 10))  # fmt: skip
    reading = read(tmp_path, LOG, pages, max_rejected=0.5)
    assert reading.titles == TITLES
    assert reading.dataset.report.item_rejected == {"a line drawn below the header": 4, "the header again": 3}
    assert reading.dataset.items["price"].to_list() == [n + 0.5 for n in range(40)]


@pytest.mark.parametrize("other", [["title", "item_id", "price"], ["item_id", "price", "title"]])
def test_files_joined_with_their_columns_in_another_order(make: MakeProject, other: list[str]) -> None:
    rows = [[dict(zip(HEADER, row, strict=True))[name] for name in other] for row in PRICES[20:]]
    with pytest.raises(DataError, match="row 21 is a header with the columns in another order"):
        load(make(LOG, table(PRICES[:20], HEADER) + table(rows, other), text=["title"]))


def test_a_name_that_stands_in_the_header_twice(make: MakeProject) -> None:
    header = ["item_id", "title", "title"]
    rows = [(item, title, "x") for item, title in TITLES.items()]
    report = load(make(LOG, table(rows[:20], header) + table(rows[20:], header), text=["title"])).report
    assert report.item_rejected == {"the header again": 1}


def test_an_item_that_is_called_as_a_column_stays(make: MakeProject) -> None:
    log = "user_id,word\n" + "".join(f"u,{one}\n" for one in ("word", "title", "price", "tea"))
    table_ = "word,title\nword,A unit\ntitle,A name\nprice,\ntea,A drink\n"
    dataset = load(make(log, table_, item="word", text=["title"]))
    assert dataset.items["item_id"].to_list() == ["price", "tea", "title", "word"]
    assert not dataset.report.item_rejected


def test_a_single_column_of_items(make: MakeProject) -> None:
    report = load(make(LOG, "item_id\n" + "\n".join([*TITLES, "item_id", "501"]) + "\n")).report
    assert report.item_rejected == {"the header again": 1}
