"""Inputs as public bug reports describe them, each with its answer: equal to the clean twin, rows rejected, or refused.

The twin is the log of `inputs.ROWS`; a harmless way to write it must give its digest, to the last byte.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.errors import EagerError
from tests.core.data.inputs import ITEMS, LOG, ROWS, TITLES, Files, Row, histories, items, log, read, table


@dataclass(frozen=True)
class Input:
    """A log, an item table, and what must come of them.

    Attributes:
        log: The log; `items`: the item table.
        known: What a person tells of `[data]`.
        rejected: How many rows are rejected.
        said: Words of the doubts, all of which must stand there; `quiet`: words that must not.
        refused: Words of the error; empty = it loads, and equals the twin.
        code: The exit code of the error.
        lists: The histories, where they are others than the twin's.
        name: What the log's file is called.
        bare: Whether there is no item table.
        titles: The titles, where they are others than the twin's.
    """

    log: Files = LOG
    items: Files | None = ITEMS
    known: Mapping[str, Any] = field(default_factory=dict)
    rejected: int = 0
    said: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    code: int = 4
    lists: Mapping[str, list[str]] | None = None
    name: str = "log.csv"
    titles: Mapping[str, str] | None = None


def parquet(frame: pl.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file)
    return file.getvalue()


def ipc(frame: pl.DataFrame, stream: bool = False) -> bytes:
    file = io.BytesIO()
    frame.write_ipc_stream(file) if stream else frame.write_ipc(file)
    return file.getvalue()


def frame(**columns: Any) -> pl.DataFrame:
    """The log with types; a column as told instead of the usual one, None = without it."""
    usual: dict[str, Any] = {
        "user_id": [row.user for row in ROWS],
        "item_id": [row.item for row in ROWS],
        "rating": [row.rating for row in ROWS],
        "timestamp": [row.seconds for row in ROWS],
    }
    return pl.DataFrame({name: values for name, values in (usual | columns).items() if values is not None})


def jsonl(rows: list[dict[str, Any]], **how: Any) -> str:
    return "".join(json.dumps(row, **how) + "\n" for row in rows)


def written(form: str) -> Callable[[Row], str]:
    return lambda row: row.when.strftime(form)


OBJECTS = [{"user_id": r.user, "item_id": r.item, "rating": r.rating, "timestamp": r.seconds} for r in ROWS]
BY_USER = {user: list(taken) for user, taken in histories().items()}
LOG_NAMES = ("user_id", "item_id", "rating", "timestamp")
UNEVEN = {user: taken[: 4 + n % 7] for n, (user, taken) in enumerate(BY_USER.items())}


def some(change: Callable[[Row], Row | None], every: int = 10) -> str:
    """The log with every tenth row changed, in place."""
    return log(rows=[change(row) or row if n % every == 0 else row for n, row in enumerate(ROWS)])


def with_bad(*lines: str) -> str:
    """The log with lines put between its rows."""
    head, *rest = LOG.splitlines(keepends=True)
    return head + "".join(rest[:100]) + "".join(line + "\n" for line in lines) + "".join(rest[100:])


def eaten(row: Row) -> str:
    return f"{int(row.item) - 500}-Sep" if int(row.item) < 530 else f"x{row.item}"


def half(change: Callable[[Row], Any], plain: Callable[[Row], Any]) -> Callable[[Row], Any]:
    """One way to write the first 300 rows, another for the rest."""
    first = {id(row) for row in ROWS[:300]}
    return lambda row: change(row) if id(row) in first else plain(row)


def excel(row: Row) -> float:
    return row.seconds / 86400 + 25569


HARMLESS: dict[str, Input] = {
    "the twin": Input(),
    "a byte order mark": Input("\ufeff" + LOG, "\ufeff" + ITEMS),
    "CRLF": Input(LOG.replace("\n", "\r\n"), ITEMS.replace("\n", "\r\n")),
    "CR alone": Input(LOG.replace("\n", "\r")),
    "blank lines": Input(LOG.replace("\n", "\n\n")),
    "no newline at the end": Input(LOG.rstrip("\n")),
    "semicolons": Input(log(sign=";"), items(sign=";")),
    "tabs": Input(log(sign="\t"), items(sign="\t")),
    "bars": Input(log(sign="|")),
    "everything quoted": Input(
        table(
            [[r.user, r.item, r.rating, r.seconds] for r in ROWS],
            ["user_id", "item_id", "rating", "timestamp"],
            quoting=1,
        )
    ),
    "blanks around": Input(LOG.replace(",", " , ")),
    "columns in another order": Input(frame().select("timestamp", "rating", "item_id", "user_id").write_csv()),
    "an index column of pandas": Input(
        "," + LOG.splitlines()[0] + "\n" + "".join(f"{n},{line}\n" for n, line in enumerate(LOG.splitlines()[1:]))
    ),
    "Unnamed: 0": Input(
        "Unnamed: 0,"
        + LOG.splitlines()[0]
        + "\n"
        + "".join(f"{n},{line}\n" for n, line in enumerate(LOG.splitlines()[1:]))
    ),
    "two index columns": Input(
        "Unnamed: 0.1,Unnamed: 0,"
        + LOG.splitlines()[0]
        + "\n"
        + "".join(f"{n},{n},{line}\n" for n, line in enumerate(LOG.splitlines()[1:]))
    ),
    "__index_level_0__ of Parquet": Input(parquet(frame(__index_level_0__=list(range(600))))),
    "an empty column at the end": Input(LOG.replace("\n", ",\n")),
    "gzip": Input(gzip.compress(LOG.encode())),
    "gzip called csv": Input(gzip.compress(LOG.encode()), name="log.csv"),
    "plain called gz": Input(LOG, name="log.csv.gz"),
    "Parquet called csv": Input(parquet(frame())),
    "CSV called parquet": Input(LOG, name="log.parquet"),
    "Parquet": Input(parquet(frame())),
    "float ids in Parquet": Input(
        parquet(frame(user_id=[float(r.user) for r in ROWS], item_id=[float(r.item) for r in ROWS]))
    ),
    "ids as 501.0 in CSV": Input(log(user=lambda r: f"{r.user}.0", item=lambda r: f"{r.item}.0")),
    "item ids as 501.0 against 501": Input(log(item=lambda r: f"{r.item}.0")),
    "the item table's ids as 501.0": Input(LOG, items(lambda i: f"{i}.0")),
    "Decimal ids": Input(parquet(frame(item_id=pl.Series([Decimal(r.item) for r in ROWS], dtype=pl.Decimal(12, 2))))),
    "binary ids": Input(
        parquet(frame(user_id=[r.user.encode() for r in ROWS], item_id=[r.item.encode() for r in ROWS]))
    ),
    "categorical ids": Input(parquet(frame().with_columns(pl.col("user_id", "item_id").cast(pl.Categorical)))),
    "padded ids": Input(log(user=lambda r: f" {r.user} ", item=lambda r: f"\t{r.item}")),
    "Arrow IPC": Input(ipc(frame())),
    "an Arrow stream": Input(ipc(frame(), stream=True)),
    "JSON lines": Input(jsonl(OBJECTS), jsonl([{"item_id": i, "title": t} for i, t in TITLES.items()])),
    "JSON lines with numbers as ids": Input(
        jsonl([o | {"user_id": int(o["user_id"]), "item_id": int(o["item_id"])} for o in OBJECTS])
    ),
    "JSON lines with a BOM and CRLF": Input("\ufeff" + jsonl(OBJECTS).replace("\n", "\r\n")),
    "Steam's reviews inside their user": Input(
        "".join(
            repr(
                {
                    "user_id": u,
                    "user_url": f"http://x/{u}",
                    "reviews": [{"item_id": i, "helpful": "No", "recommend": True} for i in taken],
                }
            )
            + "\n"
            for u, taken in BY_USER.items()
        )
    ),
    "a JSON array": Input(json.dumps(OBJECTS)),
    "a JSON array over several lines": Input(json.dumps(OBJECTS, indent=2)),
    "columns of pandas (to_json)": Input(
        json.dumps({c: {str(n): v for n, v in enumerate(frame()[c].to_list())} for c in frame().columns})
    ),
    "Python's dictionaries": Input("".join(repr(o) + "\n" for o in OBJECTS)),
    "Python 2's dictionaries": Input(
        "".join(
            "{" + ", ".join(f"u'{k}': {('u' + repr(v)) if isinstance(v, str) else v}" for k, v in o.items()) + "}\n"
            for o in OBJECTS
        )
    ),
    "NaN in a column nobody asked for": Input("".join(json.dumps(o | {"price": float("nan")}) + "\n" for o in OBJECTS)),
    "ratings as text": Input(log(rating=lambda r: f"{r.rating} stars"), known={"rating": ""}),
    "a folder of parts": Input({f"part-{k}.csv": log(rows=ROWS[k::3]) for k in range(3)}, name="parts"),
    "a folder with marks of Spark": Input({"_SUCCESS": "", ".part-0.crc": "x", "part-0.csv": LOG}, name="parts"),
    "a folder in folders": Input(
        {"a": {"1.csv": log(rows=ROWS[:300])}, "b": {"2.csv": log(rows=ROWS[300:])}}, name="parts"
    ),  # type: ignore[dict-item]
    "parts in two formats": Input({"1.csv": log(rows=ROWS[:300]), "2.jsonl": jsonl(OBJECTS[300:])}, name="parts"),
    "parts with other orders of columns": Input(
        {
            "1.csv": log(rows=ROWS[:300]),
            "2.csv": pl.DataFrame(frame()[300:].select("rating", "timestamp", "item_id", "user_id")).write_csv(),
        },
        name="parts",
    ),
    "parts of ids as text and as numbers": Input(
        {
            "1.parquet": parquet(frame()[:300]),
            "2.parquet": parquet(frame()[300:].with_columns(pl.col("user_id", "item_id").cast(pl.Int64))),
        },
        name="parts",
    ),
    "RecBole": Input(
        log(
            header=("user_id:token", "item_id:token", "rating:float", "timestamp:float"),
            sign="\t",
            when=lambda r: f"{r.seconds}.0",
        ),
        items(header=("item_id:token", "title:token_seq"), sign="\t"),
    ),
    "RecBole with movie_title": Input(
        log(header=("user_id:token", "item_id:token", "rating:float", "timestamp:float"), sign="\t"),
        items(header=("item_id:token", "movie_title:token_seq"), sign="\t"),
    ),
    "Online Retail's names": Input(
        log(header=("CustomerID", "StockCode", "Quantity", "InvoiceDate"), when=written("%m/%d/%Y %H:%M:%S")),
        items(header=("StockCode", "Description")),
    ),
    "app_name": Input(LOG, items(header=("item_id", "app_name"))),
    "caption": Input(LOG, items(header=("item_id", "caption"))),
    "names in capitals": Input(
        log(header=("USER_ID", "ITEM_ID", "RATING", "TIMESTAMP")), items(header=("ITEM_ID", "TITLE"))
    ),
    "names with blanks": Input(
        log(header=("User ID", "Item ID", "Rating", "Time Stamp")), items(header=("Item ID", "Title"))
    ),
    "quoted names": Input(LOG.replace("user_id,item_id,rating,timestamp", '"user_id","item_id","rating","timestamp"')),
    "German names": Input(
        log(header=("Kunde", "Artikel", "Bewertung", "Datum"), when=written("%d.%m.%Y %H:%M:%S"), sign=";"),
        items(header=("Artikel", "Bezeichnung"), sign=";"),
    ),
    "milliseconds": Input(log(when=lambda r: r.seconds * 1000)),
    "microseconds": Input(log(when=lambda r: r.seconds * 10**6)),
    "nanoseconds": Input(log(when=lambda r: r.seconds * 10**9)),
    "seconds as 1574924709.0": Input(log(when=lambda r: f"{r.seconds}.0")),
    "ISO": Input(log(when=lambda r: r.when.isoformat())),
    "ISO with Z": Input(log(when=lambda r: r.when.isoformat() + "Z")),
    "ISO with a zone": Input(log(when=lambda r: (r.when + timedelta(hours=2)).isoformat() + "+02:00")),
    "ISO of mixed zones": Input(
        log(when=lambda r: (r.when + timedelta(hours=int(r.item) % 3)).isoformat() + f"+0{int(r.item) % 3}:00")
    ),
    "ISO some with fractions": Input(
        log(when=lambda r: r.when.isoformat() + (".500" if int(r.item) % 2 else "") + "Z")
    ),
    "13-Sep-2020 12:26:40": Input(log(when=written("%d-%b-%Y %H:%M:%S"))),
    "20200913T122640": Input(log(when=written("%Y%m%dT%H%M%S"))),
    "2020.09.13 12:26:40": Input(log(when=written("%Y.%m.%d %H:%M:%S"))),
    "Sep 13, 2020": Input(log(when=written("%b %d, %Y"))),
    "day first": Input(log(when=written("%d/%m/%Y %H:%M"))),
    "times of Parquet": Input(parquet(frame(timestamp=[r.when for r in ROWS]))),
    "times of Parquet in ns with a zone": Input(
        parquet(
            frame(
                timestamp=pl.Series([r.when for r in ROWS])
                .cast(pl.Datetime("ns", "UTC"))
                .dt.convert_time_zone("Asia/Tokyo")
            )
        )
    ),
    "days of Parquet": Input(parquet(frame(timestamp=[r.when.date() for r in ROWS]))),
    "days of Excel": Input(log(when=lambda r: f"{excel(r):.6f}", header=("user_id", "item_id", "rating", "date"))),
    "days of Excel with a comma": Input(
        log(
            when=lambda r: f"{excel(r):.6f}".replace(".", ","),
            sign=";",
            header=("user_id", "item_id", "rating", "date"),
        ),
        items(sign=";"),
    ),
    "decimal commas in ratings": Input(log(rating=lambda r: f"{r.rating},5", sign=";"), known={"min_rating": 0.5}),
    "UTF-16": Input(LOG.encode("utf-16"), ITEMS.encode("utf-16")),
    "two signs": Input(LOG.replace(",", "::"), ITEMS.replace(",", "::")),
    "blanks as separator": Input(LOG.replace(",", " ")),
    "no header, named": Input(log(header=None), known={"columns": ("user", "item", "rating", "time")}),
    "ML-100k's u.data": Input(log(header=None, sign="\t"), name="u.data"),
    "ML-1M's ratings.dat": Input(
        log(header=None).replace(",", "::"),
        "".join(f"{i}::{t} (1999)::Drama|Comedy\n" for i, t in TITLES.items()),
        name="ratings.dat",
        titles={i: f"{t} (1999)" for i, t in TITLES.items()},
    ),
    "ML-25M": Input(
        log(header=("userId", "movieId", "rating", "timestamp"), rating=lambda r: r.rating / 2),
        items(header=("movieId", "title")),
    ),
    "a rare sign": Input(LOG.replace(",", "\x01")),
    "a header written twice": Input(LOG.splitlines()[0] + "\n" + LOG, rejected=1),
    "headers of joined files": Input(log(rows=ROWS[:300]) + log(rows=ROWS[300:]), rejected=1),
    "user as true number and item as text": Input(jsonl([o | {"user_id": int(o["user_id"])} for o in OBJECTS])),
    "large integers": Input(
        log(user=lambda r: 9007199254740993 + int(r.user)),
        lists={str(9007199254740993 + int(u)): i for u, i in BY_USER.items()},
    ),
    "leading zeros": Input(
        log(item=lambda r: f"00{r.item}"),
        items(lambda i: f"00{i}"),
        lists={u: [f"00{i}" for i in taken] for u, taken in BY_USER.items()},
        titles={f"00{i}": t for i, t in TITLES.items()},
    ),
    "an item table with repeated ids": Input(LOG, ITEMS + ITEMS.split("\n", 1)[1]),
    "an item table with other items": Input(
        LOG, ITEMS + "".join(f"{n},Thing of Nothing {n}\n" for n in range(900, 990))
    ),
    "a list of LC-Rec": Input(
        json.dumps({u: i for u, i in BY_USER.items()}),
        json.dumps({i: {"title": t, "description": ""} for i, t in TITLES.items()}),
    ),
    "sequences, one user a line": Input("".join(" ".join([u, *i]) + "\n" for u, i in UNEVEN.items()), lists=UNEVEN),
    "sequences of JSON": Input(jsonl([{"user_id": u, "items": i} for u, i in BY_USER.items()])),
    "Excel's first line": Input("sep=;\n" + log(sign=";"), "sep=;\n" + items(sign=";"), said=("above the header",)),
    "comments above the header": Input("# a shop\n#\n\n" + LOG, said=("3 lines above the header",)),
    "files with a BOM, joined": Input("\ufeff" + log(rows=ROWS[:300]) + "\ufeff" + log(rows=ROWS[300:], header=None)),
    "a name that stands twice": Input(
        table([(r.user, "x", r.item, r.rating, r.seconds) for r in ROWS], ["user_id", "user_id", *LOG_NAMES[1:]]),
        said=('"user_id" more than once',),
    ),
    "an array cut into lines": Input(jsonl(OBJECTS).replace("}\n", "},\n")),
    "an array inside an answer": Input(json.dumps({"data": OBJECTS, "count": 600})),
    "OTTO's sessions": Input(
        jsonl(
            [
                {
                    "session": int(u),
                    "events": [{"aid": int(i), "ts": 1_600_000_000_000 + n} for n, i in enumerate(taken)],
                }
                for u, taken in BY_USER.items()
            ]
        ),
        items(header=("aid", "title")),
    ),
    "purchases of several items at one time": Input(
        jsonl([{"user_id": r.user, "event_timestamp": r.seconds * 10**6, "items": [{"item_id": r.item}]} for r in ROWS])
    ),
    "repeated items whose titles differ": Input(LOG, ITEMS + "501,Another Thing\n", said=("'501': the first counts",)),
    "titles that were read as cp1252": Input(
        LOG,
        ITEMS.replace("Red", "R\u00f6d".encode().decode("cp1252")),
        said=("UTF-8 that was once read",),
        titles={i: t.replace("Red", "R\u00c3\u00b6d") for i, t in TITLES.items()},
    ),
    "codes that a spreadsheet made dates of": Input(
        log(item=eaten), None, said=("look like dates",), lists=histories([replace(r, item=eaten(r)) for r in ROWS])
    ),
    "visitors that nobody knows": Input(
        LOG + "".join(f"0,{501 + n % 40},3,{1600000000 + n}\n" for n in range(160)),
        said=('the user "0" has 160 of 760 rows', "data.where = "),
        lists=histories() | {"0": [str(501 + n % 40) for n in range(160)]},
        known={"duplicates": "keep"},
    ),
    "an inch mark in a title": Input(
        LOG, ITEMS.replace("501,Red", '501,Red 7"'), titles=TITLES | {"501": TITLES["501"].replace("Red", 'Red 7"')}
    ),
    "quoted line breaks in titles": Input(
        LOG, ITEMS.replace("501,Red Kettle", '501,"Red\nKettle').replace(" of Glass\n502", ' of Glass"\n502')
    ),
    "quotes doubled": Input(
        LOG,
        ITEMS.replace("501,Red", '501,"""Red""').replace(" of Glass\n502", ' of Glass"\n502'),
        titles=TITLES | {"501": TITLES["501"].replace("Red", '"Red"')},
    ),
}


