"""`data.where`: which rows of the log count."""

from pathlib import Path

import polars as pl
import pytest

from core.data.profile import profile
from core.errors import DataError, ProjectError
from tests.core.data.data_tools import MakeProject, load

LOG = """user_id,item_id,event,quantity,ts,epoch,unit price,code
a,1,view,1,2024-12-31 10:00:00,1735639200,"4,5",007
a,2,purchase,2,2025-01-01 00:00:00,1735689600,"5,25",008
a,3,purchase,-1,2025-01-02 12:30:00,1735821000,"1,5",007
b,1,cart,10,2025-02-01 00:00:00,1738368000,"20,5",009
b,4,purchase,,2025-03-01 00:00:00,1740787200,"9,75",007
b,5,,3,2024-01-01 00:00:00,1704067200,"100,5",010
"""
FRAME = pl.read_csv(LOG.encode(), try_parse_dates=True, schema_overrides={"code": pl.String}).with_columns(
    pl.col("unit price").str.replace(",", ".").cast(pl.Float64)
)

CONDITIONS = [
    ("event = 'purchase'", "234", 1),
    ("event = 'purchase' AND ts >= '2025-01-01'", "234", 0),
    ("event = 'purchase' AND ts >= '2025-01-02'", "34", 0),
    ("ts BETWEEN '2025-01-01' AND '2025-01-31'", "23", 0),
    ("'2025-02-01' <= ts", "14", 0),
    ("epoch >= 1735821000", "314", 0),
    ("epoch >= '2025-01-02 12:30'", "314", 0),
    ("epoch < '2025-01-01'", "15", 0),
    ("quantity > 2", "15", 1),
    ("quantity > 0 OR event = 'cart'", "1215", 1),
    ("event IN ('view', 'cart')", "11", 1),
    ("event IS NULL", "5", 0),
    ("event NOT LIKE 'pur%'", "11", 1),
    ('"unit price" >= 9.75', "145", 0),
    ("code = '007'", "134", 0),
    ("lower(event) = 'cart'", "1", 1),
    ("quantity + 1 = 3", "2", 1),
    ("event = 'purchase' AND 1 < quantity", "2", 2),
    ("event = 'purchase' AND '2025-01-02' <= ts", "34", 0),
]


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize(("where", "left", "unknown"), CONDITIONS)
def test_a_condition_reads_columns_as_they_are_meant(
    make: MakeProject, where: str, left: str, unknown: int, typed: bool
) -> None:
    dataset = load(make(FRAME if typed else LOG, where=where, duplicates="keep"))
    ids = dataset.items["item_id"].to_list()
    assert "".join(ids[item] for item in dataset.sequences.items) == left
    assert (dataset.report.left_out, dataset.report.unknown) == (6 - len(left), unknown)
    assert profile(dataset)["read"].get("left_out", 0) == 6 - len(left)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("evnt = 'purchase'", 'no column "evnt"; did you mean "event"'),
        ("event", "it is a value"),
        ("event = 'a', event = 'b'", "cannot be used"),
        ("event = ", "cannot be used"),
        ("quantity > AVG(quantity)", "each row by itself"),
        ("1 = 1", "names no column"),
        ("event = (SELECT a FROM read_csv('/etc/passwd'))", "no query of its own"),
        ("event IN (FROM '/etc/passwd')", "no query of its own"),
        ("event = 'a' -- all", "no comment"),
        ("event = 'a'; DROP TABLE self", "no query"),
        ("quantity > 1 AND quantity = '2'", "with numbers and with quoted text"),
        ("quantity > '2025-01-01'", "numbers that are no times"),
        ("code = 7", "the column holds text, e.g. .*quote the number"),
        ("event = 1", "the column holds text"),
        ("read_csv(event) = 'a'", "no query of its own|cannot be used"),
        ("quantity >= '3'", "holds numbers, with quoted text by size"),
        ("quantity BETWEEN '1' AND '3'", "holds numbers, with quoted text by size"),
        ("'3' < quantity", "holds numbers, with quoted text by size"),
        ("ts >= '01/01/2025'", "holds times, with quoted text by size; write '2025-01-31'"),
    ],
)
def test_what_is_no_condition_is_refused(make: MakeProject, where: str, words: str) -> None:
    with pytest.raises(ProjectError, match=words):
        load(make(LOG, where=where))


def test_blanks_around_a_text_do_not_count(make: MakeProject) -> None:
    rows = "".join(f"u{n % 3},i{n},{'purchase' if n % 2 else 'purchase   '}\n" for n in range(50))
    assert load(make("user_id,item_id,event\n" + rows, where="event = 'purchase'")).report.left_out == 0
    report = load(make("user_id,item_id,event\n" + rows + "u1,i0, view\n", where="event <> 'view'")).report
    assert report.left_out == 1


@pytest.mark.parametrize("kind", ["whole", "float", "text"])
def test_ids_are_compared_as_they_are_read(make: MakeProject, kind: str) -> None:
    users = [n % 5 for n in range(50)]
    columns = {"user_id": pl.Series(users), "item_id": [f"i{n}" for n in range(50)]}
    columns["user_id"] = columns["user_id"].cast(pl.Int64 if kind == "whole" else pl.Float64)
    frame = pl.DataFrame(columns)
    log = frame.write_csv() if kind == "text" else frame
    left = load(make(log, where="user_id <> '0'"))
    assert left.report.left_out == 10 and sorted(left.users) == ["1", "2", "3", "4"]
    assert load(make(log, where="user_id > 0")).report.left_out == 10


def test_a_condition_that_holds_for_nobody_says_so(make: MakeProject) -> None:
    with pytest.raises(DataError, match="holds for no row"):
        load(make(LOG, where="event = 'refund'"))


def test_a_value_that_the_condition_cannot_read_is_a_bad_row(make: MakeProject, tmp_path: Path) -> None:
    rows = [f"u{n % 5},i{n},{n % 7}" for n in range(3000)]
    rows[2500] = "u1,i2500,many"
    project = make("user_id,item_id,quantity\n" + "\n".join(rows) + "\n", where="quantity > 0")
    report = load(project).report
    assert report.rejected == {'data.where cannot read its "quantity"': 1}
    assert report.left_out == sum(n % 7 == 0 for n in range(3000) if n != 2500)


def test_rows_that_are_left_out_are_not_bad(make: MakeProject) -> None:
    rows = "".join(f",i{n},view\n" for n in range(50)) + "".join(f"u{n % 3},i{n},purchase\n" for n in range(50))
    report = load(make("user_id,item_id,event\n" + rows, where="event = 'purchase'")).report
    assert (report.left_out, report.rejected) == (50, {})
