"""Titles, descriptions and kinds found in item tables of several makes."""

from __future__ import annotations

import polars as pl

from core.prompts.texts import item_texts


def table(**columns: list) -> pl.DataFrame:
    count = len(next(iter(columns.values())))
    return pl.DataFrame({"item_id": [f"i{n}" for n in range(count)], **columns})


def test_columns_are_found_by_name() -> None:
    found = item_texts(
        table(
            title=["Red Polish.", "Blue, polish!", "i2"],
            text=["Red Polish. Shiny", "x", ""],
            product_description=["Very  shiny.\nLasts.", "<b>Matt</b> &amp; dry", None],
            categories=[["Nails", "Polish"], ["Nails"], []],
            brand=["OPI", "a brand whose name is a whole sentence long", None],
        ),
        ("title", "product_description", "categories", "brand"),
    )
    assert found.titles == ("Red Polish", "Blue, polish!", "")
    assert found.descriptions == ("Very shiny. Lasts.", "Matt & dry", "")
    assert found.kinds == (("Nails", "Polish", "OPI"), ("Nails",), ())
    assert found.description_from == "product_description"
    assert found.titled.tolist() == found.described.tolist() == [True, True, False]


def test_only_columns_named_for_text_are_read() -> None:
    items = table(title=["A", "B"], text=["A", "B"], secret_description=["x", "y"], brand=["q", "q"])
    found = item_texts(items, ("title",))
    assert found.descriptions == ("", "") and found.kinds == ((), ()) and found.description_from == ""


def test_without_such_a_column_it_is_the_text_without_the_title() -> None:
    items = table(
        title=["Red Polish", "Blue", "Only a title"],
        text=["Red Polish. OPI. Nails", "Deep. Blue. Sea", "Only a title"],
        maker=["OPI", None, None],
        more=["Nails", "Sea", None],
    )
    found = item_texts(items, ("title", "maker", "more"))
    assert found.descriptions == ("OPI. Nails", "Deep Sea", "") and found.description_from == "text"
    untitled = item_texts(table(title=["i0"], text=["OPI. Nails"], more=["Nails"]), ("more",))
    assert untitled.titles == ("",) and untitled.descriptions == ("OPI. Nails",)


def test_lists_written_out_and_labels_twice() -> None:
    items = table(title=["A"], text=["A"], genres=["['Sci-Fi', 'Drama']"], tags=["Drama; new > old|1990"])
    assert item_texts(items, ("title", "genres", "tags")).kinds == (("Sci-Fi", "Drama", "new", "old", "1990"),)
