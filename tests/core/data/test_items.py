"""The item table: text from the named columns only, cleaned, counted."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from core.data import Dataset
from core.data.clean import cleaned
from core.errors import DataError, ProjectError
from tests.core.data.data_tools import MakeProject, load

LOG = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["1", "2", "3"]})


def loaded(make: MakeProject, table: Any, *text: str, **settings: Any) -> Dataset:
    return load(make(LOG, table, text=list(text), **settings))


def test_only_the_named_columns_become_text(make: MakeProject) -> None:
    table = pl.DataFrame(
        {
            "item_id": [3, 1, 2],
            "asin": ["B01", "B02", "B03"],
            "title": ["Three.", "One", "Two"],
            "maker": ["C", None, " "],
        }
    )
    dataset = loaded(make, table, "title", "maker")
    assert dataset.items["item_id"].to_list() == ["1", "2", "3"]
    assert dataset.items["title"].to_list() == ["One", "Two", "Three."]
    assert dataset.items["text"].to_list() == ["One", "Two", "Three. C"]
    assert dataset.items["asin"].to_list() == ["B02", "B03", "B01"]
    assert dataset.report.text_missing == {"maker": 2}
    assert dataset.items.columns == ["item_id", "title", "text", "asin", "maker"]


def test_the_title_is_the_text_column_named_like_one_else_the_id(make: MakeProject) -> None:
    table = pl.DataFrame({"item_id": ["1", "2"], "brand": ["B", "C"], "Product_Name": ["P", "."], "title": ["x", "y"]})
    assert loaded(make, table, "brand", "Product_Name").items["title"].to_list() == ["P", "2", "3"]
    assert loaded(make, table, "brand").items["title"].to_list() == ["1", "2", "3"]
    assert load(make(LOG)).items["title"].to_list() == ["1", "2", "3"]


def test_items_without_a_row_are_kept_and_counted(make: MakeProject) -> None:
    dataset = loaded(make, pl.DataFrame({"item_id": ["2", "9"], "title": ["Two", "Nine"]}), "title")
    assert dataset.items["text"].to_list() == ["", "Two", ""]
    assert (dataset.report.items_without_row, dataset.report.items_without_text) == (2, 2)
    whole = loaded(make, pl.DataFrame({"item_id": ["2", "9"], "title": ["Two", "Nine"]}), "title", catalogue="all")
    assert whole.items["item_id"].to_list() == ["1", "2", "3", "9"]
    assert [whole.sequences[n].tolist() for n in range(2)] == [[0, 1], [2]]
    assert load(make(LOG)).report.items_without_text == 3


def test_of_repeated_rows_the_first_counts(make: MakeProject) -> None:
    table = pl.DataFrame({"item_id": ["1", "2", "1", "3"], "title": ["first", "two", "second", "three"]})
    dataset = loaded(make, table, "title")
    assert dataset.items["title"].to_list() == ["first", "two", "three"]
    assert dataset.report.item_duplicates == 1


def test_another_name_for_the_id(make: MakeProject) -> None:
    table = pl.DataFrame({"code": ["1", "2", "3"], "title": ["a", "b", "c"]})
    assert loaded(make, table, "title", item_key="code").items["title"].to_list() == ["a", "b", "c"]
    with pytest.raises(ProjectError, match=r'data\.item: .*items\.parquet has no column "item_id"'):
        loaded(make, table, "title")


def test_tables_that_do_not_meet(make: MakeProject) -> None:
    with pytest.raises(DataError, match=r"none of the log's items has a row in it, e\.g\. '1' is not in its column"):
        loaded(make, pl.DataFrame({"item_id": ["i1", "i2"], "title": ["a", "b"]}), "title")
    with pytest.raises(DataError, match="has no rows"):
        loaded(make, "item_id,title\n", "title")
    with pytest.raises(DataError, match=r"1 of 3 rows cannot be used; most often: no item id \(1\), first in row 2"):
        loaded(make, "item_id,title\n1,a\n,b\n2,c\n", "title")
    assert loaded(make, "item_id,title\n1,a\n,b\n2,c\n", "title", max_rejected=0.5).report.item_rejected == {
        "no item id": 1
    }


def test_lists_numbers_and_records(make: MakeProject) -> None:
    table = pl.DataFrame(
        {
            "item_id": ["1", "2", "3"],
            "tags": [["red", None, "blue"], [], None],
            "deep": [[["a", "b"], ["c"]], [[]], None],
            "pair": pl.Series([["x", "y"]] * 3, dtype=pl.Array(pl.String, 2)),
            "year": [1999, 2000, None],
            "record": [{"x": 1}] * 3,
            "records": [[{"x": 1}]] * 3,
            "blob": [b"x"] * 3,
        }
    )
    items = loaded(make, table, "tags", "deep", "pair", "year").items
    assert items["text"].to_list() == ["red, blue. a, b, c. x, y. 1999", "x, y. 2000", "x, y"]
    for name in ("record", "records", "blob"):
        with pytest.raises(ProjectError, match=rf'data\.text: the column "{name}" of .* holds .*, not text'):
            loaded(make, table, name)


def test_json_lines_items(make: MakeProject) -> None:
    lines = [
        '{"item_id": 1, "title": "A \\ud800 b", "tags": ["x", ["y", null]], "extra": {"k": 1}, "n": 1.5}',
        '{"item_id": "2", "title": "[New] Soap", "tags": [], "n": 2}',
        "broken",
        '{"item_id": 3, "tags": "plain", "n": 3}',
    ]
    dataset = loaded(make, "\n".join(lines), "title", "tags", max_rejected=0.3)
    assert dataset.items["text"].to_list() == ["A ? b. x, y", "[New] Soap", "plain"]
    assert dataset.items["n"].to_list() == [1.5, 2.0, 3.0]
    assert dataset.items["extra"].to_list() == ['{"k": 1}', None, None]
    assert dataset.report.item_rejected == {"not a JSON object": 1}


def test_numbers_of_text_formats_become_numbers_unless_that_changes_them(make: MakeProject) -> None:
    items = loaded(make, "item_id,price,code,year,none\n1,1.50,007,1999,\n2,-3,8,2000,\n3,0.1,9,,\n").items
    assert items["price"].to_list() == [1.5, -3.0, 0.1]
    assert items["code"].to_list() == ["007", "8", "9"]
    assert items["year"].to_list() == [1999, 2000, None]
    assert items["none"].to_list() == [None] * 3


def test_bad_bytes_in_titles_are_counted_not_fatal(make: MakeProject) -> None:
    dataset = loaded(make, b"item_id,title\n1,caf\xe9 \x1b[31mred\n2,b\x00ad\n3,ok\n", "title")
    assert dataset.items["title"].to_list() == ["caf\ufffd [31mred", "b ad", "ok"]
    assert dataset.report.text_broken == {"title": 1}


def test_long_texts_are_cut_and_counted(make: MakeProject) -> None:
    dataset = loaded(make, pl.DataFrame({"item_id": ["1"], "title": ["x" * 5000]}), "title")
    assert len(dataset.items["title"][0]) == 2000
    assert dataset.report.text_cut == {"title": 1}


def test_a_column_called_text_or_title_is_replaced_by_the_clean_one(make: MakeProject) -> None:
    table = pl.DataFrame({"item_id": ["1", "2", "3"], "text": ["<b>a</b>"] * 3, "title": ["T &amp; U"] * 3})
    items = loaded(make, table, "title", "text").items
    assert items.columns == ["item_id", "title", "text"]
    assert items.row(0) == ("1", "T & U", "T & U. a")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Cr&egrave;me &amp;amp; tea", "Crème & tea"),
        ("<p>Soft<br/>soap</p><!-- x --><script>var a = '<b>'</script>", "Soft soap"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("  a\t b\r\n\u00a0c\u200b ", "a b c"),
        ("&lt;i&gt;x&lt;/i&gt;", "x"),
        ("Phone&microphone ?id=1&copy=1&region=US", "Phone&microphone ?id=1&copy=1&region=US"),
        ("['Beauty', 'Skin Care']", "Beauty, Skin Care"),
        ('[["A", "B"], ["C"]]', "A, B, C"),
        ("[New] Soap", "[New] Soap"),
        ("Ends well.", "Ends well."),
        (".", None),
        ("", None),
        (" NaN ", None),
        ("None", None),
        ("[]", None),
        (None, None),
    ],
)
def test_cleaning(raw: str | None, expected: str | None) -> None:
    assert cleaned(pl.Series(["other", raw], dtype=pl.String)).to_list() == ["other", expected]
