"""Every format gives the same table; bad lines are counted, bad files are clear errors."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import polars as pl
import pytest

from core.data import Dataset
from core.data.read import BAD, ROW, collect
from core.data.sniff import open_table, sniff
from core.errors import DataError, EagerError, ProjectError
from core.project import Project
from tests.core.data.data_tools import MakeProject, load

ROWS = [("u1", "a", 3), ("u1", "b", 1), ("u2", "a", 2), ("u2", "c", 5), ("u1", "c", 2), ("u3", "a", 1)]
FRAME = pl.DataFrame(ROWS, schema=["user_id", "item_id", "t"], orient="row")


def as_bytes(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "parquet":
        FRAME.write_parquet(buffer)
    elif kind == "jsonl":
        FRAME.write_ndjson(buffer)
    else:
        FRAME.write_csv(buffer, separator={"csv": ",", "tsv": "\t", "semicolon": ";", "bar": "|"}[kind])
    return buffer.getvalue()


def lists(make: MakeProject, log: bytes | str, **settings: object) -> dict[str, list[str]]:
    dataset = load(make(log, **{"time": "t", **settings}))
    ids = dataset.items["item_id"].to_list()
    return {user: [ids[i] for i in dataset.sequences[n]] for n, user in enumerate(dataset.users)}


EXPECTED = {"u1": ["b", "c", "a"], "u2": ["a", "c"], "u3": ["a"]}


@pytest.mark.parametrize("kind", ["parquet", "csv", "tsv", "semicolon", "bar", "jsonl"])
def test_formats_are_known_by_content(make: MakeProject, kind: str) -> None:
    assert lists(make, as_bytes(kind)) == EXPECTED


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_bom_crlf_gzip_and_blank_lines(make: MakeProject, kind: str) -> None:
    raw = as_bytes(kind)
    assert lists(make, b"\xef\xbb\xbf" + raw) == EXPECTED
    assert lists(make, raw.replace(b"\n", b"\r\n")) == EXPECTED
    assert lists(make, raw.replace(b"\n", b"\n\n").rstrip()) == EXPECTED
    assert lists(make, gzip.compress(raw)) == EXPECTED


def test_old_mac_line_ends(make: MakeProject) -> None:
    assert lists(make, as_bytes("csv").replace(b"\n", b"\r")) == EXPECTED


def test_quoted_fields_with_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('user_id,"no\nte",item_id\nu1,"a, ""b""\nc",i1\nu2,,i2\n', encoding="utf-8")
    source = sniff(file)
    assert source.columns[0] == "user_id" and source.columns[-1] == "item_id"
    frame = collect(source, list(source.columns))
    assert frame["item_id"].to_list() == ["i1", "i2"]
    assert frame[source.columns[1]].to_list() == ['a, "b"\nc', None]


def test_plain_quotes_in_a_tab_separated_file(tmp_path: Path) -> None:
    file = tmp_path / "x.tsv"
    file.write_text('id\ttitle\n1\t5" pipe\n2\t"Quoted" start\n3\t"\n', encoding="utf-8")
    frame = collect(sniff(file), ["id", "title"])
    assert frame["title"].to_list() == ['5" pipe', '"Quoted" start', '"']


def test_a_stray_quote_spoils_its_own_line_only(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text('id,title,n\n1,"a ""b"", c",x\n2,"open,y\n3,say "hi",z\n4,"q"x,w\n,,\n5,,v,\n', encoding="utf-8")
    frame = collect(sniff(file), ["id", "title", "n"])
    good = frame.filter(pl.col(BAD).is_null())
    assert good.select("id", "title", "n").rows() == [
        ("1", 'a "b", c', "x"), ("3", 'say "hi"', "z"), ("5", None, "v"),
    ]  # fmt: skip
    assert frame.filter(pl.col(BAD).is_not_null()).select(ROW, BAD).rows() == [
        (2, "quotes that do not match"), (4, "quotes that do not match"),
    ]  # fmt: skip


def test_bad_lines_of_a_csv_are_counted(make: MakeProject) -> None:
    text = "user_id,item_id,t\nu1,a,1\nu1,b\nu1,c,2,9,9\nu2,a,3\n,b,1\nu2,,1\nu1,d,x\nu1,e,nan\n"
    project = make(text, time="t", max_rejected=1.0)
    report = load(project).report
    assert report.rows == 8
    assert report.rejected == {
        "no readable time or position": 3, "more fields than the header": 1, "no item id": 1, "no user id": 1,
    }  # fmt: skip
    assert report.examples["more fields than the header"] == [
        {"file": "log.txt", "row": 3, "value": 'user "u1", item "c"'}
    ]
    assert [one["row"] for one in report.examples["no readable time or position"]] == [2, 7, 8]


def test_bad_lines_of_json_are_counted(make: MakeProject) -> None:
    lines = [
        '{"user_id": 7, "item_id": "a", "t": 1, "more": {"deep": [1]}}', "not json", '{"user_id": "u", "item_id": "b"}',
        "[1, 2]", '{"user_id": [1], "item_id": "a", "t": 2}', '{"user_id": 7, "item_id": {"x": 1}, "t": 2}', "", "   ",
        '{"user_id": 7, "item_id": "\\u00e9\\"", "t": 2}', '{"user_id": null, "item_id": "a", "t": 2}', '{"user_id": 7',
    ]  # fmt: skip
    dataset = load(make("\n".join(lines), time="t", max_rejected=1.0))
    assert dataset.report.rejected == {
        "not a JSON object": 3, "a list or record where one value belongs": 2, "no readable time or position": 1,
        "no user id": 1,
    }  # fmt: skip
    assert dataset.users.to_list() == ["7"]
    assert dataset.items["item_id"].to_list() == ["a", 'é"']


def test_numbers_too_large_for_json_are_never_rounded_into_each_other(make: MakeProject) -> None:
    lines = [f'{{"user_id": 1234567890123456789012{n}, "item_id": "a", "t": 1}}' for n in range(3)]
    assert load(make("\n".join(lines), time="t")).n_users == 3
    with pytest.raises(DataError, match="a number too large to keep exactly"):
        load(make("\n".join([*lines, "broken"]), time="t"))


def test_folders_and_globs_are_read_in_order_of_name(make: MakeProject, tmp_path: Path) -> None:
    for name, rows in (("a.csv", "u1,x\nu1,y\n"), ("b.csv", "u1,z\n"), (".hidden", "?"), ("_SUCCESS", "")):
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / "logs" / name).write_text(("user_id,item_id\n" if name[0] in "ab" else "") + rows)
    for where in ("logs", "logs/*.csv", "lo*/[ab].csv"):
        dataset = load(make("user_id,item_id\n", interactions=where))
        assert dataset.sequences[0].tolist() == [0, 1, 2]
        assert dataset.report.files == ["logs/a.csv", "logs/b.csv"]


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_a_path_that_looks_like_a_pattern_is_read_as_it_is(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "[b]old*?"
    folder.mkdir()
    (folder / "log[1]").write_bytes(as_bytes(kind))
    core = "min_user_interactions = 0\nmin_item_interactions = 0\n"
    (folder / "project.toml").write_text(f'[data]\ninteractions = "log[1]"\ntime = "t"\n{core}')
    dataset = load(Project.load(folder))
    dataset.save(folder)
    assert Dataset.load(folder).users.to_list() == dataset.users.to_list()


def test_missing_files(make: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for where in ("nothing.csv", "*.nothing", "empty", "a" * 300, "x\0y", "/dev/null"):
        with pytest.raises(ProjectError, match=r"data\.interactions"):
            load(make("user_id,item_id\n", interactions=where))
    with pytest.raises(ProjectError, match=r"data\.items: there is no file"):
        load(make("user_id,item_id\nu,i\n", "x", items="nothing.csv"))


def test_a_missing_column_names_the_nearest(make: MakeProject) -> None:
    with pytest.raises(ProjectError, match=r'data\.user: .*log\.txt has no column "user_id"; did you mean "userid"\?'):
        load(make("userid,item_id\nu,i\n"))
    with pytest.raises(ProjectError, match=r'data\.time: .* has no column "qqq"; it has: user_id, item_id'):
        load(make("user_id,item_id\nu,i\n", time="qqq"))
    with pytest.raises(ProjectError, match=r'data\.text: .* has no column "titel"; did you mean "title"\?'):
        load(make("user_id,item_id\nu,i\n", "item_id,title\ni,x\n", text=["titel"]))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"user_id,item_id\n", "has no rows"),
        (as_bytes("parquet")[:-40], "the Parquet file is truncated"),
        (as_bytes("parquet")[:6], "the Parquet file is truncated"),
        (b"PAR1" + b"\0" * 50 + b"PAR1", "the Parquet file is damaged"),
        (as_bytes("parquet")[:60] + b"\xff" * 30 + as_bytes("parquet")[90:], "Parquet|cannot be read|rows"),
        (b"PK\x03\x04" + b"x" * 50, "is a zip archive or a spreadsheet"),
        (b"\x00\x01\x02" * 50, "is a binary file of an unknown format"),
        (b'[{"user_id": 1}', "begins like one JSON value"),
        (b"{broken", "no line of it is a JSON object"),
        (gzip.compress(as_bytes("csv"))[:-10], "gzip|cannot be read"),
        (b"\x1f\x8b" + b"x" * 100, "gzip|cannot be read"),
        (b"user_id,item_id\n" + b'u1,"i\n' * 5, "rows cannot be used; most often: quotes that do not match"),
    ],
)
def test_broken_files_are_data_errors(make: MakeProject, raw: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(make(raw))


def test_truncated_gzip_of_many_rows(make: MakeProject) -> None:
    raw = "user_id,item_id\n" + "".join(f"user{n},item{n * 7 % 1009}\n" for n in range(200_000))
    with pytest.raises(DataError, match=r"log\.txt"):
        load(make(gzip.compress(raw.encode())[:-2000]))


def test_bytes_that_are_not_utf8_and_control_characters(make: MakeProject) -> None:
    raw = b"user_id,item_id\n" + b"u1,a\n" * 30 + b"u\xff,b\nu1,c\x00d\nu\x1b[31m,e\n"
    report = load(make(raw, max_rejected=0.2)).report
    assert report.rejected == {
        "control character in the item id": 1, "control character in the user id": 1, "user id is not UTF-8": 1,
    }  # fmt: skip
    assert "\x1b" not in str(report.examples)


def test_ids_of_any_length(make: MakeProject) -> None:
    log = pl.DataFrame({"user_id": ["x" * 512, "y" * 513, "z"], "item_id": ["a", "b", "c"]})
    dataset = load(make(log, max_rejected=0.5))
    assert dataset.n_users == 2
    assert dataset.report.rejected == {"user id longer than 512 characters": 1}
    assert len(dataset.report.examples["user id longer than 512 characters"][0]["value"]) < 100


def test_header_oddities(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a, b ,a,,\n1,2,3,4,5\n", encoding="utf-8")
    source = sniff(file)
    assert source.columns == ("a", "b", "a_3", "column_4", "column_5")
    assert collect(source, ["a", "a_3"]).select("a", "a_3").rows() == [("1", "3")]


def test_random_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    import random

    seeded = random.Random(0)
    starts = [b"", b"PAR1", b"{", b"user_id,item_id\n", b"\x1f\x8b\x08", b'{"user_id": 1, "item_id": 2}\n', b'"']
    for number in range(200):
        file = tmp_path / f"{number}"
        alphabet = b'",\n\t{}[]:a1\r\\' if number % 2 else bytes(range(256))
        file.write_bytes(starts[number % len(starts)] + bytes(seeded.choices(alphabet, k=seeded.randrange(400))))
        try:
            for source in open_table(file, "x"):
                collect(source, list(source.columns))
        except EagerError:
            continue