@pytest.mark.parametrize("name", list(HARMLESS))
def test_a_harmless_way_to_write_it_changes_nothing(tmp_path: Path, name: str) -> None:
    one = HARMLESS[name]
    reading = read(tmp_path, one.log, one.items, one.name, **one.known)
    report = reading.dataset.report
    assert report.rejected_rows == one.rejected, report.rejected
    assert reading.lists == (one.lists or histories())
    if one.items is not None:
        assert reading.titles == (one.titles or TITLES)
    for words in one.said:
        assert any(words in said for said in reading.said), reading.said
    for words in one.quiet:
        assert not any(words in said for said in reading.said), reading.said


BAD_ROWS: dict[str, Input] = {
    "a time of nought": Input(with_bad("1001,501,4,0", "1001,502,4,-1"), rejected=2),
    "a last line that was cut off": Input(LOG + "1001,501,4,1583", rejected=1),
    "days that stand for none": Input(
        log(when=written("%Y-%m-%d %H:%M:%S")) + "1001,501,4,1970-01-01 00:00:00\n1001,502,4,9999-12-31 00:00:00\n",
        rejected=2,
    ),
    "users written nan, NULL, None": Input(
        with_bad(
            *(
                f"{word},501,4,1600000{n:03}"
                for n, word in enumerate(["nan", "NULL", "None", "", "<NA>", "\\N", "#N/A", "null"] * 2)
            )
        ),
        rejected=16,
    ),
    "items missing": Input(with_bad("1001,,4,1600000000", "1001,nan,4,1600000001"), rejected=2),
    "times missing": Input(with_bad("1001,501,4,", "1001,501,4,nan", "1001,501,4,soon"), rejected=3),
    "a line that ends early": Input(with_bad("1001,501"), rejected=1),
    "a line with too many fields": Input(with_bad("1001,501,4,1600000000,5,6"), rejected=1),
    "an open quote in the log": Input(with_bad('"1001,501,4,1600000000'), rejected=1),
    "a line of JSON that is none": Input(jsonl(OBJECTS) + '{"user_id": 1,\n', rejected=1),
    "a list where an id belongs": Input(
        jsonl([*OBJECTS, {"user_id": "1001", "item_id": ["1", "2"], "rating": 1, "timestamp": 1600000000}]), rejected=1
    ),
    "ids with control characters": Input(
        with_bad("10\x0001,501,4,1600000000", "1001,5\x1b01,4,1600000000"), rejected=2
    ),
    "ids that are not UTF-8": Input(LOG.encode() + b"\xff\xfe1,501,4,1600000000\n", rejected=1),
    "ids of a thousand characters": Input(with_bad(f"{'x' * 1000},501,4,1600000000"), rejected=1),
    "a time in milliseconds among seconds": Input(with_bad("1001,501,4,1600000000000"), rejected=1),
    "a total under the table": Input(LOG + "Total,,2400,\n", rejected=1),
    "Online Retail: a fifth of the rows without a customer": Input(
        with_bad(*(f",501,1,1600000{n:03}" for n in range(140))), known={"max_rejected": 0.4}, rejected=140
    ),
    "ratings that are none": Input(
        with_bad("1001,501,good,1600000000"), known={"min_rating": 1.0, "rating": "rating"}, rejected=1
    ),
}


