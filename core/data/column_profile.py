"""What a column looks like: enough of its content and name to guess what it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import polars as pl

from core.data.clean import text_expr, time_format
from core.data.items import TITLE_NAMES, objects_frame
from core.data.read import BAD, ROW, Source, collect
from core.errors import ProjectError

SAMPLE_ROWS = 20_000

# Whole names by role, in the writing of `_plain`; a name's words in any order count less than the whole name.
NAMES: Mapping[str, tuple[str, ...]] = {
    "user": ("user_id", "userid", "user", "uid", "customer_id", "customerid", "customer", "reviewer_id", "reviewerid",
             "reviewer", "visitor_id", "visitorid", "member_id", "client_id", "account_id", "reader_id", "reader",
             "listener_id", "person_id", "session_id", "sessionid", "user_name", "username"),
    "item": ("item_id", "itemid", "item", "iid", "product_id", "productid", "product", "parent_asin", "asin", "sku",
             "stock_code", "stockcode", "movie_id", "movieid", "book_id", "bookid", "isbn", "article_id", "business_id",
             "song_id", "track_id", "artist_id", "game_id", "app_id", "news_id", "video_id", "poi_id", "venue_id",
             "recipe_id", "course_id", "content_id", "offer_id", "movie", "book",
             "article", "song", "track", "game", "video"),
    "time": ("timestamp", "time", "datetime", "date_time", "unix_review_time", "unixreviewtime", "event_time",
             "created_at", "ts", "date", "invoice_date", "invoicedate", "review_time", "reviewtime", "purchase_date",
             "order_date", "rated_at", "updated_at", "visited_at", "watched_at", "played_at"),
    "position": ("position", "pos", "order", "sequence", "seq", "step", "index", "ordinal", "rank", "nth",
                 "position_in_history", "item_order", "event_number"),
    "rating": ("rating", "overall", "score", "stars", "star_rating", "rate", "preference"),
    "title": TITLE_NAMES,
    "maker": ("brand", "author", "authors", "artist", "maker", "manufacturer", "publisher", "director", "store", "by"),
    "kind": ("category", "categories", "genre", "genres", "tags", "series", "type", "department", "subject", "topics",
             "color", "colour", "style", "group", "section"),
    "text": ("description", "blurb", "summary", "plot", "abstract", "features", "body", "text", "overview", "details"),
}  # fmt: skip
_DESCRIBING = ("title", "maker", "kind", "text")
_NOT_TEXT = re.compile(
    r"(^|_)(id|ids|asin|sku|isbn|ean|upc|gtin|code|url|uri|link|links|image|images|img|picture|thumbnail|path|file|hash"
    r"|uuid|guid|price|date|time|timestamp|year|count|number|email|phone)$"
)


@dataclass(frozen=True)
class Look:
    """What a sample of a column shows; all shares are of its non-empty values.

    Attributes:
        values: The distinct values as text.
        filled: Share of rows that are not empty.
        distinct: Distinct values per filled row.
        numbers: Share that are numbers; `integers`: whole numbers.
        dates: Whether most values are written as dates or times (or are of such a type).
        spaced: Share that hold two words of letters; `lettered`: share that are mostly letters.
        urls: Share that are links; `codes`: share that look like codes: one token of digits and capitals.
        nested: Whether it holds records.
        low: Smallest number; `high`: largest.
        name: The column's name; `example`: one value.
    """

    name: str
    values: frozenset[str]
    filled: float
    distinct: float
    numbers: float
    integers: float
    dates: bool
    spaced: float
    lettered: float
    urls: float
    codes: float
    nested: bool
    low: float
    high: float
    example: str


def look_at(sources: list[Source]) -> dict[str, Look]:
    """Look at the beginning of a table's first file; the columns in the file's order."""
    source = sources[0]
    names = list(source.columns)
    if source.format == "jsonl":
        frame = objects_frame(source, islice(source.objects(), SAMPLE_ROWS))
    else:
        frame = collect(source, names, pl.all().head(SAMPLE_ROWS))
    frame = frame.filter(pl.col(BAD).is_null()).drop(BAD, ROW)
    return {name: _look(frame[name]) for name in names}


def _look(column: pl.Series) -> Look:
    kind = column.dtype
    try:
        frame = pl.DataFrame({"t": column}).select(text_expr("t", kind, ""))
    except ProjectError:
        frame = pl.DataFrame({"t": pl.Series([None] * len(column), dtype=pl.String)})
    rows = max(1, len(column))
    text = frame["t"].str.strip_chars()
    text = text.filter((text != "").fill_null(False))
    values = text.to_frame("t")
    t = pl.col("t")

    def share(expression: pl.Expr) -> float:
        return float(values.select(expression.fill_null(False).mean()).item() or 0.0)

    number = t.cast(pl.Float64, strict=False)
    low, high = values.select(number.min().alias("low"), number.max().alias("high")).row(0)
    numbers = share(number.is_not_null())
    written = "" if numbers > 0.5 or kind.is_nested() else time_format(text.unique(maintain_order=True).head(500))
    return Look(
        name=column.name,
        values=frozenset(text.unique()),
        filled=len(text) / rows,
        distinct=text.n_unique() / max(1, len(text)),
        numbers=numbers,
        integers=share(t.str.contains(r"^-?\d+(\.0)?$")),
        dates=kind.is_temporal() or (len(text) > 0 and "%" in written),
        spaced=share(t.str.contains(r"\p{L}{2}\S*\s+\S*\p{L}")),
        lettered=share(t.str.count_matches(r"[\p{L}\s]") > 0.7 * t.str.len_chars()),
        urls=share(t.str.contains(r"(?i)^[\[\s'\x22]*(https?://|www\.)|\.(jpe?g|png|gif|webp)\b")),
        codes=share(t.str.contains(r"^[A-Z0-9_.:/#-]*\d[A-Z0-9_.:/#-]*$|^[0-9a-f-]{8,}$")),
        nested=kind.is_nested() and not len(text),
        low=float(low) if low is not None else 0.0,
        high=float(high) if high is not None else 0.0,
        example=repr(text[0][:30]) if len(text) else "empty",
    )


def _plain(name: str) -> str:
    """A column's name in small letters with `_` between words, without a type behind a colon (`user_id:token`)."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.split(":")[0])
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def role_of(name: str, role: str) -> int:
    """How well a name fits a role: 0 = not at all; the earlier in `NAMES`, the better."""
    plain, names = _plain(name), NAMES[role]
    if plain in names:
        return 1000 - names.index(plain)
    if plain.replace("_", "") in names:
        return 900
    words = plain.split("_")
    whole = [number for number, known in enumerate(names) if len(known) > 2 and known in words]
    coded = role not in ("user", "item", "time", "rating") and _NOT_TEXT.search(plain)
    return 500 - whole[0] if whole and not coded else 0


