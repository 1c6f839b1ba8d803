"""Titles: found by the column's name, however it is written, else by what its texts look like."""

from __future__ import annotations

import polars as pl
import pytest

from core.data.titles import title_column
from core.prompts.texts import item_texts
from tests.core.data.data_tools import MakeProject, load

TITLES = [f"Red woollen scarf number {n}" for n in range(12)]
LONG = [f"This scarf, the {n}th of its kind, is made of the finest wool there is. " * 4 for n in range(12)]
KINDS = [("Clothes", "Warm things")[n % 2] for n in range(12)]
LOG = pl.DataFrame({"user_id": [f"u{n // 4}" for n in range(48)], "item_id": [str(n % 12) for n in range(48)]})


@pytest.mark.parametrize(
    "name",
    ["title", "title:token_seq", "movie_title:token_seq", "Description", "app_name", "caption", "product_name",
     "productName", "Product Name", "Titel", "Título", "nombre_del_producto", "标题", "название",
     "label", "what_it_is", "text", "name_1"],
)  # fmt: skip
@pytest.mark.parametrize("before", [True, False])
def test_titles_are_found(make: MakeProject, name: str, before: bool) -> None:
    columns = {"category": KINDS, name: TITLES, "long_text": LONG}
    table = pl.DataFrame({"item_id": [str(n) for n in range(12)], **columns})
    names = list(columns) if before else list(columns)[::-1]
    dataset = load(make(LOG, table, text=names))
    want = dict(zip(table["item_id"], TITLES, strict=True))
    assert dict(zip(dataset.items["item_id"], dataset.items["title"], strict=True)) == want
    texts = item_texts(dataset.items, names)
    assert list(texts.titles) == [want[item] for item in dataset.items["item_id"]]
    assert all("finest wool" in text for text in texts.descriptions)


@pytest.mark.parametrize("name", ["brand_name", "category", "genre", "series_title"])
def test_what_many_items_share_is_no_title(name: str) -> None:
    assert title_column([name], lambda name: pl.Series(KINDS)) == ""


def test_what_is_long_is_no_title() -> None:
    assert title_column(["about", "words"], lambda name: pl.Series(LONG)) == ""
    assert title_column(["words", "title"], lambda name: pl.Series(LONG)) == "title", "its name says it"


def test_ids_are_the_titles_where_there_are_none(make: MakeProject) -> None:
    table = pl.DataFrame({"item_id": [str(n) for n in range(12)], "category": KINDS})
    dataset = load(make(LOG, table, text=["category"]))
    assert dataset.items["title"].to_list() == dataset.items["item_id"].to_list()
