"""Lines of delimited files: a bad one costs itself; separators of several signs and blanks; other encodings."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest

from core.data.read import BAD, ROW, collect
from core.data.sniff import sniff
from core.errors import DataError, ProjectError
from tests.core.data.data_tools import MakeProject, load

ROWS = 1000
PLAIN = [f"{n},Lamp no {n},{n * 7}" for n in range(1, ROWS + 1)]


def table(lines: list[str]) -> bytes:
    return ("id,title,price\n" + "\n".join(lines) + "\n").encode("utf-8", errors="surrogateescape")


def with_line(number: int, line: str) -> list[str]:
    return [*PLAIN[: number - 1], line, *PLAIN[number:]]


READ = {
    "inch mark": ('500,Lamp 7" no 3,9', 'Lamp 7" no 3'),
    "two inch marks": ('500,Lamp 7" by 9" no 3,9', 'Lamp 7" by 9" no 3'),
    "quoted with quotes": ('500,"Lamp, 7"" no 3",9', 'Lamp, 7" no 3'),
    "a quote at the end": ('500,Lamp 7",9', 'Lamp 7"'),
    "a line break in quotes": ('500,"Lamp\nno 3",9', "Lamp\nno 3"),
}
COSTS = {
    "an open quote": ('500,"Lamp no 3,9', "quotes that do not match"),
    "words after a closing quote": ('500,"Lamp" no 3,9', "quotes that do not match"),
    "too many fields": ("500,Lamp,no 3,9", "more fields than the header"),
    "too few fields": ("500,Lamp", "fewer fields than the header"),
}


@pytest.mark.parametrize("kind", list(READ))
def test_quotes_inside_a_title_are_read(tmp_path: Path, kind: str) -> None:
    line, title = READ[kind]
    file = tmp_path / "x"
    file.write_bytes(table(with_line(500, line)))
    frame = sniff(file).table()
    assert frame.height == ROWS and not frame[BAD].count()
    expected = [row.split(",") for row in PLAIN]
    expected[499] = ["500", title, "9"]
    assert [list(row) for row in frame.select("id", "title", "price").rows()] == expected


@pytest.mark.parametrize("kind", list(COSTS))
@pytest.mark.parametrize("place", [1, 500, 1000])
def test_a_bad_line_costs_itself(tmp_path: Path, kind: str, place: int) -> None:
    line, reason = COSTS[kind]
    file = tmp_path / "x"
    file.write_bytes(table(with_line(place, line)))
    frame = sniff(file).table()
    bad = frame.filter(pl.col(BAD).is_not_null())
    assert bad.select(ROW, BAD).rows() == [(place, reason)]
    good = frame.filter(pl.col(BAD).is_null()).select("id", "title", "price").rows()
    assert good == [tuple(row.split(",")) for n, row in enumerate(PLAIN, 1) if n != place]


def test_two_open_quotes_far_apart_swallow_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x"
    lines = with_line(200, '200,"Lamp no 3,9')
    lines[299] = '300,Lamp no 3",9'
    lines[599] = '600,"Lamp no 3,9'
    file.write_bytes(table(lines))
    frame = sniff(file).table()
    assert frame.filter(pl.col(BAD).is_not_null())[ROW].to_list() == [200, 600]
    assert frame.height == ROWS and frame["title"][299] == 'Lamp no 3"'


def test_bytes_that_are_no_text_in_one_line(make: MakeProject) -> None:
    lines = [f"u{n % 9},i{n % 7},{n}" for n in range(1000)]
    lines[10], lines[20] = "u\udcff,i1,10", "u1,i\0x,20"
    log = ("user_id,item_id,t\n" + "\n".join(lines) + "\n").encode(errors="surrogateescape")
    report = load(make(log, time="t")).report
    assert report.rejected == {"control character in the item id": 1, "user id is not UTF-8": 1}
    assert [report.examples[reason][0]["row"] for reason in report.rejected] == [21, 11]


def test_too_many_bad_lines_are_an_error(make: MakeProject) -> None:
    lines = [f'u{n % 9},"i{n % 7}' if n % 10 == 0 else f"u{n % 9},i{n % 7}" for n in range(1000)]
    with pytest.raises(
        DataError, match=r"100 of 1,000 rows cannot be used; most often: quotes .* log\.txt row 1 "
    ) as caught:
        load(make("user_id,item_id\n" + "\n".join(lines)))
    assert caught.value.exit_code == 4


def test_a_file_that_leaves_out_empty_fields_at_the_end_is_read(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("id,title,price\n" + "".join(f"{n},Lamp\n" if n % 2 else f"{n},Lamp,3\n" for n in range(100)))
    frame = sniff(file).table()
    assert not frame[BAD].count() and frame["price"].null_count() == 50


def test_line_breaks_in_quotes_equal_the_reader_of_python(tmp_path: Path) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    rows = [[str(n), f'One "{n}"\nTwo, {n}\n\nThree' if n % 3 else f'7" lamp {n}', "x" * (n % 5)] for n in range(200)]
    writer.writerows([["id", "title", "more"], *rows])
    file = tmp_path / "x"
    for end in ("\r\n", "\n"):
        file.write_bytes(buffer.getvalue().replace("\r\n", end).encode())
        frame = collect(sniff(file), ["id", "title", "more"])
        assert not frame[BAD].count()
        assert frame.select("id", "title", pl.col("more").fill_null("")).rows() == [tuple(row) for row in rows]


SIGNS = ["::", "||", "\t\t", " ", "  ", " \t ", "\x01", "~", "^", ";;", "|||"]


@pytest.mark.parametrize("sign", SIGNS)
def test_separators_of_several_signs_and_blanks(make: MakeProject, sign: str) -> None:
    rows = [(f"u{n % 13}", f"i{n % 9}", str(1_600_000_000 + n * 37 % 1000)) for n in range(300)]
    log = "\n".join(sign.join(row) for row in [("user_id", "item_id", "t"), *rows]) + "\n"
    dataset = load(make(log, time="t", duplicates="keep"))
    expected: dict[str, list[str]] = {}
    for user, item, _ in sorted(rows, key=lambda row: int(row[2])):
        expected.setdefault(user, []).append(item)
    ids = dataset.items["item_id"].to_list()
    assert {u: [ids[i] for i in dataset.sequences[n]] for n, u in enumerate(dataset.users)} == expected
    assert not dataset.report.rejected


def test_blanks_between_and_around_are_one_separator(make: MakeProject) -> None:
    dataset = load(make("user_id  item_id\n u1 \t a\nu1   b \nu2 a\n\n"))
    assert dataset.users.to_list() == ["u1", "u2"] and dataset.items["item_id"].to_list() == ["a", "b"]


def test_movielens_lines_with_commas_and_bars_inside(make: MakeProject) -> None:
    table = "item_id::title::genres\n1::Toy Story, The (1995)::Animation|Comedy\n2::Heat (1995)::Action\n"
    dataset = load(make("user_id::item_id\nu::1\nu::2\n", table, text=["title", "genres"]))
    assert dataset.items["text"].to_list() == ["Toy Story, The (1995). Animation|Comedy", "Heat (1995). Action"]


def test_the_types_of_recbole_are_no_part_of_a_name(make: MakeProject) -> None:
    log = "user_id:token\titem_id:token\ttimestamp:float\nu\ta\t3\nu\tb\t1\n"
    table = "item_id:token\tmovie_title:token_seq\na\tToy Story\nb\tHeat\n"
    dataset = load(make(log, table, time="timestamp", text=["movie_title"]))
    assert dataset.items["text"].to_list() == ["Toy Story", "Heat"] and dataset.sequences[0].tolist() == [1, 0]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("told", [False, True])
def test_other_encodings_are_guessed_and_said_or_told(make: MakeProject, encoding: str, told: bool) -> None:
    titles = ["Café crème", "Über Straße", "Jalapeño", "plain"]
    log = "user_id,item_id\n" + "".join(f"Zoë{n},é{i}\n" for n in range(3) for i in range(4))
    table = "item_id,title\n" + "".join(f"é{i},{title}\n" for i, title in enumerate(titles))
    more = {"encoding": encoding} if told else {}
    dataset = load(make(log.encode(encoding), table.encode(encoding), text=["title"], **more))
    assert dataset.users.to_list() == ["Zoë0", "Zoë1", "Zoë2"]
    assert dataset.items["item_id"].to_list() == ["é0", "é1", "é2", "é3"]
    assert dataset.items["title"].to_list() == titles
    assert len(dataset.report.notes) == (0 if told else 2)
    assert told or "is not UTF-8 and is read as" in dataset.report.notes[0]


def test_an_unknown_encoding_is_named_and_utf8_is_never_taken_for_another(make: MakeProject) -> None:
    with pytest.raises(ProjectError, match=r"data\.encoding: there is no encoding 'klingon'"):
        load(make("user_id,item_id\nu,i\n", encoding="klingon"))
    dataset = load(make("user_id,item_id\nЖанна,日本\nZoë,é\n"))
    assert dataset.users.to_list() == ["Жанна", "Zoë"] and not dataset.report.notes
    cyrillic = load(make("user_id,item_id\nЖанна,a\nИван,b\n".encode("cp1251"), encoding="cp1251"))
    assert cyrillic.users.to_list() == ["Жанна", "Иван"]
