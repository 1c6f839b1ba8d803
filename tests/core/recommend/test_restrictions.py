"""Conditions on the item table: what they select, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from core.errors import DataError
from core.recommend.restrictions import condition_mask, listed_mask
from core.sql import MAX_SQL

TABLE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "title": ["Nail file", "Hair's best", "select few", None],
        "price": [1.0, 20.0, None, 5.0],
        "size": ["1", "2", "3", "10"],
        "group": ["x", "y", "x", "y"],
    }
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("title LIKE '%ail%' AND price < 10", [0]),
        ("price < 10", [0, 3]),
        ("NOT price < 10", [1]),
        ("price IS NULL", [2]),
        ("TRUE", [0, 1, 2, 3]),
        ("title = 'Hair''s best' OR item_id IN ('a', 'zz')", [0, 1]),
        ("title LIKE '%select%'", [2]),
        ("\"group\" = 'x' AND CAST(size AS INT) BETWEEN 2 AND 9", [2]),
        ("price > AVG(price)", [1]),
    ],
)
def test_what_a_condition_selects(condition: str, rows: list[int]) -> None:
    assert condition_mask(TABLE, condition).nonzero()[0].tolist() == rows


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("prise < 10", "price"),
        ("nothing = 1", "item_id"),
        ("price <", "price <"),
        ("", "parse"),
        ("price", "Float64"),
        ("size < 10", "CAST"),
        ("price > 1, size = 'x'", "price > 1"),
        ("COLUMNS('.*i.*') = 'x'", "more than one"),
        ("price > 1; DROP TABLE x", "query"),
        ("title = 'open", "quot"),
        ("TRUE " * MAX_SQL, "characters"),
        ("(" * 4000 + "TRUE" + ")" * 4000, "cannot be used"),
    ],
)
def test_what_is_no_condition_is_said(condition: str, said: str) -> None:
    with pytest.raises(DataError) as error:
        condition_mask(TABLE, condition)
    assert said in f"{error.value.message} {error.value.remedy}"


@pytest.mark.parametrize(
    "template",
    [
        "item_id IN (SELECT item_id FROM read_csv('{file}'))",
        "item_id in(select item_id from read_csv('{file}'))",
        "item_id IN (FROM read_csv('{file}'))",
        "item_id IN (WITH x AS (SELECT item_id FROM read_csv('{file}')) SELECT item_id FROM x)",
        "EXISTS (SELECT * FROM read_csv('{file}'))",
        "item_id IN (/* ' */ SELECT item_id FROM read_csv('{file}') /* ' */)",
        "item_id IN (-- '\nSELECT item_id FROM read_csv('{file}') -- '\n)",
        "title = E'\\'' OR item_id IN (SELECT item_id FROM read_csv('{file}')) OR title = ''",
        "title = '\\' OR item_id IN (SELECT item_id FROM read_csv('{file}')) OR title = '\\'",
        "title = $$'$$ OR item_id IN (SELECT item_id FROM read_csv('{file}')) OR title = $$'$$",
        "title = `'` OR item_id IN (SELECT item_id FROM read_csv('{file}')) OR title = `'`",
        "title = \"'\" OR item_id IN (SELECT item_id FROM read_csv('{file}')) OR title = \"'\"",
        "item_id IN (TABLE read_csv('{file}'))",
        "item_id IN (SELECT/**/item_id FROM '{file}')",
    ],
)
def test_no_condition_reads_a_file(template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.csv").write_text("item_id\na\n")
    parsed: list[str] = []
    sql_expr = pl.sql_expr
    monkeypatch.setattr(pl, "sql_expr", lambda text: parsed.append(text) or sql_expr(text))
    with pytest.raises(DataError):
        condition_mask(TABLE, template.replace("{file}", str(tmp_path / "secret.csv")))
    assert parsed == []  # polars opens the file while it parses


def test_lists_of_ids() -> None:
    numbers = {"a": 0, "b": 1, "c": 2}
    assert listed_mask(numbers, ["b", "zz", "b"], "allow").tolist() == [False, True, False]
    assert listed_mask(numbers, [], "allow").tolist() == [False] * 3
    with pytest.raises(DataError, match="deny") as error:
        listed_mask(numbers, ["zz"], "deny")
    assert "a, b, c" in error.value.remedy