@pytest.mark.parametrize("name", list(BAD_ROWS))
def test_bad_rows_are_counted_and_the_others_kept(tmp_path: Path, name: str) -> None:
    one = BAD_ROWS[name]
    reading = read(tmp_path, one.log, one.items, one.name, **one.known)
    report = reading.dataset.report
    assert report.rejected_rows == one.rejected, report.rejected
    assert all(report.examples[reason] for reason in report.rejected)
    assert reading.lists == histories()


REFUSED: dict[str, Input] = {
    "ids whose accents are composed in two ways": Input(
        log(user=half(lambda r: f"\u00e9{r.user}", lambda r: f"e\u0301{r.user}")), refused=("two ways", "e\\u0301")
    ),
    "ids with signs that have no width": Input(
        log(user=half(lambda r: r.user, lambda r: f"{r.user}\u200b")), refused=("two ways", "\\u200b")
    ),
    "ids in two alphabets": Input(
        log(user=half(lambda r: f"A{r.user}", lambda r: f"\u0410{r.user}")), refused=("two ways", "\\u0410")
    ),
    "ids in full-width digits": Input(
        log(user=half(lambda r: r.user, lambda r: "".join(chr(0xFF10 + int(c)) for c in r.user))), refused=("two ways",)
    ),
    "ids with one and with two blanks": Input(
        log(user=half(lambda r: f"user {r.user}", lambda r: f"user  {r.user}")), refused=("two ways",)
    ),
    "ids with and without a sign for thousands": Input(
        log(user=half(lambda r: r.user, lambda r: f"{int(r.user):,}")), refused=("two ways", '"1,0')
    ),
    "a fifth of the times are nought": Input(
        log(when=lambda r: 0 if int(r.item) % 5 == 0 else r.seconds), refused=("before 1980", "max_rejected")
    ),
    "times that a spreadsheet rounded": Input(
        log(when=lambda r: f"{r.seconds:.2E}"), refused=("scientific notation", "1.57E+09", "digits are lost")
    ),
    "true and false as ids in text": Input(
        log(user=lambda r: "TRUE" if r.rating > 2 else "FALSE"), known={"user": "user_id"}, refused=("true and false",)
    ),
    "ratings in words": Input(
        log(rating=lambda r: "four"), known={"rating": "rating", "min_rating": 3.0}, refused=('rating "four"',)
    ),
    "spans of time": Input(
        parquet(frame(timestamp=[timedelta(seconds=r.seconds) for r in ROWS])), refused=("Duration", "not times")
    ),
    "JSON objects without line breaks": Input(
        "".join(json.dumps(o) for o in OBJECTS), refused=("several JSON objects stand in one line", "jq -c")
    ),
    "single quotes": Input(
        "".join(",".join(f"'{x}'" for x in line.split(",")) + "\n" for line in LOG.splitlines()),
        refused=("in single quotes",),
    ),
    "a box of mysql": Input("+-----+\n| user_id | item_id |\n+-----+\n", refused=("drawn with lines", "--batch")),
    "gzip inside gzip": Input(gzip.compress(gzip.compress(LOG.encode())), refused=("packed twice",)),
    "gzip with zeros behind its end": Input(gzip.compress(LOG.encode()) + bytes(512), refused=("behind its end",)),
    "tar": Input(b"log.csv".ljust(257, b"\0") + b"ustar" + bytes(250), refused=("tar archive",)),
    "empty": Input("", refused=("is empty",)),
    "blank": Input("\n \n", refused=("is empty",)),
    "a header alone": Input("user_id,item_id,rating,timestamp\n", refused=("no values",)),
    "no such file": Input(LOG, known={"columns": ()}, refused=(), name="log.csv"),
    "a PDF": Input(b"%PDF-1.7 ....", refused=("a PDF",)),
    "a zip archive": Input(b"PK\x03\x04" + b"\0" * 100, refused=("zip",)),
    "7z": Input(b"7z\xbc\xaf\x27\x1c" + b"\0" * 100, refused=("7z",)),
    "HDF5": Input(b"\x89HDF\r\n\x1a\n" + b"\0" * 100, refused=("HDF5",)),
    "a pickle": Input(b"\x80\x04\x95" + b"\0" * 100, refused=("binary file",)),
    "truncated gzip": Input(gzip.compress(LOG.encode())[:-200], refused=("gzip file is damaged",)),
    "truncated Parquet": Input(parquet(frame())[:-100], refused=("Parquet file is truncated",)),
    "damaged Parquet": Input(
        parquet(frame())[:-60] + b"x" * 52 + b"\0\0\0\1PAR1", refused=("Parquet file is damaged",)
    ),
    "truncated Arrow": Input(ipc(frame())[:-100], refused=("Arrow file is truncated",)),
    "a web page": Input("<!DOCTYPE html><html><body>404: Not Found</body></html>\n", refused=("web page",)),
    "a pointer of Git LFS": Input(
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d7a2146' * 8}\nsize 12345\n",
        refused=("Git LFS",),
    ),
    "no header": Input(
        log(header=None, user=lambda r: f"u{r.user}", item=lambda r: f"i{r.item}"),
        refused=("first line looks like data", "--columns"),
    ),
    "two columns of ids, nothing tells them apart": Input(
        log(header=("aa", "bb", "rating", "timestamp")),
        None,
        refused=("cannot tell", "--set data.user=aa --set data.item=bb", "--set data.user=bb --set data.item=aa"),
    ),
    "two keys of the item table": Input(
        LOG,
        table([(i, i, t) for i, t in TITLES.items()], ["sku", "asin", "title"]),
        refused=("alike", "data.item_key=sku", "data.item_key=asin"),
    ),
    "two columns of times": Input(
        table(
            [(r.user, r.item, r.seconds, r.seconds + 5) for r in ROWS],
            ["user_id", "item_id", "created", "changed_when"],
        ),
        refused=(),
    ),
    "ids in scientific notation": Input(
        log(item=lambda r: f"9.78{r.item}E+12"), None, refused=("scientific notation", "digits are lost", "as text")
    ),
    "ids that floats have rounded": Input(
        parquet(frame(user_id=[float(9007199254740992 + 2 * int(r.user)) for r in ROWS])), refused=("digits", "2^53")
    ),
    "times of day without a date": Input(log(when=written("%H:%M:%S")), refused=("times of day without a date",)),
    "times of an unknown writing": Input(
        log(when=lambda r: f"Q{r.when.month}/{r.when.year % 100}"), refused=("written in no known way",)
    ),
    "times before now": Input(log(when=lambda r: f"{r.when.day} days ago"), refused=("times before now",)),
    "seconds and milliseconds": Input(
        log(when=half(lambda r: r.seconds, lambda r: r.seconds * 1000)), refused=("different ways", "milliseconds")
    ),
    "two writings of times": Input(
        log(when=half(written("%Y-%m-%d %H:%M:%S"), written("%d.%m.%Y %H:%M"))), refused=("two ways",)
    ),
    "two files that write times differently": Input(
        {"1.csv": log(rows=ROWS[:300]), "2.csv": log(rows=ROWS[300:], when=written("%Y-%m-%d %H:%M:%S"))},
        name="parts",
        refused=("1.csv", "2.csv", "different ways"),
    ),
    "ids with and without leading zeros": Input(
        log(user=half(lambda r: r.user, lambda r: f"00{r.user}")), refused=("two ways", '"001')
    ),
    "ids in capitals and in small letters": Input(
        log(user=half(lambda r: f"a{r.user}", lambda r: f"A{r.user}")), refused=("two ways",)
    ),
    "the item table writes ids with zeros": Input(LOG, items(lambda i: f"0{i}"), refused=()),
    "an item table of other items": Input(LOG, items(lambda i: f"x{i}"), refused=("holds the log's items",)),
    "the tables changed places": Input(ITEMS, LOG, refused=("cannot tell which column holds the user ids",)),
    "too many bad rows": Input(
        with_bad(*(f",501,1,1600000{n:03}" for n in range(140))),
        refused=("140 of 740 rows cannot be used", "no user id", "data.max_rejected"),
    ),
    "a column that is not there": Input(LOG, known={"user": "userid"}, refused=("userid",), code=2),
    "names that are too few": Input(
        log(header=None), known={"columns": ("user", "item")}, refused=("2 names, but",), code=2
    ),
    "an encoding that is none": Input(LOG, known={"encoding": "latin-9000"}, refused=("no encoding",), code=2),
    "a part without a column": Input(
        {"1.csv": log(rows=ROWS[:300]), "2.csv": "a,b\n1,2\n"}, name="parts", refused=("2.csv", "user_id"), code=2
    ),
    "true and false as ids": Input(
        parquet(frame(user_id=[r.rating > 2 for r in ROWS])), known={"user": "user_id"}, refused=("true/false",)
    ),
    "lists as ids": Input(
        parquet(frame(item_id=[[r.item] for r in ROWS])), known={"item": "item_id"}, refused=("lists",)
    ),
    "a record over several lines": Input(
        json.dumps(OBJECTS[0], indent=2) + "\n" + json.dumps(OBJECTS[1], indent=2),
        refused=("over several lines", "jq -c"),
    ),
}


