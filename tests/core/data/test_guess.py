"""`init`: columns are guessed by name and content, and the written project loads and trains as it is."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.errors import DataError, EagerError, ProjectError
from core.jobs.project_file import guess_project
from core.project import Project
from tests.core.data.data_tools import load


def guessed(folder: Path, log: pl.DataFrame | str, items: pl.DataFrame | str | None = None, **known: Any) -> Project:
    def written(table: pl.DataFrame | str, name: str) -> Path:
        if isinstance(table, str):
            (folder / name).write_text(table, encoding="utf-8")
        else:
            table.write_csv(folder / name)
        return folder / name

    paths = (written(log, "log.csv"), written(items, "items.csv") if items is not None else None)
    (folder / "project.toml").write_text(guess_project(*paths, folder, known), encoding="utf-8")
    return Project.load(folder)


@pytest.mark.parametrize(
    ("name", "order", "text"),
    [
        ("beauty", {"position": "position", "time": ""}, ("title", "brand", "categories", "keywords")),
        ("scientific", {"position": "position", "time": ""}, ("title", "brand", "categories", "description")),
        ("online-retail", {"position": "", "time": "timestamp"}, ("title",)),
    ],
)
def test_real_data(real_data: Path, tmp_path: Path, name: str, order: dict[str, str], text: tuple[str, ...]) -> None:
    folder = real_data / name
    (tmp_path / "project.toml").write_text(
        guess_project(folder / "interactions.parquet", folder / "items.parquet", tmp_path), encoding="utf-8"
    )
    data = Project.load(tmp_path).data
    assert (data.user, data.item, data.item_key) == ("user_id", "item_id", "")
    assert {"position": data.position, "time": data.time} == order
    assert data.text == text
    assert (data.min_user_interactions, data.min_item_interactions) == (5, 5)


@pytest.mark.parametrize(
    ("header", "rows", "expected"),
    [
        ("userId,movieId,rating,timestamp", ["1,10,4.5,1000", "1,20,3.0,1001"], "userId movieId timestamp rating"),
        ("overall,verified,reviewTime,reviewerID,asin,unixReviewTime",
         ["5.0,True,\"09 13, 2009\",A1X,B001,1252800000", "4.0,True,\"09 14, 2009\",A2X,B002,1252886400"],
         "reviewerID asin unixReviewTime overall"),
        ("InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
         ["5001,85123A,6,12/1/2010 8:26,2.55,17850,United Kingdom", "5002,71053,6,12/13/2010 9:26,3.39,17851,France"],
         "CustomerID StockCode InvoiceDate "),
        ("user_id:token,item_id:token,timestamp:float", ["1,2,3.0", "1,3,4.0"],
         "user_id item_id timestamp "),
        ("timestamp,visitorid,event,itemid,transactionid", ["1433221332117,257597,view,355908,", "1,2,view,3,"],
         "visitorid itemid timestamp "),
        ("rating,review_date,customer_id,product_id,product_title",
         ["5,2015-08-31,11,B00,Nice soap", "4,2015-08-30,1,B1,Big cup"],
         "customer_id product_id review_date rating"),
        ("session,product,when", ["s1,p1,2020-01-01 10:00", "s2,p2,2020-01-02 10:00"], None),
    ],
)  # fmt: skip
def test_well_known_headers(tmp_path: Path, header: str, rows: list[str], expected: str | None) -> None:
    data = guessed(tmp_path, "\n".join([header, *rows]) + "\n").data
    found = f"{data.user} {data.item} {data.time} {data.rating}"
    assert found == (expected or "session product when ")


ITEMS = pl.DataFrame(
    {
        "sku": [f"SKU-{n:04}" for n in range(40)],
        "label": [f"Red woollen scarf number {n}" for n in range(40)],
        "genres": ["Drama|Comedy"] * 40,
        "image_url": [f"https://example.org/{n}.jpg" for n in range(40)],
        "price": [n + 0.5 for n in range(40)],
        "released": ["2001-05-03"] * 40,
        "ean": [str(4_000_000_000_000 + n) for n in range(40)],
        "notes": [None] * 40,
        "bin": [f"A{n}-{n * 7}" for n in range(40)],
    }
)


def test_content_decides_where_names_say_nothing(tmp_path: Path) -> None:
    log = pl.DataFrame(
        {
            "thing": [f"SKU-{(n * 7) % 40:04}" for n in range(400)],
            "who": [f"p{n // 10}" for n in range(400)],
            "when": [f"2024-01-{n % 28 + 1:02} 10:00:00" for n in range(400)],
        }
    )
    data = guessed(tmp_path, log, ITEMS).data
    assert (data.item, data.user, data.time, data.item_key) == ("thing", "who", "when", "sku")
    assert data.text == ("genres", "label")


def test_the_written_file_is_commented_relative_and_ready(tmp_path: Path) -> None:
    log = pl.DataFrame(
        {"user_id": [f"p{n // 10}" for n in range(400)], "sku": [f"SKU-{n * 7 % 40:04}" for n in range(400)]}
    )
    project = guessed(tmp_path, log, ITEMS)
    text = (tmp_path / "project.toml").read_text()
    assert 'interactions = "log.csv" ' in text and 'items = "items.csv" ' in text
    assert "left out: image_url (links), price (numbers), released (dates)" in text
    assert "keeps 400 of 400 interactions, 40 users, 40 items" in text
    assert "# batch_tokens = 1024" in text
    assert load(project).n_users == 40
    inner = tmp_path / "deep" / "er"
    inner.mkdir(parents=True)
    assert 'interactions = "../../log.csv"' in guess_project(tmp_path / "log.csv", None, inner)
    far = inner / "and" / "deeper"
    far.mkdir(parents=True)
    assert f'interactions = "{tmp_path}/log.csv"' in guess_project(tmp_path / "log.csv", None, far)


def test_the_core_is_lowered_for_small_or_sparse_logs(tmp_path: Path) -> None:
    log = pl.DataFrame({"user_id": [f"p{n // 3}" for n in range(90)], "item_id": [f"i{n % 29}" for n in range(90)]})
    data = guessed(tmp_path, log).data
    assert (data.min_user_interactions, data.min_item_interactions) == (3, 3)
    assert guessed(tmp_path, "user_id,item_id\nu,i\n").data.min_user_interactions == 0


def test_columns_told_by_the_caller(tmp_path: Path) -> None:
    log = "a,b,c\nx1,y1,3\nx2,y2,2\n"
    with pytest.raises(DataError, match="cannot tell which column holds the user and the item ids; the columns are: a"):
        guessed(tmp_path, log)
    data = guessed(tmp_path, log, user="b", item="a", position="c").data
    assert (data.user, data.item, data.position) == ("b", "a", "c")
    assert guessed(tmp_path, log, user="b", position="c").data.item == "a"
    with pytest.raises(ProjectError, match=r'there is no column "z" for data.user; there are: a, b, c'):
        guessed(tmp_path, log, user="z")


def test_hostile_column_names_and_values_stay_data(tmp_path: Path) -> None:
    name = 'ti"tle\\ [red]\x1b]#'
    items = pl.DataFrame({"item_id": ["1", "2"], name: ["a long name", "b long name"], "x\u2028y": ["B0", "B1"]})
    project = guessed(tmp_path, pl.DataFrame({"user_id": ["u", "u"], "item_id": [1, 2]}), items)
    assert project.data.text == (name,)
    assert "\x1b" not in (tmp_path / "project.toml").read_text()
    assert load(project).items["text"].to_list() == ["a long name", "b long name"]


def test_other_failures_are_clear(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"--interactions: there is no file .*\n.*the folder that you are in"):
        guess_project(tmp_path / "no.csv", None, tmp_path)
    with pytest.raises(
        DataError, match=r"no column of the item table holds the log's items \(column item_id, e\.g\. 'i'"
    ):
        guessed(tmp_path, "user_id,item_id\nu,i\n", "item_id,title\nother,A thing\n")
    with pytest.raises(EagerError):
        guessed(tmp_path, "user_id,item_id\n")


# --- which is the user, which is the item -----------------------------------------------------------------------------


def dense(user: str, item: str, *, users: int = 60, items: int = 40, more: str = "") -> str:
    """A log of dense whole numbers, ten rows a user, the rows mixed; item first, so that no order of names helps."""
    rows = [(u, (u * 7 + n * 3) % items + 1, n) for u in range(1, users + 1) for n in range(10)]
    rows.sort(key=lambda row: (row[0] * 31 + row[2] * 17) % 101)
    head = f"{item},{user}" + (",stars,t" if more else "")
    lines = [
        f"{i},{u}" + (f",{(u + n) % 5 + 1},{1_600_000_000 + u * 977 + n * 60}" if more else "") for u, i, n in rows
    ]
    return "\n".join([head, *lines]) + "\n"


def titles(key: str, items: int = 40) -> str:
    return "\n".join([f"{key},titel", *(f"{n},Grosse Lampe Nummer {n}" for n in range(1, items + 1))]) + "\n"


@pytest.mark.parametrize(
    ("user", "item"), [("buyer", "artikel"), ("zz", "aa"), ("aa", "zz"), ("k1", "k2"), ("col9", "col1")]
)
@pytest.mark.parametrize("users", [30, 60, 200])
def test_the_name_that_both_tables_share_is_the_item(tmp_path: Path, user: str, item: str, users: int) -> None:
    data = guessed(tmp_path, dense(user, item, users=users), titles(item)).data
    assert (data.user, data.item, data.item_key) == (user, item, "")


@pytest.mark.parametrize(("user", "item"), [("zz", "aa"), ("aa", "zz")])
def test_the_values_that_the_item_table_lists_are_the_items(tmp_path: Path, user: str, item: str) -> None:
    """200 users against 40 items: a fifth of the users' numbers stand in the item table, all of the items' do."""
    data = guessed(tmp_path, dense(user, item, users=200), titles("nr")).data
    assert (data.user, data.item, data.item_key) == (user, item, "nr")


@pytest.mark.parametrize(("user", "item"), [("zz", "aa"), ("aa", "zz")])
@pytest.mark.parametrize("table", [None, "nr"])
@pytest.mark.parametrize("more", ["", "rating and time"])
def test_a_tie_is_refused_with_both_readings(
    tmp_path: Path, user: str, item: str, table: str | None, more: str
) -> None:
    """Dense numbers in both columns, all of them keys of the item table where there is one."""
    log = dense(user, item, users=40, more=more)
    with pytest.raises(DataError) as refused:
        guessed(tmp_path, log, titles(table) if table else None)
    assert refused.value.exit_code == 4
    for first, second in ((user, item), (item, user)):
        assert f"--set data.user={first} --set data.item={second}" in refused.value.remedy
    data = guessed(tmp_path, log, user=user).data
    assert (data.user, data.item, data.time) == (user, item, "t" if more else "")


@pytest.mark.parametrize(
    ("user", "item"),
    [("buyer", "artikel"), ("Käufer", "Artikel-Nr"), ("usuario", "producto"), ("utilisateur", "produit"),
     ("клиент", "товар"), ("用户ID", "商品ID"), ("KundenNr", "ArtikelNr"), ("klant", "boek"), ("shopper", "goods_id"),
     ("uid:token", "iid:token")],
)  # fmt: skip
def test_names_of_several_languages(tmp_path: Path, user: str, item: str) -> None:
    data = guessed(tmp_path, dense(user, item)).data
    assert (data.user, data.item) == (user.removesuffix(":token"), item.removesuffix(":token"))


def test_what_ids_begin_with_tells(tmp_path: Path) -> None:
    rows = [f"i{(u + n) % 20},u{u}" for u in range(30) for n in range(5)]
    data = guessed(tmp_path, "\n".join(["a,b", *rows]) + "\n").data
    assert (data.user, data.item) == ("b", "a")


def test_a_rating_is_no_item(tmp_path: Path) -> None:
    """MovieLens 100k without names for its columns: 1 to 5 in the third, seconds since 1970 in the last."""
    log = dense("1", "0", users=60, more="yes").replace("stars,t", "2,3")
    data = guessed(tmp_path, log, user="1").data
    assert (data.user, data.item, data.time) == ("1", "0", "3")
    halves = log.replace(",1,1", ",0.5,1").replace(",2,1", ",4.5,1")
    assert guessed(tmp_path, halves, user="1").data.item == "0"
    with pytest.raises(
        DataError, match=r"either --set data.user=0 --set data.item=1 or --set data.user=1 --set data.item=0"
    ):
        guessed(tmp_path, log)


def test_kinds_of_events_are_no_ids(tmp_path: Path) -> None:
    rows = [f"u{u},{(u + n) % 20},{('view', 'cart', 'purchase')[n % 3]},shop" for u in range(30) for n in range(6)]
    data = guessed(tmp_path, "\n".join(["user,x,event,from", *rows]) + "\n").data
    assert (data.user, data.item) == ("user", "x")


def test_two_keys_of_the_item_table_are_refused(tmp_path: Path) -> None:
    table = "a,b,titel\n" + "".join(f"{n},{41 - n},Lampe Nummer {n}\n" for n in range(1, 41))
    with pytest.raises(DataError, match=r"--set data.item_key=a or --set data.item_key=b"):
        guessed(tmp_path, dense("user_id", "item_id"), table)
    assert guessed(tmp_path, dense("user_id", "item_id"), table, item_key="b").data.item_key == "b"
    assert guessed(tmp_path, dense("user_id", "b"), table).data.item_key == ""
    numbered = table.replace("a,b,titel", "Unnamed: 0,nr,titel")
    assert guessed(tmp_path, dense("user_id", "item_id"), numbered).data.item_key == "nr"


# --- times ------------------------------------------------------------------------------------------------------------

MOMENTS = [dt.datetime(2020, 9, 13, 12, 26, 40) + dt.timedelta(days=11 * n, seconds=977 * n) for n in range(60)]
"""Reach over every month, so that day and month cannot be mistaken for each other."""
EPOCH = dt.datetime(1970, 1, 1)


def seconds(moment: dt.datetime) -> int:
    return int((moment - EPOCH).total_seconds())


WRITINGS: dict[str, Callable[[dt.datetime], str]] = {
    form: (lambda moment, form=form: moment.strftime(form))  # type: ignore[misc]
    for form in (
        "%d-%b-%Y %H:%M:%S", "%Y%m%dT%H%M%S", "%Y.%m.%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ",
        "%Y/%m/%d",
        "%d.%m.%Y %H:%M", "%d %b %Y %H:%M:%S", "%b %d, %Y %I:%M %p", "%a, %d %b %Y %H:%M:%S +0000", "%Y%m%d",
        "%Y%m%d%H%M%S",
        "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d_%H-%M-%S", "%d%b%Y:%H:%M:%S", "%A %d %B %Y", "%Y_%m_%d", "%d-%b-%y",
        "%d/%b/%Y:%H:%M:%S +0000", "%G-W%V-%u", "%Y-%j", "%Y年%m月%d日",
    )
}  # fmt: skip
WRITINGS |= {
    "s": lambda moment: str(seconds(moment)),
    "ms": lambda moment: str(seconds(moment) * 10**3),
    "us": lambda moment: str(seconds(moment) * 10**6),
    "ns": lambda moment: str(seconds(moment) * 10**9),
    "float": lambda moment: f"{seconds(moment)}.25",
    "excel": lambda moment: f"{seconds(moment) / 86400 + 25569:.6f}",
    "json": lambda moment: f"/Date({seconds(moment) * 1000})/",
}


@pytest.mark.parametrize("name", ["timestamp", "when_it_was", "t", "Zeit"])
@pytest.mark.parametrize("writing", WRITINGS)
def test_times_are_read_or_refused_by_name(tmp_path: Path, writing: str, name: str) -> None:
    """Six users, whose interactions go through ten items in order of time; the rows are shuffled."""
    rows = [(f"u{n % 6}", f"i{n // 6}", WRITINGS[writing](moment)) for n, moment in enumerate(MOMENTS)]
    rows.sort(key=lambda row: hashlib.sha256("".join(row).encode()).digest())
    log = pl.DataFrame(rows, schema=["user_id", "item_id", name], orient="row")
    try:
        project = guessed(tmp_path, log)
    except DataError as refused:
        assert name in refused.message and any(row[2][:20] in refused.message for row in rows)
        assert "--set data.time=" in refused.remedy
        assert guessed(tmp_path, log, time="").data.time == ""
        return
    assert project.data.time == name
    dataset = load(project)
    for n in range(dataset.n_users):
        taken = dataset.items["item_id"].gather(dataset.sequences[n]).to_list()
        assert taken == [f"i{n}" for n in range(10)]


def test_two_columns_of_times_that_nothing_tells_apart(tmp_path: Path) -> None:
    log = "user_id,item_id,bought,shipped\n" + "".join(
        f"u{n % 6},i{n // 6},{m:%Y-%m-%d},{m + dt.timedelta(days=3):%Y-%m-%d}\n" for n, m in enumerate(MOMENTS)
    )
    with pytest.raises(DataError, match=r"--set data.time=bought or --set data.time=shipped"):
        guessed(tmp_path, log)
    assert guessed(tmp_path, log, time="shipped").data.time == "shipped"
    assert guessed(tmp_path, log.replace("shipped", "timestamp")).data.time == "timestamp"


def test_how_long_something_took_is_no_time(tmp_path: Path) -> None:
    rows = [f"u{n % 6},i{n // 6},{n * 7 % 50}" for n in range(60)]
    assert guessed(tmp_path, "\n".join(["user_id,item_id,time_spent", *rows]) + "\n").data.time == ""


def test_times_of_day_alone_are_refused(tmp_path: Path) -> None:
    rows = [f"u{n % 6},i{n // 6},{m:%H:%M:%S},{m:%Y-%m-%d}" for n, m in enumerate(MOMENTS)]
    with pytest.raises(DataError, match='"time" seems to hold times of day without a date'):
        guessed(tmp_path, "\n".join(["user_id,item_id,time", *(row.rpartition(",")[0] for row in rows)]) + "\n")
    assert guessed(tmp_path, "\n".join(["user_id,item_id,time,date", *rows]) + "\n").data.time == "date"


# --- what is told, and files without a header line --------------------------------------------------------------------


def test_what_is_told_holds_for_the_reading_too(tmp_path: Path) -> None:
    """A fifth of the rows has no customer, as in Online Retail: 4 users of 25 rows each keep 20."""
    rows = [f"{'' if n % 5 == 0 else f'u{n % 4}'},i{n},{n % 5}" for n in range(100)]
    log = "\n".join(["user_id,item_id,rating", *rows]) + "\n"
    with pytest.raises(DataError, match=r"20 of 100 rows cannot be used"):
        guessed(tmp_path, log)
    written = guess_project(tmp_path / "log.csv", None, tmp_path, {"max_rejected": 0.4})
    assert "keeps 80 of 80 interactions" in written
    written = guess_project(tmp_path / "log.csv", None, tmp_path, {"max_rejected": 0.4, "min_rating": 2.5})
    kept = sum(row[0] != "," and float(row[-1]) >= 2.5 for row in rows)
    assert f"keeps {kept} of {kept} interactions" in written
    few = {"max_rejected": 0.4, "min_user_interactions": 2, "min_item_interactions": 0}
    assert "keeps 80 of 80 interactions, 4 users" in guess_project(tmp_path / "log.csv", None, tmp_path, few)


HEADLESS = {
    "tabs": "\n".join(f"{u}\tm{(u * 7 + n) % 30 + 1}\t{(u + n) % 5 + 1}\t{881250949 + n}"
                      for u in range(40) for n in range(8)),
    "kinds": "\n".join(f"{u},{(u * 7 + n) % 30 + 1},41,click,{1511544070 + n}" for u in range(40) for n in range(8)),
    "letters": "\n".join(f"u{u},i{(u * 7 + n) % 30}" for u in range(40) for n in range(8)),
    "Amazon ratings": "\n".join(f"A{u:05}X,B{(u * 7 + n) % 30:06},{n % 5}.0,{1396396800 + n}"
                                for u in range(40) for n in range(8)),
    "dates": "\n".join(f"p{u}x,q{(u * 7 + n) % 30}y,2020-01-{n + 1:02}" for u in range(40) for n in range(8)),
}  # fmt: skip


@pytest.mark.parametrize("layout", HEADLESS)
def test_a_file_without_a_header_line(tmp_path: Path, layout: str) -> None:
    text = HEADLESS[layout] + "\n"
    width = len(re.split("[,\t]", text.partition("\n")[0]))
    with pytest.raises(DataError, match="the first line looks like data") as refused:
        guessed(tmp_path, text)
    assert f"Name all {width} columns" in refused.value.remedy and "--columns user,item" in refused.value.remedy
    names = ["user", "item", "rating", "action", "timestamp"]
    names = {2: names[:2], 3: ["user", "item", "date"], 4: [*names[:3], "timestamp"], 5: names}[width]
    project = guessed(tmp_path, text, columns=tuple(names))
    assert (project.data.user, project.data.item) == ("user", "item")
    project = dataclasses.replace(project, data=dataclasses.replace(project.data, columns=tuple(names)))
    dataset = load(project)
    assert dataset.report.rows == 320, "the first line is a row"
    first = dataset.items["item_id"][int(dataset.sequences[0][0])]
    assert first == re.split("[,\t\n]", text)[1]
    with pytest.raises(ProjectError, match=rf"data.columns: 1 names, but .*log.csv has {width} columns"):
        guessed(tmp_path, text, columns=("user",))


def test_names_for_an_item_table(tmp_path: Path) -> None:
    log = pl.DataFrame({"user_id": [f"u{n // 6}" for n in range(60)], "item_id": [n % 12 + 1 for n in range(60)]})
    table = "".join(f"{n}|Film number {n} ({1990 + n})|01-Jan-1995\n" for n in range(1, 13))
    with pytest.raises(DataError, match="the first line looks like data") as refused:
        guessed(tmp_path, log, table)
    assert "--item-columns item,title,category" in refused.value.remedy
    project = guessed(tmp_path, log, table, item_columns=("item", "title", "released"))
    named = dataclasses.replace(project.data, item_columns=("item", "title", "released"))
    dataset = load(dataclasses.replace(project, data=named))
    assert set(dataset.items["title"]) == {f"Film number {n} ({1990 + n})" for n in range(1, 13)}


def test_names_where_there_are_some(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"log.csv has a header already: user_id, item_id"):
        guessed(tmp_path, "user_id,item_id\nu,i\n", columns=("user_id", "item"))
    pl.DataFrame({"user_id": [1], "item_id": [2]}).write_parquet(tmp_path / "log.parquet")
    with pytest.raises(ProjectError, match="is parquet, which has names of its own: user_id, item_id"):
        guess_project(tmp_path / "log.parquet", None, tmp_path, {"columns": ("a", "b")})


def test_rounded_ids_are_refused(tmp_path: Path) -> None:
    rows = [f"u{n % 9},9.7826{n % 8}E+12" for n in range(90)]
    for header in ("user_id,item_id", "user_id,ware_x"):
        with pytest.raises(DataError, match=r"scientific notation, e\.g\. 9\.78\d+E\+12: digits are lost") as no:
            guessed(tmp_path, "\n".join([header, *rows]) + "\n")
        assert "Export the column as text" in no.value.remedy
