"""The benchmark's wishes for the sample: hand-written, in other words than the blurbs of the books that they want."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from core.assets import assets_path
from core.index.words.terms import terms_of
from core.sample.fact import GENRES

ROWS = [line.split("\t") for line in
        (Path(__file__).parents[2] / "benchmarks" / "experiments" / "wishes.tsv").read_text().splitlines()]  # fmt: skip
SMALL = {"for", "the", "than", "of", "and", "in", "at", "who", "lag"}
STEM = 5
"""Letters by which forms of one word are told to be so."""


def test_every_phrase_is_wished_for_once_and_some_book_has_it() -> None:
    assert len(ROWS) == 200 == len({phrase for phrase, _ in ROWS}) == len({wish for _, wish in ROWS})
    items = pl.read_parquet(assets_path() / "sample" / "items.parquet")
    blurbs = dict(items.group_by("genre").agg(pl.col("blurb").str.to_lowercase()).iter_rows())
    for phrase, _ in ROWS:
        (genre,) = (genre.name for genre in GENRES if phrase in (*genre.subjects, *genre.roles))
        assert any(phrase.casefold() in blurb for blurb in blurbs[genre]), phrase


def test_no_wish_says_its_phrase() -> None:
    for phrase, wish in ROWS:
        said, wanted = ({term[:STEM] for term in terms_of(text, 300)} - SMALL for text in (wish, phrase))
        assert not said & wanted, (phrase, wish)