@pytest.mark.parametrize("name", [name for name, one in REFUSED.items() if one.refused])
def test_what_cannot_be_read_is_refused_with_the_way(tmp_path: Path, name: str) -> None:
    one = REFUSED[name]
    with pytest.raises(EagerError) as caught:
        read(tmp_path, one.log, one.items, one.name, **one.known)
    said = str(caught.value)
    assert all(words in said for words in one.refused), said
    assert caught.value.exit_code == one.code
    assert len(said) < 1500 and "Traceback" not in said


DOUBTED: dict[str, Input] = {
    "a time that is not used": Input(
        table(
            [(r.user, r.item, r.seconds, r.when.isoformat()) for r in ROWS],
            ["user_id", "item_id", "timestamp", "shipped"],
        ),
        said=("not used, though it looks like times: shipped",),
    ),
    "no item table": Input(LOG, None, said=("no item table",)),
    "no titles": Input(
        LOG,
        table([(i, "x1", 5) for i in TITLES], ["item_id", "code", "price"]),
        said=("no titles",),
        titles={i: i for i in TITLES},
    ),
    "days that could be months": Input(
        log(
            rows=[
                Row(r.user, r.item, r.rating, datetime(2020, 1 + n % 12, 1 + n // 60, n % 24, n % 60))
                for n, r in enumerate(ROWS)
            ],
            when=written("%m/%d/%Y %H:%M"),
        ),
        said=('no value of "timestamp" tells the day from the month',),
        lists={},
    ),
    "Latin-1": Input(
        LOG.encode(),
        ITEMS.replace("Red", "R\u00f6d").encode("latin-1"),
        said=("not UTF-8 and is read as cp1252",),
        titles={i: t.replace("Red", "R\u00f6d") for i, t in TITLES.items()},
    ),
    "one Latin-1 letter late in a large item table": Input(
        LOG,
        (
            ITEMS
            + "".join(f"x{n},{'Long words about nothing ' * 40}{n}\n" for n in range(1500))
            + "y1,caf\u00e9 cr\u00e8me\ny2,d\u00e9j\u00e0 vu\n"
        ).encode("latin-1"),
        said=("not UTF-8",),
    ),
    "column t holds the times": Input(log(header=("user_id", "item_id", "rating", "t"))),
    "kinds of events": Input(
        table(
            [(r.user, r.item, ("view", "view", "cart", "purchase")[n % 4], r.seconds) for n, r in enumerate(ROWS)],
            ["user_id", "item_id", "event", "timestamp"],
        ),
        said=("event", "data.where = ", "purchase"),
    ),
    "kinds of Taobao": Input(
        table([(r.user, r.item, 7, ("pv", "buy", "cart", "fav")[n % 4], r.seconds) for n, r in enumerate(ROWS)]),
        said=("behavior", "data.where = "),
    ),
    "refunds": Input(
        table(
            [(r.user, r.item, -1 if n % 20 == 0 else 2, r.seconds) for n, r in enumerate(ROWS)],
            ["user_id", "item_id", "Quantity", "timestamp"],
        ),
        said=("Quantity", "negative", "Quantity > 0"),
    ),
    "an implicit column of 0 and 1": Input(
        table(
            [(r.user, r.item, int(n % 3 > 0), r.seconds) for n, r in enumerate(ROWS)],
            ["user_id", "item_id", "clicked", "timestamp"],
        ),
        said=("clicked", "0 and 1"),
    ),
    "all times equal": Input(log(when=lambda r: 1600000000), said=("one and the same time",), lists={}),
    "days alone tie": Input(log(when=lambda r: f"{r.when.year}"), said=(), lists={}),
    "rounded ids that check alone is told": Input(
        log(item=lambda r: f"9.78{r.item}E+12"),
        None,
        known={"item": "item_id", "user": "user_id"},
        refused=("digits are lost",),
    ),
}


@pytest.mark.parametrize("name", list(DOUBTED))
def test_what_is_in_doubt_is_said(tmp_path: Path, name: str) -> None:
    one = DOUBTED[name]
    if one.refused:
        with pytest.raises(EagerError, match=one.refused[0]):
            read(tmp_path, one.log, one.items, one.name, **one.known)
        return
    reading = read(tmp_path, one.log, one.items, one.name, **one.known)
    if one.lists is None:
        assert reading.lists == histories()
    if one.items is not None:
        known = {i: t for i, t in reading.titles.items() if i in TITLES}
        assert known == (one.titles or TITLES)
    said = " | ".join(reading.said)
    assert all(words in said for words in one.said), said
