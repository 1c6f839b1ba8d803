"""Times and ids that are written in many ways: the histories of plain Python, or an error with both writings."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.data import Dataset
from core.errors import DataError
from tests.core.data.data_tools import MakeProject, load

Rows = list[tuple[str, str, datetime]]
FIRST = datetime(2019, 11, 28, 7, 5, 9)


def rows(users: int = 60, each: int = 10) -> Rows:
    """Shuffled interactions, no two of a user at one time and all on days of their own."""
    seeded = random.Random(7)
    some = [
        (
            f"{100 + user}",
            f"{seeded.randrange(40) + 10}",
            FIRST + timedelta(days=31 * n + user, seconds=7919 * n + user),
        )
        for user in range(users)
        for n in range(each)
    ]
    seeded.shuffle(some)
    return some


def histories(some: Rows) -> dict[str, list[str]]:
    """Each user's items, oldest first."""
    out: dict[str, list[str]] = {}
    for user, item, _ in sorted(some, key=lambda row: row[2]):
        out.setdefault(user, []).append(item)
    return out


def text_of(some: list[tuple[Any, ...]], header: tuple[str, ...] = ("user_id", "item_id", "t")) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerows([header, *some])
    return file.getvalue()


def lists(dataset: Dataset) -> dict[str, list[str]]:
    ids = dataset.items["item_id"].to_list()
    return {user: [ids[i] for i in dataset.sequences[n]] for n, user in enumerate(dataset.users)}


EPOCH = datetime(1970, 1, 1)


def seconds(when: datetime) -> int:
    return int((when - EPOCH).total_seconds())


WAYS: dict[str, Callable[[datetime], str] | str] = {
    name: name
    for name in (
        "%d-%b-%Y %H:%M:%S", "%Y%m%dT%H%M%S", "%Y.%m.%d %H:%M:%S", "%d-%B-%Y %H:%M", "%d %b %Y, %H:%M:%S",
        "%b %d, %Y %I:%M:%S %p", "%b %d %Y %I:%M%p", "%a, %d %b %Y %H:%M:%S +0000", "%a, %d %b %Y %H:%M:%S GMT",
        "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S UTC %Y", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%dT%H:%M:%SZ",
        "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", "%Y-%m-%d %H:%M:%S,123", "%Y%m%d %H%M%S",
        "%Y%m%dT%H%M%SZ", "%Y-%m-%d-%H.%M.%S.123456", "%d.%m.%y %H:%M", "%d/%b/%Y:%H:%M:%S +0000", "%Y%m%d%H%M%S",
        "%A, %d. %B %Y", "%Y年%m月%d日 %H:%M:%S", "%d%b%Y:%H:%M:%S", "%H:%M:%S %d.%m.%Y", "%m-%d-%Y %H:%M:%S",
        "%d-%b-%y %I.%M.%S.000000 %p", "%B %d, %Y at %I:%M %p", "%Y/%m/%d-%H:%M:%S", "%Y-%m-%d_%H-%M-%S", "%Y%m%d",
        "%m/%d/%Y, %I:%M:%S %p", "%d/%m/%Y %H:%M", "%m/%d/%y %H:%M", "%Y-%m-%d %H:%M:%S +02:00", "%d-%m-%Y %H:%M:%S",
        "%Y-%m-%d %H:%M:%S+02", "%b. %d, %Y", "%dth %B %Y",
    )
}  # fmt: skip
WAYS |= {
    "seconds": lambda when: str(seconds(when)),
    "seconds with a fraction": lambda when: f"{seconds(when)}.25",
    "milliseconds": lambda when: str(seconds(when) * 10**3),
    "microseconds": lambda when: str(seconds(when) * 10**6),
    "nanoseconds": lambda when: str(seconds(when) * 10**9),
    "days of Excel": lambda when: f"{seconds(when) / 86400 + 25569:.6f}",
    "days of Excel with a comma": lambda when: f"{seconds(when) / 86400 + 25569:.6f}".replace(".", ","),
}


