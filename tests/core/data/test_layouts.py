"""JSON in many shapes, Python's dictionaries and sequences by line: the same data through each layout."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.data import Dataset
from core.data.sniff import sniff
from core.errors import DataError
from tests.core.data.data_tools import MakeProject, load

HISTORIES = {f"{100 + n}": [f"{(n * 7 + k * k) % 23 + 1}" for k in range(3 + n % 5)] for n in range(20)}
ROWS = [{"user_id": user, "item_id": item} for user, items in HISTORIES.items() for item in items]
TITLES = {str(n): {"title": f"Don't say \"{n}\"", "price": float("nan") if n % 2 else 1.5, "tags": ["a", "b"]}
          for n in range(1, 24)}  # fmt: skip


def lists(dataset: Dataset) -> dict[str, list[str]]:
    ids = dataset.items["item_id"].to_list()
    return {user: [ids[i] for i in dataset.sequences[n]] for n, user in enumerate(dataset.users)}


def columns(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


LOGS: dict[str, Callable[[], str]] = {
    "lines": lambda: "\n".join(map(json.dumps, ROWS)),
    "lines with NaN and Infinity": lambda: "\n".join(
        json.dumps({**row, "x": float("inf") if n % 3 else float("nan")}) for n, row in enumerate(ROWS)
    ),
    "array": lambda: json.dumps(ROWS),
    "array with breaks": lambda: json.dumps(ROWS, indent=2),
    "array with NaN": lambda: json.dumps([{**row, "x": float("nan")} for row in ROWS]),
    "lists by user": lambda: json.dumps(HISTORIES),
    "lists by user with breaks": lambda: json.dumps(HISTORIES, indent=1),
    "columns": lambda: json.dumps(columns(ROWS)),
    "columns of pandas": lambda: json.dumps(
        {k: {str(n): v for n, v in enumerate(c)} for k, c in columns(ROWS).items()}
    ),
    "rows below their names": lambda: json.dumps([list(ROWS[0]), *([*row.values()] for row in ROWS)]),
    "split by pandas": lambda: json.dumps(
        {"columns": [*ROWS[0]], "index": [*range(len(ROWS))], "data": [[*row.values()] for row in ROWS]}
    ),
    "with a schema": lambda: json.dumps(
        {"schema": {"fields": [{"name": name} for name in ["index", *ROWS[0]]], "primaryKey": ["index"]},
         "data": [{"index": n, **row} for n, row in enumerate(ROWS)]}
    ),
    "dictionaries of Python": lambda: "\n".join(map(repr, ROWS)),
    "dictionaries of Python 2": lambda: "\n".join(repr(row).replace("'", "u'", 1) for row in ROWS),
    "sequences": lambda: "\n".join(" ".join([user, *items]) for user, items in HISTORIES.items()),
    "sequences with tabs": lambda: "\n".join("\t".join([user, *items]) for user, items in HISTORIES.items()),
    "sequences with commas": lambda: "\n".join(",".join([user, *items]) for user, items in HISTORIES.items()),
}


@pytest.mark.parametrize("layout", list(LOGS))
@pytest.mark.parametrize("packed", [False, True])
def test_a_log_in_every_layout(make: MakeProject, layout: str, packed: bool) -> None:
    raw = LOGS[layout]().encode()
    dataset = load(make(gzip.compress(raw) if packed else raw, duplicates="keep"))
    assert lists(dataset) == HISTORIES and not dataset.report.rejected


TABLES: dict[str, Callable[[], str]] = {
    "by item": lambda: json.dumps(TITLES),
    "by item with breaks": lambda: json.dumps(TITLES, indent=2),
    "array": lambda: json.dumps([{"item_id": key, **row} for key, row in TITLES.items()]),
    "lines": lambda: "\n".join(json.dumps({"item_id": key, **row}) for key, row in TITLES.items()),
    "dictionaries of Python": lambda: "\n".join(
        repr({"item_id": int(key), **row, "price": None}) for key, row in TITLES.items()
    ),
}


@pytest.mark.parametrize("layout", list(TABLES))
def test_an_item_table_in_every_layout(make: MakeProject, layout: str) -> None:
    dataset = load(make("\n".join(map(json.dumps, ROWS)), TABLES[layout](), text=["title", "tags"]))
    assert dict(dataset.items.select("item_id", "text").rows()) == {
        key: f"{row['title']}. a, b" for key, row in TITLES.items() if key in set(dataset.items["item_id"])
    }
    assert not dataset.report.item_rejected and not dataset.report.items_without_row


def test_a_value_that_json_does_not_know_is_no_value(make: MakeProject) -> None:
    lines = [json.dumps({"user_id": "u" if n else float("nan"), "item_id": n, "x": float("nan")}) for n in range(30)]
    dataset = load(make("\n".join(lines)))
    assert dataset.report.rejected == {"no user id": 1} and dataset.n_items == 29


def test_code_in_a_dictionary_is_not_run(make: MakeProject, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    bad = "{'user_id': __import__('pathlib').Path(" + repr(str(mark)) + ").touch(), 'item_id': 'a'}"
    dataset = load(make("\n".join([*(repr(row) for row in ROWS), bad]), duplicates="keep"))
    assert dataset.report.rejected == {"not a JSON object": 1} and not mark.exists()


def test_rows_without_names_are_refused_and_short_ones_are_bad(make: MakeProject) -> None:
    rows = [[*row.values()] for row in ROWS]
    with pytest.raises(DataError, match="its rows are lists, and the first does not name the columns"):
        load(make(json.dumps(rows)))
    dataset = load(make(json.dumps([[*ROWS[0]], *rows, rows[0][:-1]]), duplicates="keep"))
    assert lists(dataset) == HISTORIES and dataset.report.rejected == {"not a JSON object": 1}


@pytest.mark.parametrize("raw", ['[{"user_id": 1', '{"a": [1, 2', "[" * 100_000, '{"a":' * 100_000, "[1, 2"])
def test_torn_and_deep_json_is_a_data_error(make: MakeProject, raw: str) -> None:
    with pytest.raises((DataError, Exception)) as caught:
        load(make(raw))
    assert hasattr(caught.value, "exit_code")


def test_published_files_of_lc_rec(real_data: Path) -> None:
    folder = real_data / "scientific" / "lc-rec-format"
    published: dict[str, list[Any]] = json.loads((folder / "Scientific.inter.json").read_text())
    frame = sniff(folder / "Scientific.inter.json").table()
    expected = [(user, str(item)) for user, items in published.items() for item in items]
    assert frame.select("user_id", "item_id").rows() == expected
    titles = json.loads((folder / "Scientific.item.json").read_text())
    table = sniff(folder / "Scientific.item.json").table(key="item_id")
    assert table["item_id"].to_list() == list(titles)


def test_tables_of_numbers_are_no_sequences(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("user_id,item_id\n1,2\n3,4\n")
    assert sniff(file).format == "csv"
    file.write_text("1 2 3\n4 5 6\n7 8 9\n")
    assert sniff(file).format == "csv"
