"""Workbooks and databases: a sheet or table of them is read as the same rows in a CSV file are."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.data import profile
from core.errors import DataError, EagerError, EnvironmentFault, ProjectError
from tests.core.data.inputs import ITEMS, LOG, ROWS, TITLES, Reading, histories, put, read
from tests.core.data.workbook import Cell, workbook

HEAD: list[Cell] = ["user_id", "item_id", "rating", "timestamp"]
LINES: list[list[Cell]] = [[row.user, row.item, row.rating, row.seconds] for row in ROWS]
NAMES: list[list[Cell]] = [["item_id", "title"], *([item, title] for item, title in TITLES.items())]
SHEET: list[list[Cell]] = [HEAD, *LINES]
Made = Callable[..., Reading]


@pytest.fixture
def excel() -> None:
    pytest.importorskip("fastexcel", reason="the extra `excel` is not installed")


def digest(reading: Reading) -> Any:
    return profile(reading.dataset)["digest"]


@pytest.fixture
def twin(tmp_path: Path) -> Any:
    """The digest of the same rows as CSV."""
    folder = tmp_path / "twin"
    folder.mkdir()
    return digest(read(folder, LOG, ITEMS))


def typed(user: Callable[[Any], Cell], when: Callable[[Any], Cell]) -> list[list[Cell]]:
    return [HEAD, *([user(row), int(row.item), row.rating, when(row)] for row in ROWS)]


WRITTEN: dict[str, list[list[Cell]]] = {
    "as text and numbers": SHEET,
    "ids as numbers": typed(lambda row: int(row.user), lambda row: row.seconds),
    "times of Excel": typed(lambda row: row.user, lambda row: row.when),
    "a title and blank rows above": [["My shop, exported"], [], [], *SHEET],
    "a blank column before": [[None, *row] for row in SHEET],
    "blank rows between": [SHEET[0], *(line for row in SHEET[1:] for line in (row, []))],
}


@pytest.mark.parametrize("name", list(WRITTEN))
def test_a_sheet_is_read_as_its_csv_twin(excel: None, twin: Any, tmp_path: Path, name: str) -> None:
    reading = read(tmp_path, workbook({"log": WRITTEN[name], "blank": []}), ITEMS, "log.xlsx")
    assert reading.lists == histories() and reading.titles == TITLES
    assert digest(reading) == twin


def test_log_and_items_are_sheets_of_one_workbook(excel: None, twin: Any, tmp_path: Path) -> None:
    book = workbook({"orders": SHEET, "products": NAMES})
    reading = read(tmp_path, book, book, "log.xlsx", table="orders", item_table="products")
    assert (digest(reading), reading.titles) == (twin, TITLES)


def test_a_sheet_without_a_header_is_named(excel: None, twin: Any, tmp_path: Path) -> None:
    book = workbook({"log": LINES})
    with pytest.raises(DataError, match=r"first line looks like data(.|\n)*--columns"):
        read(tmp_path, book, ITEMS, "log.xlsx")
    assert digest(read(tmp_path, book, ITEMS, "log.xlsx", columns=tuple(map(str, HEAD)))) == twin


def test_a_total_under_the_sheet_is_a_bad_row(excel: None, tmp_path: Path) -> None:
    reading = read(tmp_path, workbook({"log": [*SHEET, ["Total", None, 1800, None]]}), ITEMS, "log.xlsx")
    assert (reading.dataset.report.rejected_rows, reading.lists) == (1, histories())


def test_numbers_that_excel_rounds_are_refused_as_ids(excel: None, tmp_path: Path) -> None:
    """Excel keeps 15 digits of a number; text of any length it keeps whole."""
    far = 9_007_199_254_740_993
    rows = typed(lambda row: far + int(row.user), lambda row: row.seconds)
    with pytest.raises(DataError, match=r"scientific notation(.|\n)*digits are lost"):
        read(tmp_path, workbook({"log": rows}), ITEMS, "log.xlsx", user="user_id")
    text = typed(lambda row: str(far + int(row.user)), lambda row: row.seconds)
    reading = read(tmp_path, workbook({"log": text}), ITEMS, "log.xlsx")
    assert set(reading.lists) == {str(far + int(user)) for user in histories()}


def _huge() -> bytes:
    return workbook({"log": SHEET}, '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')


REFUSED: dict[str, tuple[bytes, type[EagerError], str]] = {
    "several sheets": (workbook({"a": SHEET, "b": NAMES}), DataError, r'2 sheets \(a, b\)(.|\n)*data\.table="a"'),
    "no cell": (workbook({"a": [], "b": []}), DataError, "0 sheets"),
    "a far corner": (_huge(), DataError, "1,048,576 rows and 16,384 columns"),
    "cut off": (workbook({"a": SHEET})[:-300], DataError, "a spreadsheet that is no whole workbook"),
    "no sheet inside": (workbook({}), DataError, "0 sheets|damaged"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_workbooks_that_are_refused(excel: None, tmp_path: Path, name: str) -> None:
    content, kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        read(tmp_path, content, ITEMS, "log.xlsx")


def test_a_flipped_byte_is_read_or_refused(excel: None, tmp_path: Path) -> None:
    """A checksum stands behind every part of the archive."""
    content = workbook({"log": SHEET})
    for at in range(40, len(content), len(content) // 40):
        broken = content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]
        place = tmp_path / str(at)
        place.mkdir()
        with contextlib.suppress(EagerError):
            assert read(place, broken, ITEMS, "log.xlsx").lists == histories()


def test_without_the_library_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = [path for path in sys.path if not os.path.isdir(os.path.join(path, "fastexcel"))]  # noqa: PTH112, PTH118
    monkeypatch.setattr(sys, "path", hidden)
    monkeypatch.delitem(sys.modules, "fastexcel", raising=False)
    with pytest.raises(EnvironmentFault, match=r"Excel workbook(.|\n)*pip install 'eagertui\[excel\]'"):
        read(tmp_path, workbook({"log": SHEET}), ITEMS, "log.xlsx")


# --- databases ------------------------------------------------------------------------------------------------------


def database(file: Path) -> bytes:
    """The log, the titles and an empty table."""
    with contextlib.closing(sqlite3.connect(file)) as base:
        base.execute("CREATE TABLE ratings (user_id TEXT, item_id INTEGER, rating REAL, timestamp INTEGER)")
        base.executemany("INSERT INTO ratings VALUES (?, ?, ?, ?)", LINES)
        base.execute("CREATE TABLE movies (item_id TEXT, title TEXT)")
        base.executemany("INSERT INTO movies VALUES (?, ?)", NAMES[1:])
        base.execute("CREATE TABLE notes (text TEXT)")
        base.commit()
    return file.read_bytes()


def test_log_and_items_are_tables_of_one_database(twin: Any, tmp_path: Path) -> None:
    base = database(tmp_path / "shop.db")
    reading = read(tmp_path, base, base, "log.db", table="ratings", item_table="movies")
    assert (digest(reading), reading.lists, reading.titles) == (twin, histories(), TITLES)


def test_which_table_is_asked_for_in_words(tmp_path: Path) -> None:
    base = database(tmp_path / "shop.db")
    with pytest.raises(DataError, match=r'3 tables \(movies, notes, ratings\)(.|\n)*data\.table="movies"'):
        read(tmp_path, base, ITEMS, "log.db")
    with pytest.raises(ProjectError, match=r'no table "rating"(.|\n)*mean "ratings"'):
        read(tmp_path, base, ITEMS, "log.db", table="rating")
    reading = read(tmp_path, base, ITEMS, "log.db", table="ratings", item_table="movies")
    assert 'items.csv is csv, which is one table: the name "movies" is not used' in reading.said


# --- globs ----------------------------------------------------------------------------------------------------------


def test_a_glob_of_parts(twin: Any, tmp_path: Path) -> None:
    head, *lines = LOG.splitlines(keepends=True)
    for number in range(3):
        put(tmp_path, f"part-{number}.csv", head + "".join(lines[number * 200 : number * 200 + 200]))
    put(tmp_path, "other.txt", "nothing of it")
    place = tmp_path / "project"
    place.mkdir()
    from core.data.guess import guess_data

    cores = {"min_user_interactions": 0, "min_item_interactions": 0}
    guessed = guess_data(tmp_path / "part-*.csv", put(tmp_path, "items.csv", ITEMS), place, cores)
    assert guessed.data.interactions == "../part-*.csv"
    from dataclasses import replace

    from core.data import load_dataset

    dataset = load_dataset(replace(guessed.data, **cores), place)
    assert profile(dataset)["digest"] == twin
