"""Exports of shops, trackers, databases and public data sets, each with its answer, as `test_inputs` has them."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from core.errors import EagerError
from tests.core.data.inputs import ITEMS, LOG, ROWS, TITLES, Row, histories, items, log, read, table
from tests.core.data.test_inputs import BY_USER, LOG_NAMES, OBJECTS, Input, frame, half, jsonl, parquet, written

OLDEST_FIRST = sorted(ROWS, key=lambda row: row.when)
BEGIN = OLDEST_FIRST[0].when
PLACES = {user: {item: n for n, item in enumerate(taken, start=1)} for user, taken in BY_USER.items()}


def lists(user: str = "{}", item: str = "{}") -> dict[str, list[str]]:
    """The histories with ids in another form."""
    return {user.format(u): [item.format(i) for i in taken] for u, taken in BY_USER.items()}


def columns(*names: str, sign: str = ",", rows: list[Row] = ROWS, **values: Any) -> str:
    """A table whose columns are made of a row; `user` and `item` are the ids."""
    usual = {"user": lambda row: row.user, "item": lambda row: row.item} | values
    kinds = [name.partition("=") for name in names]
    return table([[usual[kind or name](row) for name, _, kind in kinds] for row in rows], [k[0] for k in kinds], sign)


def renamed(text: str, **letters: str) -> dict[str, str]:
    """The titles with a word in another writing."""
    return {item: title.replace("Red", text) for item, title in TITLES.items()}


READ: dict[str, Input] = {
    "ratings out of five": Input(
        log(rating=lambda row: f"{row.rating}/5"), said=("looks like ratings: rating (e.g.", "write them as numbers")
    ),
    "ratings in stars": Input(log(rating=lambda row: "★" * row.rating), said=("looks like ratings: rating",)),
    "ratings in words": Input(log(rating=lambda row: ["good", "bad", "so"][row.rating % 3]), quiet=("like ratings",)),
    "orders of Shopify": Input(
        columns(
            "Name=order", "Email=mail", "Paid at=when", "Total=price", "Lineitem name=title", "Lineitem sku=item",
            order=lambda row: f"#{row.seconds}", mail=lambda row: f"u{row.user}@x.com", price=lambda row: "12.50",
            when=lambda row: row.when.strftime("%Y-%m-%d %H:%M:%S +0200"), title=lambda row: TITLES[row.item],
        ),
        items(header=("Variant SKU", "Title")), lists=lists("u{}@x.com"),
    ),
    "orders of WooCommerce": Input(
        columns(
            "order_id=order", "status", "date_created=when", "customer_id=user", "product_id=item", "qty=status",
            order=lambda row: row.seconds, status=lambda row: 1, when=lambda row: row.when.isoformat(),
        ),
        items(header=("ID", "Name")),
    ),
    "payments of Stripe": Input(
        columns(
            "id=charge", "Created (UTC)=when", "Amount=price", "Customer ID=user", "product (metadata)=item",
            charge=lambda row: f"ch_{row.seconds}", when=lambda row: row.when.strftime("%Y-%m-%d %H:%M:%S"),
            price=lambda row: "10.00", user=lambda row: f"cus_{row.user}",
        ),
        items(header=("id", "name")), lists=lists("cus_{}"),
    ),
    "orders of H&M": Input(
        columns("t_dat=when", "customer_id=user", "article_id=item", "price",
                when=lambda row: row.when.strftime("%Y-%m-%d"), item=lambda row: f"0{row.item}",
                price=lambda row: "0.05"),
        items(lambda one: f"0{one}", header=("article_id", "prod_name")),
        lists=lists(item="0{}"), titles={f"0{item}": title for item, title in TITLES.items()},
    ),
    "baskets of Instacart": Input(
        columns("order_id=user", "product_id=item", "add_to_cart_order=place",
                place=lambda row: PLACES[row.user][row.item]),
        items(header=("product_id", "product_name")),
    ),
    "padded columns of Ta Feng": Input(
        columns("TRANSACTION_DT=when", "CUSTOMER_ID=user", "AGE_GROUP=age", "PRODUCT_ID=item",
                when=lambda row: row.when.strftime("%m/%d/%Y"), user=lambda row: f"{row.user}  ", age=lambda row: "A "),
        items(header=("PRODUCT_ID", "name")),
    ),
    "check-ins of Gowalla, named": Input(
        table([(r.user, r.when.isoformat() + "Z", f"30.{r.item}", f"-97.{r.user}", r.item) for r in ROWS], None, "\t"),
        None, known={"columns": ("user", "check_in_time", "latitude", "longitude", "location_id")},
    ),
    "plays of Last.fm, named": Input(
        table([(r.user, r.when.isoformat() + "Z", r.item, TITLES[r.item], "", "x") for r in ROWS], None, "\t"),
        None, known={"columns": ("userid", "timestamp", "artid", "artname", "traid", "traname")},
    ),
    "backslashes before quotes, as in Book-Crossing": Input(
        columns("User-ID=user", "ISBN=item", rows=OLDEST_FIRST, sign=";"),
        '"ISBN";"Book-Title"\n' + "".join(f'"{i}";"{t} \\"the\\" book; a novel"\n' for i, t in TITLES.items()),
        titles={item: f'{title} "the" book; a novel' for item, title in TITLES.items()},
    ),
    "names of Hive": Input(log(header=("log.user_id", "log.item_id", "log.rating", "log.timestamp"), sign="\t")),
    "fixed widths": Input("".join("".join(f.ljust(12) for f in line.split(",")) + "\n" for line in LOG.splitlines())),
    "a table of Markdown": Input(
        LOG.replace(",", " | ").replace("\n", " |\n| ").replace("\n| ", "\n|---|---|---|---|\n| ", 1).rstrip("| ")
        .join(("| ", "")),
    ),
    "a table of psql": Input(
        LOG.replace(",", " | ").replace("\n", "\n---------+---------+--------+-----------\n", 1) + "(600 rows)\n",
        rejected=1,
    ),
    "units below the header": Input(LOG.replace("\n", "\n[-],[-],[1-5],[s]\n", 1), rejected=1),
    "a title above the header": Input("Exported by the shop\n" + LOG, said=("the line above the header",)),
    "a title and a blank line above the header": Input("Report: all,,,\n\n" + LOG, said=("2 lines above the header",)),
    "a total under semicolons": Input(log(sign=";") + "Gesamt;600;1800;\n", items(sign=";"), rejected=1),
    "quoted semicolons": Input(
        LOG, table([(i, f"{t}; new, red") for i, t in TITLES.items()], ["item_id", "title"], ";", quoting=1),
        titles={item: f"{title}; new, red" for item, title in TITLES.items()},
    ),
    "JSON inside a CSV": Input(
        table([(r.user, r.item, r.rating, r.seconds, json.dumps({"a": 1, "b": [1, 2]})) for r in ROWS],
              [*LOG_NAMES, "meta"]),
    ),
    "gzip of two members": Input(
        gzip.compress(log(rows=ROWS[:300]).encode()) + gzip.compress(log(rows=ROWS[300:], header=None).encode())
    ),
    "gzip called parquet": Input(gzip.compress(LOG.encode()), name="log.parquet"),
    "Parquet of noise": Input(
        parquet(frame(noise=[Random(n).randbytes(4_000) for n in range(600)])), name="log.parquet"
    ),
    "UTF-16 without a mark": Input(LOG.encode("utf-16-le"), said=("read as utf-16-le",)),
    "Shift-JIS, told": Input(LOG, ITEMS.replace("Red", "\u8d64\u3044").encode("shift-jis"),
                             known={"encoding": "shift_jis"}, titles=renamed("\u8d64\u3044")),
    "Cyrillic of Windows, told": Input(LOG, ITEMS.replace("Red", "\u041a\u0440\u0430\u0441").encode("cp1251"),
                                       known={"encoding": "cp1251"}, titles=renamed("\u041a\u0440\u0430\u0441")),
    "entities of HTML": Input(LOG, ITEMS.replace("Red", "Red &amp; Black"), titles=renamed("Red & Black")),
    "tags of HTML": Input(LOG, table([(i, f"<b>{t}</b>") for i, t in TITLES.items()], ["item_id", "title"])),
    "lists of columns in JSON": Input(json.dumps({name: [one[name] for one in OBJECTS] for name in LOG_NAMES})),
    "integers beyond 64 bits": Input(jsonl([{**o, "user_id": 10**25 + int(o["user_id"])} for o in OBJECTS]),
                                     lists={str(10**25 + int(u)): i for u, i in BY_USER.items()}),
    "whole numbers and floats in JSON": Input(
        jsonl([{**o, "user_id": float(o["user_id"]) if n % 2 else int(o["user_id"])} for n, o in enumerate(OBJECTS)])
    ),
    "missing ids in JSON": Input(
        jsonl([*OBJECTS, {"user_id": float("nan"), "item_id": "501", "timestamp": 1600000000},
               {"item_id": "501", "timestamp": 1600000000}, {"user_id": None, "item_id": "501"}]), rejected=3,
    ),
    "ids in hexadecimal": Input(
        log(item=lambda row: hex(int(row.item))), items(lambda one: hex(int(one))),
        lists={u: [hex(int(i)) for i in taken] for u, taken in BY_USER.items()},
        titles={hex(int(item)): title for item, title in TITLES.items()},
    ),
    "no-break spaces around ids": Input(log(user=lambda row: f"\u00a0{row.user}\u00a0")),
    "a sign without width in the header": Input("\u200b" + LOG),
    "a row's own number": Input(table([(n, r.user, r.item, r.rating, r.seconds) for n, r in enumerate(ROWS)],
                                      ["id", *LOG_NAMES])),
    "times and ratings under each other's names": Input(log(header=("user_id", "item_id", "timestamp", "rating"))),
    "a column of sessions beside the users": Input(
        table([(f"s{n // 3}", r.user, r.item, r.seconds) for n, r in enumerate(ROWS)],
              ["session_id", "user_id", "item_id", "timestamp"])
    ),
    "a birthday beside the time": Input(
        columns("user_id=user", "birth_date=born", "item_id=item", "purchase_ts=when",
                born=lambda row: f"19{int(row.user) % 90 + 10}-01-01", when=lambda row: row.when.isoformat()),
        said=("birth_date", 'that of "purchase_ts"'),
    ),
    "delivered and ordered": Input(
        columns("user_id=user", "item_id=item", "delivered_date=late", "order_date=when",
                late=lambda row: (row.when + timedelta(days=int(row.item) % 50)).isoformat(),
                when=lambda row: row.when.isoformat()),
        said=('that of "order_date"',),
    ),
}  # fmt: skip

WRITTEN_TIMES: dict[str, Any] = {
    "seconds with fractions": lambda row: f"{row.seconds}.123456",
    "counts of Windows": lambda row: (row.seconds + 11644473600) * 10**7,
    "minutes since 1970": lambda row: row.seconds // 60,
    "seconds from the first": lambda row: int((row.when - BEGIN).total_seconds()),
    "RFC 2822": written("%a, %d %b %Y %H:%M:%S GMT"),
    "a web server's": written("%d/%b/%Y:%H:%M:%S +0000"),
    "JavaScript's": written("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)"),
    "C's": written("%a %b %d %H:%M:%S %Y"),
    "Twitter's": written("%a %b %d %H:%M:%S +0000 %Y"),
    "twelve hours": written("%m/%d/%Y %I:%M:%S %p"),
    "two digits of the year": written("%m/%d/%y %I:%M %p"),
    "Japanese": lambda row: f"{row.when.year}\u5e74{row.when.month}\u6708{row.when.day}\u65e5 {row.when:%H:%M:%S}",
    "digits alone": written("%Y%m%d%H%M%S"),
    "digits without seconds": written("%Y%m%d%H%M"),
    "Postgres in another zone": lambda row: (row.when - timedelta(hours=7)).isoformat(" ") + "-07",
    "the year first, two digits": written("%y-%m-%d %H:%M"),
    "the year last, two digits": written("%d-%m-%y %H:%M"),
}
NOBODY = ("undefined", "(null)", "(not set)", "[object Object]", "{}", "#REF!", "#NAME?", "[null]", "nil",
          "00000000-0000-0000-0000-000000000000")  # fmt: skip
"""What programs write where they know no user."""
READ["users whom nobody knows"] = Input(
    LOG + "".join(f"{word},501,3,{1600000000 + n}\n" for n, word in enumerate(NOBODY)), rejected=len(NOBODY)
)
READ |= {f"times: {name}": Input(log(when=how)) for name, how in WRITTEN_TIMES.items()}

DOUBTED: dict[str, Input] = {
    "parts of a date in columns": Input(
        columns("user_id=user", "item_id=item", "date_year=year", "date_month=month", "date_day=day",
                year=lambda row: row.when.year, month=lambda row: row.when.month, day=lambda row: row.when.day),
        said=("it may stand in other columns: date_year", "date_month", "date_day"),
    ),
    "days counted from a first one": Input(
        columns("user_id=user", "item_id=item", "day", day=lambda row: (row.when - BEGIN).days + 1),
        said=("it may stand in other columns: day",),
    ),
    "steps in words": Input(
        columns("user_id=user", "item_id=item", "step", step=lambda row: f"step {PLACES[row.user][row.item]}"),
        said=("it may stand in other columns: step",),
    ),
    "an order that runs backwards": Input(
        columns("user_id=user", "item_id=item", "recency_rank=back", back=lambda row: 11 - PLACES[row.user][row.item]),
        said=("it may stand in other columns: recency_rank",),
    ),
    "a day of release and no time": Input(
        columns("user_id=user", "item_id=item", "release_date=day",
                day=lambda row: f"19{int(row.item) % 60 + 30}-01-01"),
        said=("looks like times: release_date", "the order is that of the file"),
    ),
    "a time that is the item's": Input(
        columns("user_id=user", "item_id=item", "date", date=lambda row: f"20{int(row.item) % 20 + 1:02}-03-05"),
        said=("the same in all rows of an item",),
    ),
    "a time that is the user's": Input(
        columns("user_id=user", "item_id=item", "date", date=lambda row: f"20{int(row.user) % 20 + 1:02}-03-05"),
        said=("the same in all rows of a user",),
    ),
    "a day that could be a year": Input(log(when=written("%y-%m-%d %H:%M")), said=("tells the day from the year",)),
    "years of Thailand": Input(log(when=lambda row: f"{row.when.year + 543}-{row.when:%m-%d %H:%M:%S}"),
                               said=("years of", "calendar of Thailand")),
    "years of Thailand, the day first": Input(
        log(when=lambda row: f"{row.when:%d/%m}/{row.when.year + 543} {row.when:%H:%M}"), said=("calendar of Thailand",)
    ),
    "years of Iran": Input(
        log(when=lambda row: f"{row.when.year - 621}/{row.when:%m}/{min(row.when.day, 28):02}"),
        said=("the Persian calendar",),
    ),
    "days beside milliseconds, as in KuaiRand": Input(
        columns("user_id=user", "video_id=item", "date=day", "hourmin=clock", "time_ms=when", "is_click=one",
                day=lambda row: row.when.strftime("%Y%m%d"), clock=lambda row: int(row.when.strftime("%H00")),
                when=lambda row: row.seconds * 1000 - 8 * 3600 * 1000, one=lambda row: 1),
        items(header=("video_id", "title")), said=("looks like times: date", 'that of "time_ms"'),
    ),
    "days beside times of the same events": Input(
        columns("customer_id=user", "order_date=day", "sku=item", "logged_at=when",
                day=lambda row: row.when.strftime("%d.%m.%Y"), when=lambda row: row.when.isoformat()),
        items(header=("sku", "title")), said=("order_date", 'that of "logged_at"'),
    ),
    "minutes beside seconds, as scrobbles have them": Input(
        columns("uts=when", "utc_time=minute", "track=item", "username=user",
                when=lambda row: row.seconds, minute=lambda row: row.when.strftime("%d %b %Y, %H:%M")),
        items(header=("track", "title")), said=("looks like times: utc_time", 'that of "uts"'),
    ),
    "a length called time": Input(
        columns("user_id=user", "item_id=item", "time=length", length=lambda row: row.rating * 30),
        said=("holds the same numbers again and again, 30 to 150",),
    ),
    "local times beside their zones": Input(
        columns("user_id=user", "item_id=item", "timestamp=when", "timezone=zone", when=written("%Y-%m-%d %H:%M:%S"),
                zone=lambda row: "Europe/Berlin" if row.rating > 2 else "America/New_York"),
        said=('"timezone" names their zones',),
    ),
    "orders that were undone": Input(
        columns("customer_id=user", "product_id=item", "order_status=state", "order_date=when",
                state=lambda row: ("canceled", "delivered")[row.rating > 1], when=lambda row: row.when.isoformat()),
        items(header=("product_id", "title")), said=("data.where = \"order_status = 'delivered'\"",),
    ),
    "a kind that was undone and others": Input(
        columns("customer_id=user", "product_id=item", "order_status=state", "order_date=when",
                state=lambda row: "canceled" if row.rating == 1 else "approved", when=lambda row: row.when.isoformat()),
        items(header=("product_id", "title")), said=("data.where = \"order_status <> 'canceled'\"",),
    ),
    "a mark of what was deleted": Input(
        columns("user_id=user", "item_id=item", "ts=when", "is_deleted=mark",
                when=lambda row: row.seconds, mark=lambda row: int(row.rating == 1)),
        said=("data.where = 'is_deleted = 0'",),
    ),
    "marks in words": Input(
        columns("user_id=user", "item_id=item", "ts=when", "returned=mark", "gekauft=other",
                when=lambda row: row.seconds, mark=lambda row: "yes" if row.rating == 1 else "no",
                other=lambda row: "WAHR" if row.rating > 3 else "FALSCH"),
        said=("returned = 'no'", "gekauft = 'WAHR'"),
    ),
    "a date and a time of day": Input(
        columns("user_id=user", "item_id=item", "date=day", "time=clock",
                day=lambda row: row.when.strftime("%Y-%m-%d"), clock=lambda row: row.when.strftime("%H:%M:%S")),
        said=("looks like times: time", "times of day without a date"),
    ),
    "users who are not known": Input(
        LOG + "".join(f"anonymous,{501 + n % 40},3,{1600000000 + n}\n" for n in range(100)),
        said=('the user "anonymous" has 100 of 700 rows',),
    ),
    "sessions with a mark at their end": Input(
        LOG + "".join(f"{1001 + n},END,3,{1700000000 + n}\n" for n in range(60)),
        said=('the item "END" has 60 of 660 rows', "item_id <> 'END'"),
        lists={user: [*taken, "END"] for user, taken in BY_USER.items()}, titles=TITLES | {"END": "END"},
    ),
    "a number for no item": Input(
        LOG + "".join(f"{1001 + n},0,3,{1700000000 + n}\n" for n in range(60)),
        said=('the item "0" has 60 of 660 rows',),
        lists={user: [*taken, "0"] for user, taken in BY_USER.items()}, titles=TITLES | {"0": "0"},
    ),
    "an invoice that was cancelled": Input(
        columns("InvoiceNo=order", "StockCode=item", "Quantity=count", "InvoiceDate=when", "CustomerID=user",
                order=lambda row: f"{'C' if row.rating == 1 else ''}{row.seconds}",
                count=lambda row: -1 if row.rating == 1 else 2, user=lambda row: f"{row.user}.0",
                when=written("%m/%d/%Y %H:%M:%S")),
        said=('"Quantity" holds negative numbers',),
    ),
    "titles that are all alike": Input(
        LOG, table([(i, "Product") for i in TITLES], ["item_id", "title"]), said=("the titles are all alike",)
    ),
    "a table of properties": Input(
        LOG, table([one for i, t in TITLES.items() for one in ((i, "title", t), (i, "color", "red"))],
                   ["item_id", "property", "value"]),
        said=("no titles", "stand in several rows"),
    ),
}  # fmt: skip

BASKETS = {user: [taken[n : n + 2] for n in range(0, 10, 2)] for user, taken in BY_USER.items()}
DOUBTED |= {
    f"several items a cell, {name}": Input(
        table([(user, text(two), 1600000000 + n) for user, own in BASKETS.items() for n, two in enumerate(own)],
              ["user_id", "item_id", "ts"]),
        None, said=('cells of "item_id" seem to hold several ids',),
        lists={user: [text(two) for two in own] for user, own in BASKETS.items()},
    )
    for name, text in {"bars": "|".join, "semicolons": ";".join, "lists of Python": str}.items()
}  # fmt: skip
READ["clients of Google Analytics"] = Input(
    columns("event_date=day", "event_timestamp=when", "user_pseudo_id=client", "item_id=item",
            day=written("%Y%m%d"), when=lambda row: row.seconds * 10**6,
            client=lambda row: f"{int(row.user) * 987654}.1507934{row.user}"),
    lists={f"{int(user) * 987654}.1507934{user}": taken for user, taken in BY_USER.items()},
)  # fmt: skip

REFUSED: dict[str, Input] = {
    "titles in Shift-JIS": Input(LOG, ITEMS.replace("Red", "\u8d64\u3044").encode("shift-jis"),
                                 refused=("5 lines or more", "data.encoding=NAME; shift_jis")),
    "titles in Shift-JIS late in a large table": Input(
        LOG, (ITEMS + "".join(f"x{n},{'Long words about nothing ' * 40}{n}\n" for n in range(1500))
              + "y1,\u8d64\u3044 Lamp\ny2,\u8d64\u3044 Chair\n").encode("shift-jis"), refused=("shift_jis",),
    ),
    "titles in GBK": Input(LOG, ITEMS.replace("Red", "\u7ea2\u8272\u7684").encode("gbk"), refused=("gb18030",)),
    "titles in Cyrillic of Windows": Input(LOG, ITEMS.replace("Red", "\u041a\u0440\u0430\u0441").encode("cp1251"),
                                           refused=("neither UTF-8 nor Western European", "cp1251")),
    "a key that stands twice": Input(jsonl(OBJECTS).replace('{"user_id"', '{"user_id": "x", "user_id"'),
                                     refused=('the key "user_id" twice',)),
    "blocks of Netflix": Input(
        "".join(f"{i}:\n" + "".join(f"{r.user},3,{r.when:%Y-%m-%d}\n" for r in ROWS if r.item == i) for i in TITLES),
        refused=("as Netflix published them", "awk"),
    ),
    "weeks of ISO": Input(log(when=written("%G-W%V-%u")), refused=("in no known way", "2020-W")),
    "months in German": Input(log(when=lambda row: f"{row.when.day}. M\u00e4rz {row.when.year}"),
                              refused=("M\u00e4rz",)),
    "seconds with signs for thousands": Input(log(when=lambda row: f"{row.seconds:,}"), refused=("in no known way",)),
    "some times with a zone": Input(
        log(when=half(lambda row: row.when.isoformat() + "+09:00", lambda row: row.when.isoformat())),
        refused=("in two ways",),
    ),
    "ratings with signs for thousands": Input(
        log(rating=lambda row: f"{row.rating * 1000:,}"), known={"rating": "rating", "min_rating": 1500.0},
        refused=("no readable rating",),
    ),
    "ratings in stars": Input(log(rating=lambda row: "\u2605" * row.rating),
                              known={"rating": "rating", "min_rating": 2.0}, refused=("no readable rating",)),
    "half of the ids in capitals": Input(
        log(user=half(lambda row: f"u{row.user}@x.com", lambda row: f"U{row.user}@X.COM")), refused=("in two ways",)
    ),
    "two columns of users": Input(
        table([(r.user, f"9{r.user}", r.item, r.seconds) for r in ROWS], ["user_id", "userId", "item_id", "timestamp"]),
        refused=("cannot tell which column holds the user ids", "data.user=userId"),
    ),
    "most users missing": Input(
        table([(r.user if n % 5 == 0 else "NA", r.item, r.seconds) for n, r in enumerate(ROWS)],
              ["userId", "itemId", "timestamp"], ";"), items(sign=";"),
        refused=("480 of 600 rows", "no user id"),
    ),
    "zeros that the log has lost": Input(LOG, items(lambda one: f"0{one}"), refused=("holds the log's items",)),
    "records in place of ids": Input(
        jsonl([{"user": {"id": o["user_id"]}, "item": {"id": o["item_id"]}} for o in OBJECTS]), None,
        refused=("a list or record where one value belongs",),
    ),
    "UTF-32": Input(LOG.encode("utf-32"), refused=("binary file",)),
}  # fmt: skip


@pytest.mark.parametrize("name", list(READ))
def test_an_export_is_read_as_its_plain_twin(tmp_path: Path, name: str) -> None:
    one = READ[name]
    reading = read(tmp_path, one.log, one.items, one.name, **one.known)
    assert reading.lists == (one.lists or histories())
    assert reading.dataset.report.rejected_rows == one.rejected, reading.dataset.report.rejected
    if one.items is not None:
        assert reading.titles == (one.titles or TITLES)
    for words in one.said:
        assert any(words in said for said in reading.said), reading.said


@pytest.mark.parametrize("name", list(DOUBTED))
def test_what_an_export_leaves_in_doubt_is_said(tmp_path: Path, name: str) -> None:
    one = DOUBTED[name]
    reading = read(tmp_path, one.log, one.items, one.name, **one.known)
    said = " | ".join(reading.said)
    assert all(words in said for words in one.said), said


@pytest.mark.parametrize("name", list(REFUSED))
def test_an_export_that_cannot_be_read_is_refused_with_the_way(tmp_path: Path, name: str) -> None:
    one = REFUSED[name]
    with pytest.raises(EagerError) as caught:
        read(tmp_path, one.log, one.items, one.name, **one.known)
    said = str(caught.value)
    assert all(words in said for words in one.refused), said
    assert caught.value.exit_code == one.code
