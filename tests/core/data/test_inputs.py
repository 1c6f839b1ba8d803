"""Inputs as public bug reports describe them, each with its answer: equal to the clean twin, rows rejected, or refused.

The twin is the log of `inputs.ROWS`; a harmless way to write it must give its digest, to the last byte.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.errors import EagerError
from tests.core.data.inputs import EPOCH, ITEMS, LOG, ROWS, TITLES, Files, Row, histories, items, log, read, table


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
DAYS = {row.when: FIRST_DAY for row in ROWS for FIRST_DAY in [row.when.date()]}
LATE = LOG + "1001,501,5,1900000000\n"


def some(change: Callable[[Row], Row | None], every: int = 10) -> str:
    """The log with every tenth row changed, in place."""
    return log(rows=[change(row) or row if n % every == 0 else row for n, row in enumerate(ROWS)])


def with_bad(*lines: str) -> str:
    """The log with lines put between its rows."""
    head, *rest = LOG.splitlines(keepends=True)
    return head + "".join(rest[:100]) + "".join(line + "\n" for line in lines) + "".join(rest[100:])


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
    "everything quoted": Input(table([[r.user, r.item, r.rating, r.seconds] for r in ROWS], ["user_id", "item_id", "rating", "timestamp"], quoting=1)),
    "blanks around": Input(LOG.replace(",", " , ")),
    "columns in another order": Input(frame().select("timestamp", "rating", "item_id", "user_id").write_csv()),
    "an index column of pandas": Input("," + LOG.splitlines()[0] + "\n" + "".join(f"{n},{line}\n" for n, line in enumerate(LOG.splitlines()[1:]))),
    "Unnamed: 0": Input("Unnamed: 0," + LOG.splitlines()[0] + "\n" + "".join(f"{n},{line}\n" for n, line in enumerate(LOG.splitlines()[1:]))),
    "two index columns": Input("Unnamed: 0.1,Unnamed: 0," + LOG.splitlines()[0] + "\n" + "".join(f"{n},{n},{line}\n" for n, line in enumerate(LOG.splitlines()[1:]))),
    "__index_level_0__ of Parquet": Input(parquet(frame(__index_level_0__=list(range(600))))),
    "an empty column at the end": Input(LOG.replace("\n", ",\n")),
    "gzip": Input(gzip.compress(LOG.encode())),
    "gzip called csv": Input(gzip.compress(LOG.encode()), name="log.csv"),
    "plain called gz": Input(LOG, name="log.csv.gz"),
    "Parquet called csv": Input(parquet(frame())),
    "CSV called parquet": Input(LOG, name="log.parquet"),
    "Parquet": Input(parquet(frame())),
    "float ids in Parquet": Input(parquet(frame(user_id=[float(r.user) for r in ROWS], item_id=[float(r.item) for r in ROWS]))),
    "ids as 501.0 in CSV": Input(log(user=lambda r: f"{r.user}.0", item=lambda r: f"{r.item}.0")),
    "item ids as 501.0 against 501": Input(log(item=lambda r: f"{r.item}.0")),
    "the item table's ids as 501.0": Input(LOG, items(lambda i: f"{i}.0")),
    "Decimal ids": Input(parquet(frame(item_id=pl.Series([Decimal(r.item) for r in ROWS], dtype=pl.Decimal(12, 2))))),
    "binary ids": Input(parquet(frame(user_id=[r.user.encode() for r in ROWS], item_id=[r.item.encode() for r in ROWS]))),
    "categorical ids": Input(parquet(frame().with_columns(pl.col("user_id", "item_id").cast(pl.Categorical)))),
    "padded ids": Input(log(user=lambda r: f" {r.user} ", item=lambda r: f"\t{r.item}")),
    "Arrow IPC": Input(ipc(frame())),
    "an Arrow stream": Input(ipc(frame(), stream=True)),
    "zstd": Input(lambda: None),  # type: ignore[arg-type]
    "JSON lines": Input(jsonl(OBJECTS), jsonl([{"item_id": i, "title": t} for i, t in TITLES.items()])),
    "JSON lines with numbers as ids": Input(jsonl([o | {"user_id": int(o["user_id"]), "item_id": int(o["item_id"])} for o in OBJECTS])),
    "JSON lines with a BOM and CRLF": Input("\ufeff" + jsonl(OBJECTS).replace("\n", "\r\n")),
    "a JSON array": Input(json.dumps(OBJECTS)),
    "a JSON array over several lines": Input(json.dumps(OBJECTS, indent=2)),
    "columns of pandas (to_json)": Input(frame().to_pandas().to_json() if hasattr(pl, "x") else json.dumps({c: {str(n): v for n, v in enumerate(frame()[c].to_list())} for c in frame().columns})),
    "Python's dictionaries": Input("".join(repr(o) + "\n" for o in OBJECTS)),
    "Python 2's dictionaries": Input("".join("{" + ", ".join(f"u'{k}': {('u' + repr(v)) if isinstance(v, str) else v}" for k, v in o.items()) + "}\n" for o in OBJECTS)),
    "NaN in a column nobody asked for": Input("".join(json.dumps(o | {"price": float("nan")}) + "\n" for o in OBJECTS)),
    "ratings as text": Input(log(rating=lambda r: f"{r.rating} stars"), known={"rating": ""}),
    "a folder of parts": Input({f"part-{k}.csv": log(rows=ROWS[k::3]) for k in range(3)}, name="parts"),
    "a folder with marks of Spark": Input({"_SUCCESS": "", ".part-0.crc": "x", "part-0.csv": LOG}, name="parts"),
    "a folder in folders": Input({"a": {"1.csv": log(rows=ROWS[:300])}, "b": {"2.csv": log(rows=ROWS[300:])}}, name="parts"),  # type: ignore[dict-item]
    "parts in two formats": Input({"1.csv": log(rows=ROWS[:300]), "2.jsonl": jsonl(OBJECTS[300:])}, name="parts"),
    "parts with other orders of columns": Input({"1.csv": log(rows=ROWS[:300]), "2.csv": pl.DataFrame(frame()[300:].select("rating", "timestamp", "item_id", "user_id")).write_csv()}, name="parts"),
    "parts of ids as text and as numbers": Input({"1.parquet": parquet(frame()[:300]), "2.parquet": parquet(frame()[300:].with_columns(pl.col("user_id", "item_id").cast(pl.Int64)))}, name="parts"),
    "RecBole": Input(log(header=("user_id:token", "item_id:token", "rating:float", "timestamp:float"), sign="\t", when=lambda r: f"{r.seconds}.0"), items(header=("item_id:token", "title:token_seq"), sign="\t")),
    "RecBole with movie_title": Input(log(header=("user_id:token", "item_id:token", "rating:float", "timestamp:float"), sign="\t"), items(header=("item_id:token", "movie_title:token_seq"), sign="\t")),
    "Online Retail's names": Input(log(header=("CustomerID", "StockCode", "Quantity", "InvoiceDate"), when=written("%m/%d/%Y %H:%M:%S")), items(header=("StockCode", "Description"))),
    "app_name": Input(LOG, items(header=("item_id", "app_name"))),
    "caption": Input(LOG, items(header=("item_id", "caption"))),
    "names in capitals": Input(log(header=("USER_ID", "ITEM_ID", "RATING", "TIMESTAMP")), items(header=("ITEM_ID", "TITLE"))),
    "names with blanks": Input(log(header=("User ID", "Item ID", "Rating", "Time Stamp")), items(header=("Item ID", "Title"))),
    "quoted names": Input(LOG.replace("user_id,item_id,rating,timestamp", '"user_id","item_id","rating","timestamp"')),
    "German names": Input(log(header=("Kunde", "Artikel", "Bewertung", "Datum"), when=written("%d.%m.%Y %H:%M:%S"), sign=";"), items(header=("Artikel", "Bezeichnung"), sign=";")),
    "milliseconds": Input(log(when=lambda r: r.seconds * 1000)),
    "microseconds": Input(log(when=lambda r: r.seconds * 10**6)),
    "nanoseconds": Input(log(when=lambda r: r.seconds * 10**9)),
    "seconds as 1574924709.0": Input(log(when=lambda r: f"{r.seconds}.0")),
    "ISO": Input(log(when=lambda r: r.when.isoformat())),
    "ISO with Z": Input(log(when=lambda r: r.when.isoformat() + "Z")),
    "ISO with a zone": Input(log(when=lambda r: (r.when + timedelta(hours=2)).isoformat() + "+02:00")),
    "ISO of mixed zones": Input(log(when=lambda r: (r.when + timedelta(hours=int(r.item) % 3)).isoformat() + f"+0{int(r.item) % 3}:00")),
    "ISO some with fractions": Input(log(when=lambda r: r.when.isoformat() + (".500" if int(r.item) % 2 else "") + "Z")),
    "13-Sep-2020 12:26:40": Input(log(when=written("%d-%b-%Y %H:%M:%S"))),
    "20200913T122640": Input(log(when=written("%Y%m%dT%H%M%S"))),
    "2020.09.13 12:26:40": Input(log(when=written("%Y.%m.%d %H:%M:%S"))),
    "Sep 13, 2020": Input(log(when=written("%b %d, %Y"))),
    "day first": Input(log(when=written("%d/%m/%Y %H:%M"))),
    "times of Parquet": Input(parquet(frame(timestamp=[r.when for r in ROWS]))),
    "times of Parquet in ns with a zone": Input(parquet(frame(timestamp=pl.Series([r.when for r in ROWS]).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("Asia/Tokyo")))),
    "days of Parquet": Input(parquet(frame(timestamp=[r.when.date() for r in ROWS]))),
    "days of Excel": Input(log(when=lambda r: f"{excel(r):.6f}", header=("user_id", "item_id", "rating", "date"))),
    "days of Excel with a comma": Input(log(when=lambda r: f"{excel(r):.6f}".replace(".", ","), sign=";", header=("user_id", "item_id", "rating", "date")), items(sign=";")),
    "decimal commas in ratings": Input(log(rating=lambda r: f"{r.rating},5", sign=";"), known={"min_rating": 0.5}),
    "UTF-16": Input(LOG.encode("utf-16"), ITEMS.encode("utf-16")),
    "two signs": Input(LOG.replace(",", "::"), ITEMS.replace(",", "::")),
    "blanks as separator": Input(LOG.replace(",", " ")),
    "no header, named": Input(log(header=None), known={"columns": ("user", "item", "rating", "time")}),
    "ML-100k's u.data": Input(log(header=None, sign="\t"), name="u.data"),
    "ML-1M's ratings.dat": Input(log(header=None).replace(",", "::"), "".join(f"{i}::{t} (1999)::Drama|Comedy\n" for i, t in TITLES.items()), name="ratings.dat", titles={i: f"{t} (1999)" for i, t in TITLES.items()}),
    "ML-25M": Input(log(header=("userId", "movieId", "rating", "timestamp"), rating=lambda r: r.rating / 2), items(header=("movieId", "title"))),
    "a rare sign": Input(LOG.replace(",", "\x01")),
    "a header written twice": Input(LOG.splitlines()[0] + "\n" + LOG, rejected=1),
    "headers of joined files": Input(log(rows=ROWS[:300]) + log(rows=ROWS[300:]), rejected=1),
    "user as true number and item as text": Input(jsonl([o | {"user_id": int(o["user_id"])} for o in OBJECTS])),
    "large integers": Input(log(user=lambda r: 9007199254740993 + int(r.user)), lists={str(9007199254740993 + int(u)): i for u, i in BY_USER.items()}),
    "leading zeros": Input(log(item=lambda r: f"00{r.item}"), items(lambda i: f"00{i}"), lists={u: [f"00{i}" for i in taken] for u, taken in BY_USER.items()}, titles={f"00{i}": t for i, t in TITLES.items()}),
    "an item table with repeated ids": Input(LOG, ITEMS + ITEMS.split("\n", 1)[1]),
    "an item table with other items": Input(LOG, ITEMS + "".join(f"{n},Thing of Nothing {n}\n" for n in range(900, 990))),
    "a list of LC-Rec": Input(json.dumps({u: i for u, i in BY_USER.items()}), json.dumps({i: {"title": t, "description": ""} for i, t in TITLES.items()})),
    "sequences, one user a line": Input("".join(" ".join([u, *i]) + "\n" for u, i in BY_USER.items()), None, known={}),
    "sequences of JSON": Input(jsonl([{"user_id": u, "items": i} for u, i in BY_USER.items()])),
    "an inch mark in a title": Input(LOG, ITEMS.replace("501,Red", '501,Red 7"'), titles=TITLES | {"501": TITLES["501"].replace("Red", 'Red 7"')}),
    "quoted line breaks in titles": Input(LOG, ITEMS.replace("501,Red Kettle", '501,"Red\nKettle').replace(" of Glass\n502", ' of Glass"\n502')),
    "quotes doubled": Input(LOG, ITEMS.replace("501,Red", '501,"""Red""').replace(" of Glass\n502", ' of Glass"\n502'), titles=TITLES | {"501": TITLES["501"].replace("Red", '"Red"')}),
}  # fmt: skip
del HARMLESS["zstd"]


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
