"""`init`: columns are guessed by name and content, and the written project loads and trains as it is."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from core.errors import DataError, EagerError, ProjectError
from core.jobs.project_file import guess_project
from core.project import Project
from tests.core.data.data_tools import load


def guessed(folder: Path, log: pl.DataFrame | str, items: pl.DataFrame | str | None = None, **known: str) -> Project:
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
    with pytest.raises(
        ProjectError, match="cannot tell which column holds the user and the item ids; the columns are: a"
    ):
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
    with pytest.raises(ProjectError, match="--interactions: there is no file"):
        guess_project(tmp_path / "no.csv", None, tmp_path)
    with pytest.raises(
        DataError, match=r"no column of the item table holds the log's items \(column item_id, e\.g\. 'i'"
    ):
        guessed(tmp_path, "user_id,item_id\nu,i\n", "item_id,title\nother,A thing\n")
    with pytest.raises(EagerError):
        guessed(tmp_path, "user_id,item_id\n")
