"""The same data through every public layout: one content digest, to the last user, item, order and text."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.data import load_dataset
from core.data.packed import ZSTD
from core.errors import EagerError
from core.settings import DataSettings
from tests.core.data.inputs import ITEMS, LOG, ROWS, TITLES, Files, Row, histories, items, log, put, read, table

BY_USER = histories()
NAMES = {"text": ("title",)}
"""Of the item table the title alone: no layout has more in common."""


def lines(rows: Any, write: Callable[[Any], str] = json.dumps) -> str:
    return "".join(write(row) + "\n" for row in rows)


def python2(row: Mapping[str, Any]) -> str:
    """A dictionary as Python 2 wrote it."""
    return "{" + ", ".join(f"u{k!r}: {'u' if isinstance(v, str) else ''}{v!r}" for k, v in row.items()) + "}"


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def arrow(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_ipc(file)
    return file.getvalue()


def sqlite(name: str, frame: pl.DataFrame) -> bytes:
    base = sqlite3.connect(":memory:")
    base.execute(f"CREATE TABLE {name} ({', '.join(frame.columns)})")
    base.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * frame.width)})", frame.rows())
    base.commit()
    return base.serialize()


FRAME = pl.DataFrame(
    {
        "user_id": [int(row.user) for row in ROWS],
        "item_id": [int(row.item) for row in ROWS],
        "rating": [float(row.rating) for row in ROWS],
        "timestamp": [row.when for row in ROWS],
    }
)
TABLE = pl.DataFrame({"item_id": [int(item) for item in TITLES], "title": list(TITLES.values())})


def day(row: Row) -> str:
    return row.when.strftime("%Y-%m-%d")


REVIEWS_2014 = lines(
    {
        "reviewerID": row.user, "asin": row.item, "reviewerName": "A. Name", "helpful": [0, 1], "reviewText": "Fine",
        "overall": float(row.rating), "summary": "Good buy", "unixReviewTime": row.seconds,
        "reviewTime": row.when.strftime("%m %d, %Y"),
    }
    for row in ROWS
)  # fmt: skip
REVIEWS_2023 = lines(
    {
        "rating": float(row.rating), "title": "Five stars", "text": "Fine, so", "images": [], "asin": f"V{row.item}",
        "parent_asin": row.item, "user_id": row.user, "timestamp": row.seconds * 1000, "helpful_vote": 0,
        "verified_purchase": True,
    }
    for row in ROWS
)  # fmt: skip
META_2023 = lines(
    {
        "main_category": "Toys", "title": title, "average_rating": 4.5, "rating_number": 7, "features": [],
        "description": [], "price": None, "images": [{"thumb": "https://x/y.jpg"}], "videos": [], "store": "S",
        "categories": ["Toys", "Games"], "details": {"Brand": "S"}, "parent_asin": item, "bought_together": None,
    }
    for item, title in TITLES.items()
)  # fmt: skip

LAYOUTS: dict[str, tuple[Files, Files, dict[str, Any]]] = {
    "Parquet": (parquet(FRAME), parquet(TABLE), {}),
    "Arrow": (arrow(FRAME), arrow(TABLE), {}),
    "TSV": (log(sign="\t"), items(sign="\t"), {}),
    "SQLite": (sqlite("ratings", FRAME.with_columns(pl.col("timestamp").dt.epoch("s"))), sqlite("movies", TABLE), {}),
    "JSON lines, gzipped": (
        gzip.compress(lines({"user_id": r.user, "item_id": r.item, "timestamp": r.seconds} for r in ROWS).encode()),
        lines({"item_id": item, "title": title} for item, title in TITLES.items()),
        {},
    ),
    "RecBole": (
        log(header=("user_id:token", "item_id:token", "rating:float", "timestamp:float"), sign="\t"),
        items(header=("item_id:token", "title:token_seq"), sign="\t"),
        {},
    ),
    "LC-Rec": (json.dumps(BY_USER), json.dumps({i: {"title": t, "description": ""} for i, t in TITLES.items()}), {}),
    "MovieLens 100k": (
        log(header=None, sign="\t"),
        "".join(f"{i}|{t}|01-Jan-1995||http://us.imdb.com/{i}|{'|'.join('0' * 19)}\n" for i, t in TITLES.items()),
        {},
    ),
    "MovieLens 1M": (
        log(header=None).replace(",", "::"),
        "".join(f"{item}::{title}::Drama|Children's\n" for item, title in TITLES.items()),
        {},
    ),
    "MovieLens 25M": (
        log(header=("userId", "movieId", "rating", "timestamp"), rating=lambda row: f"{row.rating}.0"),
        table([(item, title, "Drama|Comedy") for item, title in TITLES.items()], ["movieId", "title", "genres"]),
        {},
    ),
    "Amazon 2014": (
        REVIEWS_2014,
        lines(
            ({"asin": i, "title": t, "imUrl": "http://x/y.jpg", "categories": [["Toys"]]} for i, t in TITLES.items()),
            repr,
        ),
        {},
    ),
    "Amazon 2018": (
        REVIEWS_2014,
        lines({"asin": i, "title": t, "brand": "by S", "category": ["Toys"], "price": "$5"} for i, t in TITLES.items()),
        {},
    ),
    "Amazon 2023": (REVIEWS_2023, META_2023, {}),
    "Amazon 2023, ratings only": (
        log(header=("user_id", "parent_asin", "rating", "timestamp"), when=lambda row: row.seconds * 1000),
        META_2023,
        {},
    ),
    "Steam, reviews": (
        lines(
            (
                {"username": r.user, "product_id": r.item, "hours": 2.5, "text": "Good game", "date": day(r), "page": 1}
                for r in ROWS
            ),
            python2,
        ),
        lines(
            ({"id": i, "app_name": t, "genres": ["Action"], "url": f"http://x/{i}"} for i, t in TITLES.items()), python2
        ),
        {"text": ("app_name",)},
    ),
    "Steam, items of users": (
        lines(
            (
                {
                    "user_id": u,
                    "items_count": len(taken),
                    "steam_id": u,
                    "user_url": f"http://x/{u}",
                    "items": [{"item_id": i, "item_name": TITLES[i], "playtime_forever": 6} for i in taken],
                }
                for u, taken in BY_USER.items()
            ),
            repr,
        ),
        ITEMS,
        {},
    ),
    "sequences of JSON": (lines({"user_id": user, "items": taken} for user, taken in BY_USER.items()), ITEMS, {}),
}


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    return read(tmp_path_factory.mktemp("twin"), LOG, ITEMS).dataset.digest()


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_one_digest(tmp_path: Path, layout: str, digest: str) -> None:
    interactions, catalogue, known = LAYOUTS[layout]
    reading = read(tmp_path, interactions, catalogue, **{**NAMES, **known})
    assert reading.lists == BY_USER
    assert reading.titles == TITLES
    assert reading.dataset.digest() == digest


def test_sequences_one_user_a_line(tmp_path: Path) -> None:
    """Lines of several lengths, as published ones are, against the same rows with times."""
    taken = {user: items[: 4 + n % 7] for n, (user, items) in enumerate(BY_USER.items())}
    folders = [tmp_path / name for name in ("lines", "rows")]
    for folder in folders:
        folder.mkdir()
    some = [row for row in ROWS if row.item in taken[row.user]]
    one = read(folders[0], "".join(" ".join([user, *items]) + "\n" for user, items in taken.items()), ITEMS)
    assert one.dataset.digest() == read(folders[1], log(rows=some), ITEMS).dataset.digest()


def test_the_digest_sees_every_part(tmp_path: Path, digest: str) -> None:
    others = {
        "a user": log(user=lambda row: row.user.replace("1007", "9007")),
        "an item": log(item=lambda row: row.item.replace("501", "999")),
        "an order": log(when=lambda row: -row.seconds if row.user == "1007" else row.seconds),
    }
    found = {digest}
    for name, text in others.items():
        (tmp_path / name).mkdir()
        found.add(read(tmp_path / name, text, ITEMS + "999,Red Kettle of Glass\n").dataset.digest())
    (tmp_path / "text").mkdir()
    found.add(read(tmp_path / "text", LOG, ITEMS.replace("Red Kettle", "Red  Kettle?")).dataset.digest())
    assert len(found) == 5


def test_published_files_of_lc_rec_are_the_rows_that_python_makes_of_them(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "scientific" / "lc-rec-format"
    (inter,), (catalogue,) = folder.glob("*.inter.json"), folder.glob("*.item.json")
    rows = [(u, i, n) for u, taken in json.loads(inter.read_text()).items() for n, i in enumerate(taken)]
    texts = [(item, one["title"]) for item, one in json.loads(catalogue.read_text()).items()]
    put(tmp_path, "log.csv", table(rows, ["user_id", "item_id", "position"]))
    put(tmp_path, "items.csv", table(texts, ["item_id", "title"]))
    settings = {"min_user_interactions": 0, "min_item_interactions": 0, "duplicates": "keep", "text": ("title",)}
    published = DataSettings(interactions=str(inter), items=str(catalogue), **settings)  # type: ignore[arg-type]
    written = DataSettings(interactions="log.csv", items="items.csv", position="position", **settings)  # type: ignore[arg-type]
    assert load_dataset(published, tmp_path).digest() == load_dataset(written, tmp_path).digest()


def test_zstd_is_read_or_the_way_is_said(tmp_path: Path) -> None:
    """A frame of one raw block, by the format's own description: magic, header, block header, content."""
    content = LOG.encode()
    header = ZSTD + bytes([0b10100000]) + len(content).to_bytes(4, "little")
    block = (len(content) << 3 | 1).to_bytes(3, "little")
    packed = header + block + content
    try:
        import zstandard  # noqa: F401
    except ImportError:
        with pytest.raises(EagerError, match=r"zstd -d log\.csv"):
            read(tmp_path, packed, ITEMS)
    else:
        assert read(tmp_path, packed, ITEMS).lists == BY_USER