def cannot_be_id(look: Look) -> bool:
    """Whether a column can hold no ids: dates, prose, fractions, nothing."""
    fractions = look.numbers > 0.5 and look.integers < 0.5 * look.numbers
    return look.nested or look.filled < 0.5 or fractions or (look.dates and look.numbers < 0.5) or look.spaced > 0.5


def is_number(look: Look) -> bool:
    """Whether a column holds numbers."""
    return look.numbers > 0.5


def is_time(look: Look) -> bool:
    """Whether a column can hold times: dates, or numbers large enough to count seconds or days."""
    return look.filled > 0.5 and (look.dates or look.numbers > 0.5)


def is_order(look: Look) -> bool:
    """Whether a column can hold the order inside a user: whole numbers."""
    return look.filled > 0.5 and look.integers > 0.9


def is_code(look: Look) -> bool:
    """Whether a column's values are codes rather than words."""
    return look.codes > 0.5 or bool(_NOT_TEXT.search(_plain(look.name)))


def is_wordy(look: Look) -> bool:
    """Whether a column is text for people: words, neither ids nor codes, links, numbers or dates."""
    if look.nested or look.filled < 0.05 or look.urls > 0.2 or look.numbers > 0.5 or look.dates or is_code(look):
        return False
    named = any(role_of(look.name, role) for role in _DESCRIBING)
    return look.spaced >= 0.3 or (named and look.lettered >= 0.6)
