"""Tags: collected from the item table and the index, found in what people write, kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from core.index.branches import BranchTable
from core.recommend.steering.tags import BRANCH, Tag, TagTable, mask_of

ITEMS = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "title": ["Nail set", "Hair oil", "Polish", "Clay"],
        "text": ["", "", "", ""],
        "categories": ["Beauty,Nail Care", "Beauty,Hair Care", "Beauty, nail  care ,unknown", None],
        "brand": ["Smith, Sons & Co.", "Now", "Now", "[bold]Evil\x00[/bold]"],
        "genres": [["red", "dry hair"], [], ["red"], None],
        "price": [1.0, 2.0, 3.0, 4.0],
        "colour_code": ["x", "x", "y", "y"],
    }
)


def numbers(tag: Tag | None) -> list[int]:
    assert tag is not None
    return tag.items.tolist()


@pytest.fixture(scope="module")
def table() -> TagTable:
    return TagTable.build(ITEMS)


def test_two_writings_are_one_tag_and_lists_are_split(table: TagTable) -> None:
    tag = table.find("NAIL care!")
    assert tag is not None and tag.name == "Nail Care" and tag.columns == ("categories",) and numbers(tag) == [0, 2]
    assert numbers(table.find("red")) == [0, 2] and numbers(table.find("beauty")) == [0, 1, 2]
    assert numbers(table.find("smith sons co")) == [0]  # a comma belongs to the name of a maker
    assert table.find("unknown") is None and table.find("x") is None and table.find("") is None
    evil = table.find("[bold]Evil[/bold]")
    assert evil is not None and "\x00" not in evil.name
    assert mask_of(evil, 4).tolist() == [False, False, False, True]


def test_tags_inside_a_sentence(table: TagTable) -> None:
    assert [tag.name for tag in table.inside("much more nail care for dry hair, please")] == ["Nail Care", "dry hair"]
    assert table.inside("now or never") == []  # a maker of one word
    assert [tag.name for tag in table.inside("now")] == ["Now"]
    assert table.inside("nails and \x00 <b>") == [] and table.inside("") == []


def test_the_nearest_of_a_misspelt_one(table: TagTable) -> None:
    assert table.nearest("Nial care")[0] == "Nail Care" and table.nearest("beautty shop") == ["Beauty"]
    assert table.nearest("xyzzy") == [] and table.largest(1) == ["Beauty"]


def test_branches_with_words_are_tags() -> None:
    codes = np.array([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 0, 1]], dtype=np.int32)
    words = [[], ["wax", "legs"], ["oil"], ["cream"], [], ["soap"]]
    branches = BranchTable.build(codes, np.ones(4, dtype=np.int64))
    words = (words * 2)[: len(branches)]
    table = TagTable.build(ITEMS.select("item_id", "title", "text"), branches.with_words(words))
    tag = table.find("wax legs")
    assert tag is not None and tag.columns == (BRANCH,) and tag.name == "wax, legs" and numbers(tag) == [0, 1]


def test_kept_and_damaged(table: TagTable, tmp_path: Path) -> None:
    table.save(tmp_path)
    again = TagTable.load(tmp_path)
    assert [(tag.name, tag.columns, tag.items.tolist()) for tag in again.tags] == [
        (tag.name, tag.columns, tag.items.tolist()) for tag in table.tags
    ]
    (tmp_path / "tags.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"tags\.parquet"):
        TagTable.load(tmp_path)
    assert TagTable.build(ITEMS.select("item_id", "title", "text")).tags == ()
