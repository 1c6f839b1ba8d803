"""Published tables without a header line whose columns are known: MovieLens, Amazon's ratings, Taobao."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from core.data.read import Head
from core.data.sources.delimited import Delimited
from core.errors import ProjectError

_TIME = r"\d{9,10}"
_ASIN, _REVIEWER = r"(?:B[0-9A-Z]{9}|\d{9}[\dX])", r"A[0-9A-Z]{9,20}"
_STARS = r"[0-5](?:\.\d)?"
_GENRES = ("unknown", "action", "adventure", "animation", "children", "comedy", "crime", "documentary", "drama",
           "fantasy", "film_noir", "horror", "musical", "mystery", "romance", "sci_fi", "thriller", "war",
           "western")  # fmt: skip


@dataclass(frozen=True)
class _Known:
    """A table: what its lines look like, between which signs, and what its columns are called."""

    name: str
    line: str
    sign: str
    columns: tuple[str, ...]

    def fits(self, lines: Sequence[str]) -> bool:
        """Whether all lines are rows of it; of an item table none comes twice, and most titles have letters."""
        form = re.compile(self.line)
        if not lines or not all(form.fullmatch(line) for line in lines):
            return False
        if "title" not in self.columns:
            return True
        keys, titles = zip(*(line.split(self.sign)[:2] for line in lines), strict=True)
        return len(set(keys)) == len(lines) < 2 * sum(bool(re.search(r"[^\W\d]", title)) for title in titles)


_RATINGS = ("user_id", "item_id", "rating", "timestamp")
_KNOWN = (
    _Known("MovieLens 100k, ratings", rf"\d+\t\d+\t[1-5]\t{_TIME}", "\t", _RATINGS),
    _Known(
        "MovieLens 100k, movies",
        r"\d+\|[^|]+\|(?:\d\d-[A-Z][a-z]{2}-\d{4})?\|[^|]*\|[^|]*" + r"\|[01]" * 19,
        "|",
        ("item_id", "title", "release_date", "video_release_date", "imdb_url", *_GENRES),
    ),
    _Known("MovieLens 1M and 10M, ratings", rf"\d+::\d+::{_STARS}::{_TIME}", "::", _RATINGS),
    _Known("ratings like those of MovieLens 1M, without times", rf"\d+::\d+::{_STARS}", "::", _RATINGS[:3]),
    _Known("MovieLens 1M and 10M, movies", r"\d+::(?:(?!::).)+::[\w' ()|-]+", "::", ("item_id", "title", "genres")),
    _Known("Amazon 2014, ratings", rf"{_REVIEWER},{_ASIN},{_STARS},{_TIME}", ",", _RATINGS),
    _Known(
        "Amazon 2018, ratings",
        rf"{_ASIN},{_REVIEWER},{_STARS},{_TIME}",
        ",",
        ("item_id", "user_id", "rating", "timestamp"),
    ),
    _Known(
        "Taobao's user behaviour",
        rf"\d+,\d+,\d+,(?:pv|buy|cart|fav),{_TIME}",
        ",",
        ("user_id", "item_id", "category_id", "behavior", "timestamp"),
    ),
)


@dataclass(frozen=True)
class KnownTable(Delimited):
    """Delimited text without a header, of a published layout; every line of its beginning must look so.

    Attributes:
        layout: Which one, in words.
    """

    format: ClassVar[str] = "csv without header"
    header_line: ClassVar[bool] = False
    rank: ClassVar[int] = 1

    header: bool = False
    layout: str = ""

    @classmethod
    def recognise(cls, head: Head) -> KnownTable | None:
        """By its first lines, all of which must be rows of one layout."""
        text = head.content.decode("utf-8", errors="replace").replace("\r\n", "\n")
        text = text if head.whole else text.rpartition("\n")[0]
        lines = [line for line in text.split("\n") if line.strip()][:1000]
        for known in _KNOWN:
            if known.fits(lines):
                return cls(head.path, known.columns, known.sign, False, "\n", layout=known.name)
        return None

    def named(self, names: Sequence[str], key: str) -> Self:
        """With a person's own names for the columns.

        Raises:
            ProjectError: another number of names than of columns.
        """
        if len(names) != len(self.columns):
            raise ProjectError(
                f"{key}: {len(names)} names, but {self.path} has {len(self.columns)} columns, as {self.layout}",
                f"Leave out {key}, or name every column, in the order of the file.",
            )
        return replace(self, columns=tuple(names))
