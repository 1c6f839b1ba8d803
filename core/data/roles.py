"""What a column is called in the wild, by what it is for: the one vocabulary of column names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

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
    "title": ("title", "name", "item_name", "product_name", "product_title", "item_title", "movie_title", "book_title",
              "track_name", "productname", "itemname", "headline", "titel"),
    "description": ("description", "summary", "overview", "plot", "synopsis", "about", "abstract", "blurb", "details",
                    "content", "story", "body", "beschreibung", "descripcion", "descrizione", "features", "text"),
    "maker": ("brand", "brands", "author", "authors", "artist", "maker", "manufacturer", "publisher", "director",
              "store", "by", "marke"),
    "kind": ("category", "categories", "genre", "genres", "tags", "series", "type", "kind", "department", "subject",
             "subjects", "topic", "topics", "style", "color", "colour", "material", "group", "section",
             "kategorie"),
    "class": ("class", "label"),
    "keywords": ("keywords",),
}  # fmt: skip
"""Names by role, the likeliest first, in the writing of `plain`."""
LISTED = frozenset({"category", "categories", "genre", "genres"})
"""Columns whose text may be a list with commas; in others a comma belongs to a name."""
_NOT_TEXT = re.compile(
    r"(^|_)(id|ids|asin|sku|isbn|ean|upc|gtin|code|url|uri|link|links|image|images|img|picture|thumbnail|path|file|hash"
    r"|uuid|guid|price|date|time|timestamp|year|count|number|email|phone)$"
)


def plain(name: str) -> str:
    """A column's name in small letters with `_` between words, without a type behind a colon (`user_id:token`)."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.split(":")[0])
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def fit(name: str, role: str) -> int:
    """How well a name fits a role: 0 = not at all; the whole name better than one word of it, an earlier one better."""
    written, names = plain(name), NAMES[role]
    if written in names:
        return 1000 - names.index(written)
    if written.replace("_", "") in names:
        return 900
    words = written.split("_")
    whole = [number for number, known in enumerate(names) if len(known) > 2 and known in words]
    coded = role not in ("user", "item", "time", "rating") and is_no_text(name)
    return 500 - whole[0] if whole and not coded else 0


def is_no_text(name: str) -> bool:
    """Whether a name says that its column holds codes, links, numbers or dates."""
    return bool(_NOT_TEXT.search(plain(name)))


def is_called(name: str, *roles: str) -> bool:
    """Whether a name is, but for its capitals, one of the roles' names."""
    return any(name.lower().strip() in NAMES[role] for role in roles)


def has_word(name: str, *roles: str) -> bool:
    """Whether a word of a name is one of the roles' names."""
    return any(word in NAMES[role] for word in words(name) for role in roles)


def words(name: str) -> list[str]:
    """The words of a name in small letters."""
    return re.split(r"[\W_]+", name.lower())


def first_holding(names: Iterable[str], role: str) -> str:
    """The name that holds the role's likeliest word, be it a part of a longer one; empty where none does."""
    names = list(names)
    return next((name for word in NAMES[role] for name in names if word in name.lower()), "")
