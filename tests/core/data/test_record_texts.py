"""Lists and records in text columns: their words in order, whatever the format of the table."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import polars as pl
import pytest

from core.data.clean import cleaned
from core.errors import ProjectError
from tests.core.data.data_tools import MakeProject, load

LOG = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["1", "2", "3"]})
ROWS: list[dict[str, Any]] = [
    {"item_id": "1", "shelves": [{"count": "30", "name": "to-read"}, {"count": "4", "name": "fantasy, epic"}],
     "details": {"Brand": "Acme", "Color": "Red", "Size": "7"}},
    {"item_id": "2", "shelves": [{"count": "1", "name": "café"}],
     "details": {"Brand": "Don't", "Color": None, "Size": "https://x.y/z"}},
    {"item_id": "3", "shelves": [], "details": None},
]  # fmt: skip
TEXTS = ["to-read, fantasy, epic. Acme, Red", "café. Don't", ""]


def words(value: Any) -> list[str]:
    """The same, in plain Python."""
    if isinstance(value, dict):
        return [word for one in value.values() for word in words(one)]
    if isinstance(value, list):
        return [word for one in value for word in words(one)]
    return [value] if isinstance(value, str) and value.strip("0123456789") and "://" not in value else []


def as_csv(write: Any) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(ROWS[0])
    writer.writerows([row["item_id"], write(row["shelves"]), write(row["details"])] for row in ROWS)
    return file.getvalue()


TABLES = {
    "parquet": lambda: pl.DataFrame(ROWS),
    "json lines": lambda: "\n".join(json.dumps(row) for row in ROWS),
    "json array": lambda: json.dumps(ROWS),
    "json in csv": lambda: as_csv(json.dumps),
    "python in csv": lambda: as_csv(repr),
    "python lines": lambda: "\n".join(map(repr, ROWS)),
}


@pytest.mark.parametrize("kind", list(TABLES))
def test_the_words_of_records_in_their_order(make: MakeProject, kind: str) -> None:
    items = load(make(LOG, TABLES[kind](), text=["shelves", "details"])).items
    assert items["text"].to_list() == TEXTS
    plain = [[", ".join(words(row[name])) for name in ("shelves", "details")] for row in ROWS]
    assert [". ".join(part for part in parts if part) for parts in plain] == TEXTS


def test_records_of_numbers_are_still_no_text(make: MakeProject) -> None:
    for value in ({"x": 1}, [{"x": 1}]):
        with pytest.raises(ProjectError, match=r"holds (lists of )?records, not text"):
            load(make(LOG, pl.DataFrame({"item_id": ["1", "2", "3"], "r": [value] * 3}), text=["r"]))


@pytest.mark.parametrize("text", ["{curly} words", "{'open: title}", "[New] {Soap}", "{}", '{"a": 1}'])
def test_what_only_looks_like_a_record(text: str) -> None:
    kept = None if text in ("{}", '{"a": 1}') else text
    assert cleaned(pl.Series([text])).to_list() == [kept]
