"""The sample's bookshop: authors, series, titles and blurbs from small grammars, and each book's hidden circle."""

import re
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.sample.fact import GENRES
from core.sample.readers import Ints, Shelf
from core.sample.word_lists import MEN, SURNAME_HEADS, SURNAME_TAILS, TOWN_HEADS, TOWN_TAILS, WOMEN, Genre

#: Ten authors a genre, and how many volumes each of their works has; 1 is a book on its own.
PLANS = (
    (3, 2, 1, 1), (3, 3, 1), (3, 1, 1, 1, 1), (2, 2, 1, 1, 1), (3, 2, 2),
    (3, 3, 1, 1), (3, 2, 2, 1), (3, 2, 1, 1, 1), (3, 1, 1, 1, 1, 1), (2, 2, 2, 1, 1),
)  # fmt: skip

PRONOUN = re.compile(r"{(she|her|first)}")
VOWEL = re.compile(r"(?!one\b|use|uni)[aeiou]", re.IGNORECASE)


@dataclass
class Book:
    """One book while the shop is being stocked."""

    genre: int
    author: int
    work: int
    volume: int
    volumes: int
    title: str
    series: str | None
    writer: str
    blurb: str
    year: int


class Scribe:
    """Writes names, titles and blurbs; every choice comes from one seeded generator, and no title comes twice."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Keep the generator and shuffle the names, which are dealt out one by one, and again when all are used."""
        self.rng = rng
        self.decks: dict[tuple[str, ...], list[str]] = {}
        self.used: set[str] = set()

    def pick(self, words: tuple[str, ...]) -> str:
        """One of ``words``."""
        return words[int(self.rng.random() * len(words))]

    def deal(self, heads: tuple[str, ...], tails: tuple[str, ...]) -> str:
        """A name not dealt before, or not since the deck ran out."""
        deck = self.decks.setdefault(heads, [])
        if not deck:
            names = [head + tail for head in heads for tail in tails]
            deck += [names[i] for i in np.argsort(self.rng.random(len(names)), kind="stable")]
        return deck.pop()

    def person(self) -> dict[str, str]:
        """Slots of a new hero, pronouns included."""
        woman = self.rng.random() < 0.5
        first = self.pick(WOMEN if woman else MEN)
        surname = self.deal(SURNAME_HEADS, SURNAME_TAILS)
        she, her = ("she", "her") if woman else ("he", "his")
        return {"first": first, "surname": surname, "hero": f"{first} {surname}", "she": she, "her": her}

    def world(self, genre: Genre, subject: str) -> dict[str, str]:
        """What all volumes of one work share: hero, town, calling and subject."""
        role = self.pick(genre.roles)
        town = self.deal(TOWN_HEADS, TOWN_TAILS)
        return {**self.person(), "town": town, "a_role": f"{article(role)} {role}", "subject": subject}

    def title(self, genre: Genre, slots: dict[str, str]) -> str:
        """A title not used before; leaves its quality and thing in ``slots``."""
        while True:
            slots["quality"], slots["thing"] = self.pick(genre.qualities), self.pick(genre.things)
            slots["thing_low"] = slots["thing"].lower()
            title = self.fresh(genre.titles, slots)
            if title:
                return title

    def series(self, genre: Genre, slots: dict[str, str]) -> str:
        """A series name not used before; deals a new town when the old one's names are all taken."""
        while not (name := self.fresh(genre.series, slots)):
            slots["town"] = self.deal(TOWN_HEADS, TOWN_TAILS)
        return name

    def fresh(self, patterns: tuple[str, ...], slots: dict[str, str]) -> str:
        """One of the patterns, filled in; empty if that name is taken."""
        name = tidy(self.pick(patterns).format(**slots))
        if name in self.used:
            return ""
        self.used.add(name)
        return name

    def blurb(self, genre: Genre, slots: dict[str, str]) -> str:
        """An opening, one or two turns and a closing; never the same text twice."""
        while True:
            opening = self.pick(genre.openings)
            # "She" and "his" need somebody named before them.
            named = "{hero}" in opening
            turns = tuple(turn for turn in genre.turns if named or not PRONOUN.search(turn))
            first = self.pick(turns)
            second = self.pick(turns)
            parts = [opening, first, *([second] if second != first else []), self.pick(genre.closings)]
            text = tidy(" ".join(parts).format(**slots))
            if text not in self.used:
                self.used.add(text)
                return text