@pytest.mark.parametrize("way", list(WAYS))
def test_shuffled_rows_come_into_the_right_order(make: MakeProject, way: str) -> None:
    written = WAYS[way]
    some = rows()
    log = text_of(
        [(u, i, when.strftime(written) if isinstance(written, str) else written(when)) for u, i, when in some]
    )
    dataset = load(make(log, time="t"))
    assert lists(dataset) == histories(some)
    assert not dataset.report.rejected and dataset.report.first_time is not None
    if way not in ("%Y%m%d%H%M%S", "%Y%m%d", "days of Excel", "days of Excel with a comma"):
        assert "2019" in str(dataset.report.first_time), "the calendar is right, not only the order"


def test_mixed_zones_are_one_clock(make: MakeProject) -> None:
    def zoned(number: int, when: datetime) -> str:
        hours = number % 5 - 2
        return f"{(when + timedelta(hours=hours)).strftime('%d-%b-%Y %H:%M:%S')} {'+-'[hours < 0]}{abs(hours):02}:00"

    some = rows()
    log = text_of([(u, i, zoned(number, when)) for number, (u, i, when) in enumerate(some)])
    assert lists(load(make(log, time="t"))) == histories(some)


def test_a_day_above_twelve_late_in_the_column_decides(make: MakeProject) -> None:
    """The first thousands of rows leave open whether the month comes first; one row far below does not."""
    early = [(f"{n}", "1", datetime(2020, 1 + n % 12, 1 + n // 12 % 12) + timedelta(hours=n % 20)) for n in range(4000)]
    some = [*early, *((f"{n}", "2", datetime(2020, 12, 13 + n % 10, 23)) for n in range(60))]
    log = text_of([(u, i, when.strftime("%d/%m/%Y %H:%M")) for u, i, when in some])
    dataset = load(make(log, time="t"))
    assert dataset.report.order == "time (t), read as %d/%m/%Y %H:%M" and not dataset.report.rejected
    assert lists(dataset) == histories(some)


SECOND = {
    "two formats": ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"),
    "a date and a number": ("%Y-%m-%d %H:%M:%S", seconds),
    "seconds and milliseconds": (seconds, lambda when: seconds(when) * 1000),
    "seconds and microseconds": (seconds, lambda when: seconds(when) * 10**6),
    "seconds and Excel days": (seconds, lambda when: f"{seconds(when) / 86400 + 25569:.5f}"),
    "with and without a zone": ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"),
    "names and numbers": ("%d %B %Y", "%d-%m-%Y"),
}


def written(way: Any, when: datetime) -> Any:
    return when.strftime(way) if isinstance(way, str) else way(when)


@pytest.mark.parametrize("kind", list(SECOND))
@pytest.mark.parametrize("share", [2, 5])
def test_two_writings_in_one_file_are_named_with_a_row_each(make: MakeProject, kind: str, share: int) -> None:
    one, other = SECOND[kind]
    some = [(u, i, written(other if n % share == 0 else one, when)) for n, (u, i, when) in enumerate(rows())]
    with pytest.raises(DataError, match=r"(ways|known way)") as caught:
        load(make(text_of(some), time="t"))
    message = str(caught.value)
    assert message.count("row ") >= 2, message
    assert any(str(row[2])[:19] in message for row in some[::share]), message
    assert any(str(row[2])[:19] in message for n, row in enumerate(some) if n % share), message


@pytest.mark.parametrize("kind", list(SECOND))
def test_two_writings_in_two_files_are_named_with_both_files(make: MakeProject, tmp_path: Path, kind: str) -> None:
    for name, way, part in zip(("a.csv", "b.csv"), SECOND[kind], (rows()[:300], rows()[300:]), strict=True):
        (tmp_path / name).write_text(text_of([(u, i, written(way, when)) for u, i, when in part]))
    with pytest.raises(DataError, match="different ways") as caught:
        load(make("x", time="t", interactions="?.csv"))
    assert all(word in str(caught.value) for word in ("a.csv", "b.csv", "row 1")), str(caught.value)


def test_files_of_which_one_leaves_day_and_month_open_are_read_alike(make: MakeProject, tmp_path: Path) -> None:
    some = [(f"{n % 9}", f"{n % 7}", datetime(2020, 1 + n % 12, 1 + n % 11, n % 24, n % 60)) for n in range(100)]
    late = [(f"{n % 9}", f"{n % 5}", datetime(2021, 1 + n % 12, 13 + n % 11, n % 24, n % 60)) for n in range(100)]
    for name, part in (("a.csv", some), ("b.csv", late)):
        (tmp_path / name).write_text(text_of([(u, i, when.strftime("%d/%m/%Y %H:%M")) for u, i, when in part]))
    assert lists(load(make("x", time="t", interactions="?.csv", duplicates="keep"))) == histories([*some, *late])


def test_a_single_time_in_another_unit_is_a_bad_row(make: MakeProject) -> None:
    some = rows()
    log = text_of([(u, i, seconds(when) * (1000 if n == 5 else 1)) for n, (u, i, when) in enumerate(some)])
    dataset = load(make(log, time="t"))
    assert dataset.report.rejected == {"a time in milliseconds since 1970 among seconds since 1970": 1}
    assert dataset.report.examples[next(iter(dataset.report.rejected))][0]["row"] == 6
    assert lists(dataset) == histories(some[:5] + some[6:])


def test_ratings_with_a_decimal_comma(make: MakeProject) -> None:
    log = 'user_id;item_id;stars\nu;a;4,5\nu;b;"3,0"\nu;c;5\nu;d;4.0\n'
    assert lists(load(make(log, rating="stars", min_rating=4.0))) == {"u": ["a", "c", "d"]}
    with pytest.raises(DataError, match="no readable rating"):
        load(make("user_id;item_id;stars\nu;a;1,250\nu;b;3,000\n", rating="stars", min_rating=4.0))


MISSING = ["nan", "NaN", "NULL", "null", "None", "N/A", "<NA>", "\\N", "-", "NA", "#N/A", "(null)", "undefined", ""]


@pytest.mark.parametrize("word", MISSING)
@pytest.mark.parametrize("column", [0, 1])
def test_missing_ids_are_rejected_and_counted(make: MakeProject, word: str, column: int) -> None:
    some = [list(row) for row in rows()]
    for row in some[::4]:
        row[column] = word
    right = histories([(u, i, when) for n, (u, i, when) in enumerate(some) if n % 4])
    log = text_of([(u, i, seconds(when)) for u, i, when in some])
    dataset = load(make(log, time="t", max_rejected=0.3))
    assert dataset.report.rejected == {f"no {('user', 'item')[column]} id": 150}
    assert lists(dataset) == right
    with pytest.raises(DataError, match=f"no {('user', 'item')[column]} id"):
        load(make(log, time="t"))


def test_several_words_for_missing_in_a_table_of_items_and_titles(make: MakeProject) -> None:
    table = "item_id,title\n1,One\nNULL,x\nnan,y\n2,NULL\n3,\\N\n"
    dataset = load(make("user_id,item_id\nu,1\nu,2\nu,3\n", table, text=["title"], max_rejected=0.5))
    assert dataset.report.item_rejected == {"no item id": 2} and dataset.report.text_missing == {"title": 2}
    assert dataset.items["title"].to_list() == ["One", "2", "3"]


def test_a_name_that_looks_like_a_missing_one_is_kept_and_said(make: MakeProject) -> None:
    names = ["anna", "bert", "carla", "none", "dora", "emil", "frida", "gustav"]
    log = text_of([(name, item) for name in names for item in "xyz"], ("user_id", "item_id"))
    report = load(make(log)).report
    assert not report.rejected and report.notes == ["the user id 'none' looks like a missing one and is kept"]
    often = text_of([*((name, "x") for name in names), *(("none", item) for item in "abcdefghijkl")],
                    ("user_id", "item_id"))  # fmt: skip
    report = load(make(often, max_rejected=0.7)).report
    assert report.rejected == {"no user id": 13} and not report.notes


@pytest.mark.parametrize(
    "kind",
    [pl.Float64, pl.Float32, pl.Decimal(12, 2), pl.Int16, pl.UInt64, pl.Categorical, pl.Binary, pl.String, "24.0"],
)
def test_an_id_is_one_text_whatever_its_type(make: MakeProject, kind: Any) -> None:
    numbers = [24, 7, 100, 0, 12]
    text = pl.Series([f"{n}.0" if kind == "24.0" else str(n) for n in numbers])
    by_text = kind in (pl.Categorical, pl.Binary, pl.String)
    ids = text if kind == "24.0" else text.cast(kind) if by_text else pl.Series(numbers).cast(kind)
    log = pl.DataFrame({"user_id": ["u"] * 5, "item_id": ids})
    for table in (
        pl.DataFrame({"item_id": numbers, "title": list("abcde")}),
        "item_id,title\n24.0,a\n7,b\n100,c\n0,d\n12,e\n",
    ):
        dataset = load(make(log, table, text=["title"]))
        assert lists(dataset) == {"u": [str(n) for n in numbers]}
        assert dict(zip(dataset.items["item_id"], dataset.items["title"], strict=True)) == dict(
            zip(map(str, numbers), "abcde", strict=True)
        )


def test_days_fractions_and_bytes_as_ids(make: MakeProject) -> None:
    days = pl.Series(["2020-09-13", "2020-10-01"])
    log = pl.DataFrame({"user_id": ["u", "v"], "item_id": days.str.to_date()})
    assert load(make(log)).items["item_id"].to_list() == days.to_list()
    prices = pl.DataFrame({"user_id": ["u", "v"], "item_id": [Decimal("1.50"), Decimal("20.00")]})
    assert load(make(prices)).items["item_id"].to_list() == ["1.5", "20"]
    marks = pl.DataFrame({"user_id": ["u", "v"], "item_id": [b"\xff\x00\x10", b"\xfe\x01\x10"]})
    assert load(make(marks)).items["item_id"].to_list() == ["fe0110", "ff0010"]


def test_ids_with_and_without_zeros_are_named(make: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,item_id\n" + "".join(f"{n:04},{n % 7}\n" for n in range(50)))
    (tmp_path / "b.csv").write_text("user_id,item_id\n" + "".join(f"{n},{n % 5}\n" for n in range(50)))
    with pytest.raises(DataError, match=r'two ways: b\.csv row 1: "0", but a\.csv row 1: "0000" \(50 ids\)'):
        load(make("x", interactions="?.csv"))
    with pytest.raises(
        DataError, match='the log and the item table write item ids in two ways: "10" stands in the log, but "0010"'
    ):
        log = "user_id,item_id\n" + "".join(f"u,{n}\n" for n in range(10, 60)) + "u,1234\n"
        load(make(log, "item_id,title\n1234,x\n" + "".join(f"{n:04},t\n" for n in range(10, 60)), text=["title"]))
    one = load(make("user_id,item_id\n" + "".join(f"u,{n}\nu,0{n + 1000}\n" for n in range(10, 60)) + "u,010\n"))
    assert one.n_items == 101 and sum('"010"' in note for note in one.report.notes) == 1


def test_ids_in_small_and_capital_letters_are_named(make: MakeProject, tmp_path: Path) -> None:
    for name, case in (("a.csv", str.lower), ("b.csv", str.upper)):
        (tmp_path / name).write_text("user_id,item_id\n" + "".join(f"{case(f'ab{n}')},{n % 7}\n" for n in range(50)))
    with pytest.raises(DataError, match=r'b\.csv row 1: "AB0"'):
        load(make("x", interactions="?.csv"))


def test_files_with_ids_as_whole_numbers_and_as_fractions_are_one(make: MakeProject, tmp_path: Path) -> None:
    some = rows()
    for name, part, ending in (("a.csv", some[:300], ""), ("b.csv", some[300:], ".0")):
        (tmp_path / name).write_text(text_of([(u + ending, i + ending, seconds(when)) for u, i, when in part]))
    assert lists(load(make("x", time="t", interactions="?.csv"))) == histories(some)
