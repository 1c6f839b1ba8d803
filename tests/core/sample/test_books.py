"""The shop's books: they read well, they show what they should, and they hide what they should."""

import re
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from core.sample.books import article, stock, tidy
from core.sample.fact import GENRES
from core.sample.readers import Process, Shelf

CIRCLES = Process().circles


@pytest.fixture(scope="module")
def shop() -> tuple[pl.DataFrame, Shelf]:
    return stock(np.random.default_rng([0, 0]), CIRCLES)


def test_books_are_many_and_their_titles_and_blurbs_unique(shop: tuple[pl.DataFrame, Shelf]) -> None:
    items, shelf = shop
    assert len(items) == len(shelf) >= 800
    for column in ("item_id", "title", "blurb"):
        assert items[column].n_unique() == len(items)
    assert items["genre"].n_unique() == len(GENRES)
    # Beside the series number, ids and numbers never reach the text.
    assert not items["blurb"].str.contains(r"\d").any()


def test_text_has_no_open_slots_and_its_grammar_is_mended(shop: tuple[pl.DataFrame, Shelf]) -> None:
    items, _ = shop
    for text in (*items["title"], *items["blurb"]):
        assert not re.search(r"[{}]|  | \.", text), text
        assert not re.search(r"\ba (?!one|use|uni)[aeiou]", text, re.IGNORECASE), text
        assert not re.search(r"\ban [^aeiou]", text, re.IGNORECASE), text
        assert text[0].isupper()
    for text in items["blurb"]:
        assert text.endswith(".")
        pronoun, name = re.search(r"\b(she|he|her|his)\b", text), re.search(r"[A-Z]\w+ [A-Z]\w+", text)
        if pronoun and "He is late, she is leaving" not in text:
            assert name, text


def test_articles_follow_the_sound() -> None:
    assert (article("one-eared bosun"), article("undertaker"), article("guide")) == ("a", "an", "a")
    assert tidy("a old thing. a useful thing at A Orchard") == "An old thing. A useful thing at An Orchard"


def test_volumes_of_a_series_follow_each_other(shop: tuple[pl.DataFrame, Shelf]) -> None:
    items, shelf = shop
    series, volume, author = (items[name].to_list() for name in ("series", "volume", "author"))
    for book, following in enumerate(shelf.following):
        assert shelf.entry[book] == (volume[book] in (None, 1))
        if following >= 0:
            assert (series[following], volume[following]) == (series[book], volume[book] + 1)
            assert author[following] == author[book]
            assert items["year"][int(following)] > items["year"][book]
    later = sum(v is not None and v > 1 for v in volume)
    assert (shelf.following >= 0).sum() == later > 200


def test_circles_are_even_and_independent_of_genre_and_author(shop: tuple[pl.DataFrame, Shelf]) -> None:
    _, shelf = shop
    cells = np.bincount(shelf.circle * shelf.genres + shelf.genre, minlength=CIRCLES * shelf.genres)
    assert cells.max() - cells.min() <= 2
    # Of the pairs of books by one author about 1 in `circles` shares a circle: the author says nothing of it.
    same_author = np.triu(shelf.author[:, None] == shelf.author, 1)
    shared = (shelf.circle[:, None] == shelf.circle)[same_author].mean()
    assert shared == pytest.approx(1 / CIRCLES, abs=0.03)


def test_the_generator_needs_no_learning_library() -> None:
    code = "import sys, core.sample.shop; print(*sorted({'torch', 'sklearn', 'faiss', 'textual'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