def article(noun: str) -> str:
    """The indefinite article before ``noun``."""
    return "an" if VOWEL.match(noun) else "a"


def tidy(text: str) -> str:
    """Mend the articles, and the capital of a sentence that begins with a slot."""
    text = re.sub(rf"\b([Aa]) (?={VOWEL.pattern})", r"\1n ", text, flags=re.IGNORECASE)
    return re.sub(r"(^|[.!?] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def write(rng: np.random.Generator) -> list[Book]:
    """All books, genre by genre and author by author, volumes of a series next to each other."""
    scribe = Scribe(rng)
    books: list[Book] = []
    works = 0
    for number, genre in enumerate(GENRES):
        for place, plan in enumerate(PLANS):
            writer = scribe.person()["hero"]
            for volumes in plan:
                slots = scribe.world(genre, genre.subjects[place])
                series = scribe.series(genre, slots) if volumes > 1 else None
                year = 1996 + int(rng.random() * 24)
                for volume in range(1, volumes + 1):
                    title = scribe.title(genre, slots)
                    if series:
                        title = f"{title} ({series.removeprefix('The ')} #{volume})"
                    blurb = scribe.blurb(genre, slots)
                    author = number * len(PLANS) + place
                    books.append(Book(number, author, works, volume, volumes, title, series, writer, blurb, year))
                    year += 1 + int(rng.random() * 2)
                works += 1
    return books


def stock(rng: np.random.Generator, circles: int) -> tuple[pl.DataFrame, Shelf]:
    """The item table and what the reading process sees of it; row = book number, in an order that means nothing."""
    books = write(rng)
    books = [books[i] for i in np.argsort(rng.random(len(books)), kind="stable")]
    number = {(book.work, book.volume): i for i, book in enumerate(books)}
    following = [number.get((book.work, book.volume + 1), -1) for book in books]
    genre = np.array([book.genre for book in books], dtype=np.int64)
    entry = np.array([book.volume == 1 for book in books])
    # The bell curve as a sum of uniforms: no logarithm or sine, whose last digit differs between machines.
    bell = rng.random((len(books), 12)).sum(axis=1) - 6.0
    length = np.array([book.volumes for book in books])
    shelf = Shelf(
        genre=genre,
        author=np.array([book.author for book in books], dtype=np.int64),
        circle=_circles(rng, genre, entry, circles),
        fame=(1.0 + 0.2 * np.clip(bell, -1.0, 2.5)) ** 2 * (1.0 + 1.2 * (length - 1)),
        following=np.array(following, dtype=np.int64),
        entry=entry,
        genres=len(GENRES),
    )
    items = pl.DataFrame(
        {
            "item_id": [f"b{i:04d}" for i in range(len(books))],
            "title": [book.title for book in books],
            "author": [book.writer for book in books],
            "series": [book.series for book in books],
            "volume": pl.Series([book.volume if book.series else None for book in books], dtype=pl.Int8),
            "genre": [GENRES[book.genre].name for book in books],
            "blurb": [book.blurb for book in books],
            "year": pl.Series([book.year for book in books], dtype=pl.Int16),
            "price": [4.99 + int(rng.random() * 14) for _ in books],
        }
    )
    return items.with_columns(pl.col("price").round(2)), shelf


def _circles(rng: np.random.Generator, genre: Ints, entry: NDArray[np.bool_], circles: int) -> Ints:
    """Deal the books of every genre to the circles, evenly and blind to author, series and words."""
    circle = np.zeros(len(genre), dtype=np.int64)
    for one in np.unique(genre):
        for first in (True, False):
            rows = np.flatnonzero((genre == one) & (entry == first))
            shuffled = rows[np.argsort(rng.random(len(rows)), kind="stable")]
            circle[shuffled] = (np.arange(len(rows)) + int(rng.random() * circles)) % circles
    return circle
