"""Inputs that once gave other histories without a word: each is read right, said or refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.errors import EagerError
from tests.core.data.inputs import ITEMS, LOG, ROWS, TITLES, Row, histories, items, log, read, table
from tests.core.data.test_export_inputs import BEGIN, OLDEST_FIRST, PLACES, columns
from tests.core.data.test_inputs import BY_USER, LOG_NAMES, Input, frame, half, jsonl, parquet, written

NUMBERS = {id(row): n for n, row in enumerate(ROWS, start=501)}
"""A number for each row, which items have as well."""
SENT = [r.when.strftime("%Y-%m") for r in OLDEST_FIRST]
MONTHS = sorted(set(SENT))
LAST = OLDEST_FIRST[-1].when
CLOCKS: dict[str, Callable[[Row], float]] = {
    "hours": lambda r: r.when.hour,
    "minutes": lambda r: 60 * r.when.hour + r.when.minute,
    "seconds": lambda r: r.seconds % 86400,
    "a share": lambda r: r.seconds % 86400 / 86400,
}
GOOD = [row for row in ROWS if row.rating > 1]
EVENT = {id(row): "purchase" if row.rating > 3 else "view_item" for row in ROWS}


def iso(row: Row) -> str:
    return row.when.isoformat()


def taken_back(value: Any, name: str, nothing: Any = "") -> str:
    """A column that holds something where an interaction was taken back."""
    back = lambda row: value(row) if row.rating == 1 else nothing  # noqa: E731
    return columns("user_id=user", "item_id=item", "created_at=when", f"{name}=back", when=iso, back=back)


def by_month(*names: str) -> dict[str, str]:
    """Rows without times, the month in the names of their files."""
    return {
        name: table([(r.user, r.item) for r, at in zip(OLDEST_FIRST, SENT, strict=True) if at == month], LOG_NAMES[:2])
        for name, month in zip(names, MONTHS, strict=True)
    }


def of_one_user() -> list[dict[str, Any]]:
    """A record a user with two lists, in the order of the file."""
    by: dict[str, list[Row]] = {}
    for row in ROWS:
        by.setdefault(row.user, []).append(row)
    return [
        {"user_id": user, "item_ids": [r.item for r in own], "times": [r.seconds for r in own]}
        for user, own in by.items()
    ]


READ: dict[str, Input] = {
    "a key of its own in each table, as Django has it": Input(
        columns("id=number", "user_id=user", "movie_id=item", "created_at=when",
                number=lambda r: NUMBERS[id(r)], when=iso),
        items(header=("id", "title")),
    ),
    "a user who made the item": Input(
        columns("listing_id=item", "user_id=user", "ts=when", when=lambda r: r.seconds),
        table([(i, t, int(i) + 500) for i, t in TITLES.items()], ["id", "title", "user_id"]),
    ),
    "a number of the line called item_id, as Magento has it": Input(
        columns("item_id=line", "product_id=item", "created_at=when", "customer_id=user",
                line=lambda r: NUMBERS[id(r)], when=iso), None,
    ),
    "rows by pandas' numbers, as to_json(orient='index') writes them": Input(
        json.dumps({n: {"user_id": r.user, "item_id": int(r.item), "ts": r.seconds} for n, r in enumerate(ROWS)}),
        json.dumps({n: {"item_id": i, "title": t} for n, (i, t) in enumerate(reversed(TITLES.items()), start=501)}),
        name="log.json",
    ),
    "items by keys such as item_501": Input(
        log(item=lambda r: f"item_{r.item}"),
        json.dumps({f"item_{i}": {"title": t, "price": 3} for i, t in TITLES.items()}),
        lists={u: [f"item_{i}" for i in t] for u, t in BY_USER.items()},
    ),
    "minutes of the day in digits beside a date": Input(
        columns("user_id=user", "item_id=item", "date=day", "time=clock", day=written("%Y-%m-%d"),
                clock=lambda r: int(r.when.strftime("%H%M"))), None, said=("times of day without a date",),
    ),
    "seconds of the day in digits beside a date": Input(
        columns("user_id=user", "item_id=item", "date=day", "time=clock", day=written("%Y%m%d"),
                clock=lambda r: int(r.when.strftime("%H%M%S"))), None, said=('the order is that of "date"',),
    ),
    "times of day of Parquet beside a date": Input(
        parquet(frame(timestamp=None).with_columns(pl.Series("date", [r.when.date() for r in ROWS]),
                                                   pl.Series("time", [r.when.time() for r in ROWS]))),
        None, said=("times of day without a date",),
    ),
    **{
        f"{name} of the day beside a date": Input(
            columns("user_id=user", "item_id=item", "date=day", "time=clock", day=written("%d.%m.%Y"), clock=clock),
            None, said=("time (e.g.", 'the order is that of "date"'),
        )
        for name, clock in CLOCKS.items()
    },
    "the year first in two digits": Input(log(when=written("%y%m%d"))),
    "Persian digits": Input(
        log(when=lambda r: iso(r).translate({48 + n: 0x6F0 + n for n in range(10)}),
            header=("user_id", "item_id", "rating", "tarikh")),
    ),
    "a second header, no times": Input(
        "".join(table([(r.user, r.item) for r in OLDEST_FIRST[k : k + 300]], LOG_NAMES[:2]) for k in (0, 300)),
        None, rejected=1,
    ),
    "numbers of the rows without a name, as R writes them": Input(
        LOG.split("\n", 1)[0] + ",note\n"
        + "".join(f'"{n}",{line},\n' for n, line in enumerate(LOG.splitlines()[1:], 1))
    ),
    "a sign behind the last field": Input(
        "user_id,item_id\n" + "".join(f"{n},501,\n" for n in range(1, 61)), None,
        lists={str(n): ["501"] for n in range(1, 61)},
    ),
    "lists of items and of times": Input(jsonl(of_one_user()), None),
    "lines of orders in JSON": Input(
        jsonl([{"order_id": f"o{r.seconds}", "customer_id": r.user, "created_at": iso(r),
                "line_items": [{"product_id": r.item}]} for r in ROWS]), items(header=("product_id", "title")),
    ),
    "parts with numbers that are not padded": Input(by_month(*(f"part{n}.csv" for n in range(len(MONTHS)))), None,
                                                    name="parts"),
}  # fmt: skip

SAID: dict[str, Input] = {
    "an event beside a list of items, as in GA4": Input(
        jsonl([{"event_timestamp": r.seconds * 10**6, "event_name": EVENT[id(r)], "user_pseudo_id": r.user,
                "items": [{"item_id": r.item}]} for r in ROWS]), None, said=("event_name = 'purchase'",),
    ),
    "days in the names of folders": Input(
        {f"date={m}": {"p.csv": text} for m, text in zip(MONTHS, by_month(*MONTHS).values(), strict=True)},  # type: ignore[dict-item]
        None, name="parts", said=('called after "date", e.g. date=20',),
    ),
    "hours of a clock of twelve": Input(log(when=written("%Y-%m-%d %I:%M:%S")), None, said=("hours of", "AM and PM")),
    "long ids that a float has rounded": Input(
        log(user=lambda r: int(float(765611980000000000 + int(r.user) * 7919))), None,
        lists={str(int(float(765611980000000000 + int(u) * 7919))): t for u, t in BY_USER.items()},
        said=("of more than 15 digits", "has rounded them"),
    ),
    "a word in front of half of the ids": Input(
        log(item=half(lambda r: f"gid://shopify/Product/{r.item}", lambda r: r.item)), None, lists={},
        said=('40 ids in "item_id" have a word in front',),
    ),
    "customers of orders, as in Olist": Input(
        columns("order_id=order", "customer_id=each", "customer_unique_id=user", "product_id=item", "bought_at=when",
                order=lambda r: f"o{r.seconds}", each=lambda r: f"c{r.seconds}", when=written("%Y-%m-%d %H:%M:%S")),
        None, lists={}, said=("--set data.user=customer_unique_id",),
    ),
    "one user for all": Input(log(user=lambda r: 0), None, lists={"0": [r.item for r in OLDEST_FIRST]},
                              known={"duplicates": "keep"}, said=('all 600 rows have one user, "0"',)),
    "days of a file that runs backwards": Input(
        log(rows=OLDEST_FIRST[::-1], when=lambda r: f"{r.when.year}-{'01' if r.when.month < 7 else '07'}-01"), None,
        lists={}, said=("from the newest to the oldest row", 'data.ties = "shuffle"'),
    ),
    "histories beside their next item, as RecBole has them": Input(
        table([(u, t[k], " ".join(t[:k])) for u, t in BY_USER.items() for k in range(1, 10)],
              ["user_id:token", "item_id:token", "item_id_list:token_seq"], "\t"),
        None, lists={u: t[1:] for u, t in BY_USER.items()}, said=('cells of "item_id_list" hold ids',),
    ),
    "days since": Input(columns("user_id=user", "item_id=item", "days_since=d", d=lambda r: (LAST - r.when).days), None,
                        lists={}, said=("may stand in other columns: days_since",)),
    "a position in the session": Input(
        columns("user_id=user", "item_id=item", "position=p", p=lambda r: PLACES[r.user][r.item] % 4), None, lists={},
        said=("repeats in 67% of the neighbours",),
    ),
    "names that people share": Input(
        columns("user=name", "uid=user", "item_id=item", "ts=when", name=lambda r: f"Ann{int(r.user) % 9}",
                when=lambda r: r.seconds), None, lists={}, said=("--set data.user=uid",),
    ),
    "months and days without years, as in Tmall": Input(
        columns("user_id=user", "item_id=item", "time_stamp=day", day=lambda r: int(r.when.strftime("%m%d"))), None,
        lists={}, said=("months and days without a year",),
    ),
    "beside histories, dates and names with numbers": Input(
        columns("user_id=user", "item_id=item", "ts=when", "shipped=day", "product=p", when=lambda r: r.seconds,
                day=written("%d %b %Y"), p=lambda r: f"Product {r.item}"), None, quiet=("several each",),
    ),
    "weeks": Input(columns("user_id=user", "item_id=item", "week_no=w", w=lambda r: (r.when - BEGIN).days // 7), None,
                   lists={}, said=("may stand in other columns: week_no",)),
    "a status of payment": Input(taken_back(lambda r: "refunded", "Financial Status", "paid"), None,
                                 said=(r'data.where = "\"Financial Status\" = ' + "'paid'",)),
    "a status of orders in German": Input(taken_back(lambda r: "storniert", "Bestellstatus", "versendet"), None,
                                          said=("Bestellstatus <> 'storniert'",)),
    "a status of people": Input(taken_back(lambda r: "married", "marital_status", "single"), None, quiet=("kinds of",)),
    **{
        f"some ids with other signs: {name}": Input(log(user=half(one, other)), None, lists={},
                                                    said=('the ids in "user_id" are written in two ways',))
        for name, (one, other) in {
            "a hyphen": (lambda r: f"AB-{r.user}", lambda r: f"AB {r.user}"),
            "ISBNs": (lambda r: f"978-3-16-14{r.user}-0", lambda r: f"97831614{r.user}0"),
            "telephones": (lambda r: f"+4917{r.user}", lambda r: f"4917{r.user}"),
            "mail": (lambda r: f"mailto:a{r.user}@x.de", lambda r: f"a{r.user}@x.de"),
        }.items()
    },
    "what came next beside a list": Input(
        "".join(json.dumps({"user_id": u, "history": t[:-1], "target": t[-1], "age": len(t)}) + "\n"
                for u, t in BY_USER.items()),
        None, name="log.jsonl", lists={u: t[:-1] for u, t in BY_USER.items()},
        said=('"target" holds ids of "item_id"',), quiet=('"age"',),
    ),
    "people who come back, without times": Input(
        table([(r.user, r.item) for r in OLDEST_FIRST for _ in range(2)], LOG_NAMES[:2]), None,
        said=("600 rows repeat an item of their user: without times", 'data.duplicates = "keep"'),
    ),
    "numbers that signs tell apart": Input(log(user=lambda r: f"{r.user[:2]}-{r.user[2:]}"), None, lists={},
                                           quiet=("in two ways",)),
    **{
        f"several ids in a cell, {name}": Input(
            table([(u, form(t[k : k + 3]), k) for u, t in BY_USER.items() for k in (0, 3, 6)],
                  ["user_id", "item_id", "timestamp"]),
            None, lists={}, said=('cells of "item_id" seem to hold several ids',),
        )
        for name, form in {
            "blanks": " ".join, "numpy": lambda t: f"[{' '.join(t)}]", "Postgres": lambda t: f"{{{','.join(t)}}}",
            "plus": "+".join, "slashes": "/".join,
        }.items()
    },
    "thumbs": Input(columns("user_id=user", "item_id=item", "ts=when", "thumb=way", when=lambda r: r.seconds,
                            way=lambda r: "up" if r.rating > 2 else "down"), None, said=("thumb = 'up'",)),
    "ratings of -1 and 1": Input(log(rating=lambda r: 1 if r.rating > 2 else -1), None, said=("'rating = 1'",)),
}  # fmt: skip
BACK: dict[str, tuple[Any, Any, str]] = {
    "deleted_at": (iso, "", "deleted_at IS NULL"),
    "Cancelled at": (iso, "", '"Cancelled at" IS NULL'),
    "cancel_reason": (lambda r: "no more wanted", "", "cancel_reason IS NULL"),
    "refund_amount": (lambda r: 9.5, 0, "refund_amount = 0"),
}

UUID = "0000{}-ab12-4cde-8f00-a0b1c2d3e4f5"
TWO_WAYS: dict[str, tuple[Any, Any]] = {
    "digits of Arabic": (lambda r: r.user.translate({48 + n: 0x660 + n for n in range(10)}), lambda r: r.user),
    "an apostrophe for Excel": (lambda r: "'" + r.user, lambda r: r.user),
    "a formula for Excel": (lambda r: f'="{r.user}"', lambda r: r.user),
    "thousands in German": (lambda r: f"{int(r.user):,}".replace(",", "."), lambda r: r.user),
    "thousands in French": (lambda r: f"{int(r.user):,}".replace(",", "\u202f"), lambda r: r.user),
    "UUIDs without hyphens": (lambda r: UUID.format(r.user), lambda r: UUID.format(r.user).replace("-", "")),
    "UUIDs in braces": (lambda r: f"{{{UUID.format(r.user)}}}", lambda r: UUID.format(r.user)),
    "curly apostrophes": (lambda r: f"O'Neill{r.user}", lambda r: f"O\u2019Neill{r.user}"),
    "dashes": (lambda r: f"A-{r.user}", lambda r: f"A\u2013{r.user}"),
    "escapes of addresses": (lambda r: f"ann lee {r.user}", lambda r: f"ann%20lee%20{r.user}"),
    "GUIDs in braces and capitals": (lambda r: f"{{{UUID.format(r.user).upper()}}}", lambda r: UUID.format(r.user)),
    "escapes of HTML": (lambda r: f"A&B {r.user}", lambda r: f"A&amp;B {r.user}"),
    "marks of a campaign": (lambda r: f"/p/{r.user}", lambda r: f"/p/{r.user}?utm_source=mail{r.item}"),
    "addresses with and without their end": (lambda r: f"https://x.com/{r.user}/", lambda r: f"https://x.com/{r.user}"),
}

REFUSED: dict[str, Input] = {
    "a library of one reader, as Goodreads exports it": Input(
        table([(1000 + n, TITLES[r.item], r.rating, 300 + n % 50, r.when.strftime("%Y/%m/%d"))
               for n, r in enumerate(ROWS)], ["Book Id", "Title", "My Rating", "Number of Pages", "Date Added"]),
        None, refused=("cannot tell which column holds the user ids",),
    ),
    "the day first in digits": Input(log(when=written("%d%m%Y")), refused=("the year behind day and month",)),
    "the day first in digits, zeros lost": Input(log(when=lambda r: int(r.when.strftime("%d%m%Y"))),
                                                 refused=("the year behind",)),
    "the day first in digits of Parquet": Input(
        parquet(frame(timestamp=[int(r.when.strftime("%d%m%Y")) for r in ROWS])), refused=("the year behind",)
    ),
    "the month first in digits": Input(log(when=written("%m%d%Y")), refused=("the year behind",)),
    "the day first in digits, with the time": Input(log(when=written("%d%m%Y%H%M%S")), refused=("the year behind",)),
    "the day first in six digits": Input(log(when=written("%d%m%y")), refused=("the year behind",)),
    "minutes and seconds, as Excel shows times": Input(
        log(when=written("%M:%S.0"), header=("user_id", "item_id", "rating", "Paid at")), refused=("times of day",)
    ),
    "zones of summer and winter in brackets": Input(
        log(when=lambda r: f"{r.when:%Y-%m-%d %H:%M:%S} ({'PDT' if 3 < r.when.month < 11 else 'PST'})"),
        refused=("in no known way", "PST"),
    ),
    "times in floats of 32 bits": Input(
        parquet(frame(timestamp=pl.Series([float(r.seconds) for r in ROWS], dtype=pl.Float32))),
        refused=("floats of 32 bits",),
    ),
    "ids in floats of 32 bits": Input(
        parquet(frame(user_id=pl.Series([20000000.0 + int(r.user) for r in ROWS], dtype=pl.Float32))),
        refused=("2^24",),
    ),
    "a second header in another order": Input(
        log(rows=ROWS[:300]) + table([(r.item, r.user, r.rating, r.seconds) for r in ROWS[300:]],
                                     ["item_id", "user_id", "rating", "timestamp"]),
        refused=("row 301 is a header with the columns in another order",),
    ),
    "line ends of a Mac, then of Unix": Input(
        log(rows=ROWS[:300]).replace("\n", "\r") + log(rows=ROWS[300:], header=None), refused=("row 1", "(CR)")
    ),
    "line ends of Unix, then of a Mac": Input(
        log(rows=ROWS[:300]) + log(rows=ROWS[300:], header=None).replace("\n", "\r"), refused=("row 301", "(CR)")
    ),
    "an SQL dump": Input(
        "INSERT INTO `log` (`user_id`,`item_id`) VALUES\n" + ",\n".join(f"({r.user},{r.item})" for r in ROWS) + ";\n",
        refused=("an SQL dump",),
    ),
    "keys of the item table in floats that lost digits": Input(
        log(item=lambda r: 2**53 + int(r.item)),
        parquet(pl.DataFrame({"item_id": [float(2**53 + int(i)) for i in TITLES] + [None],
                              "title": [*TITLES.values(), "x"]})),
        refused=("2^53 on as a float", "export the column as text"),
    ),
    "some keys of the item table in scientific notation": Input(
        log(item=lambda r: 978_000_000_000 + int(r.item)),
        items(item=lambda i: f"{978_000_000_000 + int(i):.6E}" if i < "521" else 978_000_000_000 + int(i)),
        refused=('"item_id" holds ids in scientific notation, e.g. 9.780000E+11',),
    ),
    "a key of the item table's own beside a number of the product": Input(
        log(item=lambda r: int(r.item) - 500, header=("user_id", "product", "rating", "timestamp")),
        table([(n + 1, 40 - n, t) for n, t in enumerate(TITLES.values())], ["id", "product_no", "title"]),
        refused=("data.item_key=id", "data.item_key=product_no"),
    ),
}  # fmt: skip
REFUSED |= {
    f"ids in two ways: {name}": Input(log(user=half(*ways)), None, refused=("in two ways",))
    for name, ways in TWO_WAYS.items()
}


@pytest.mark.parametrize("name", list(READ))
def test_it_is_read_as_its_plain_twin(tmp_path: Path, name: str) -> None:
    one = READ[name]
    reading = read(tmp_path, one.log, one.items, one.name, **one.known)
    assert reading.lists == (one.lists or histories())
    assert reading.dataset.report.rejected_rows == one.rejected, reading.dataset.report.rejected
    if one.items is not None:
        assert {item.removeprefix("item_"): title for item, title in reading.titles.items()} == TITLES
    assert all(any(words in said for said in reading.said) for words in one.said), reading.said


@pytest.mark.parametrize("name", list(SAID))
def test_it_is_said(tmp_path: Path, name: str) -> None:
    one = SAID[name]
    reading = read(tmp_path, one.log, one.items, one.name, **one.known)
    if one.lists != {}:
        assert reading.lists == (one.lists or histories())
    said = " | ".join(reading.said)
    assert all(words in said for words in one.said), said
    assert not any(words in said for words in one.quiet), said


@pytest.mark.parametrize("name", list(BACK))
def test_what_was_taken_back_is_said_and_can_be_left_out(tmp_path: Path, name: str) -> None:
    value, nothing, condition = BACK[name]
    text = taken_back(value, name, nothing)
    for folder, known in (("all", {}), ("some", {"where": condition})):
        (tmp_path / folder).mkdir()
        reading = read(tmp_path / folder, text, ITEMS, **known)
        assert reading.lists == histories(GOOD if known else ROWS)
        assert any(f"data.where = '{condition}'" in said for said in reading.said) == (not known), reading.said


@pytest.mark.parametrize("name", list(REFUSED))
def test_it_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    one = REFUSED[name]
    with pytest.raises(EagerError) as caught:
        read(tmp_path, one.log, one.items, one.name, **one.known)
    assert all(words in str(caught.value) for words in one.refused), str(caught.value)
    assert caught.value.exit_code == 4
