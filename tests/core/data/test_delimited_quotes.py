"""Quotes, line breaks and tabs in delimited text: what a writer of CSV wrote comes back, or is counted as bad."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.data.read import BAD, ROW
from core.data.sniff import sniff
from core.errors import DataError
from tests.core.data.data_tools import MakeProject, load
from tests.core.data.inputs import LOG, TITLES, histories, read, table
from tests.core.data.test_inputs import BY_USER

HEADER = ["item_id", "title", "note", "price"]
STORY = [
    ["101", "Book A", "plain", "1.5"],
    ["102", 'Book of 12" B', "x", "2"],
    ["103", "Book Zf", "A fine story.\nSecond paragraph.", "10.3"],
    ["104", "A\ttab", 'They say "hi".\n\nAnd more.', "4"],
    ["105", "Words, and; more|of\tthem", 'One, two; three|four\tfive,\nsix "seven"', "5"],
]
QUOTINGS = {"where needed": csv.QUOTE_MINIMAL, "all": csv.QUOTE_ALL, "no numbers": csv.QUOTE_NONNUMERIC}
Rows = list[tuple[str | None, ...]]


def rows_of(path: Path, content: str, key: str = "") -> pl.DataFrame:
    path.write_bytes(content.encode())
    return sniff(path).table(key=key)


def values(frame: pl.DataFrame) -> Rows:
    """The good rows, without what is not in the file."""
    return frame.filter(pl.col(BAD).is_null()).drop(ROW, BAD).rows()


def bad(frame: pl.DataFrame) -> list[tuple[int, str]]:
    return frame.filter(pl.col(BAD).is_not_null()).select(ROW, BAD).rows()


def as_read(rows: Sequence[Sequence[str]]) -> Rows:
    return [tuple(field if field.strip() else None for field in row) for row in rows]


# --- tables that a writer of CSV wrote -------------------------------------------------------------------------------


@pytest.mark.parametrize("quoting", list(QUOTINGS))
@pytest.mark.parametrize("sign", [",", ";", "|", "\t"])
def test_line_breaks_tabs_and_quotes_come_back_with_any_sign(tmp_path: Path, sign: str, quoting: str) -> None:
    frame = rows_of(tmp_path / "x", table(STORY, HEADER, sign, quoting=QUOTINGS[quoting]), "item_id")
    assert not bad(frame) and values(frame) == as_read(STORY)


def test_a_tab_separated_file_of_pandas(make: MakeProject) -> None:
    text = "".join(f"i{n}\tTitle {n}\tplain {n}\t{n}.5\n" for n in range(50))
    log = "user_id,item_id\n" + "".join(f"u,i{n}\n" for n in range(50)) + "u,103\n"
    story = 'item_id\ttitle\tnote\tprice\n103\tBook Zf\t"A fine story.\nSecond paragraph."\t10.3\n'
    for content in (story + text, story.partition("\n")[0] + "\n" + text + story.partition("\n")[2]):
        dataset = load(make(log, content, text=["title", "note"]))
        book = dataset.items.filter(pl.col("item_id") == "103")
        assert book["text"].to_list() == ["Book Zf. A fine story. Second paragraph"]
        assert book["price"].to_list() == [10.3] and not dataset.report.item_rejected
        assert len(dataset.items) == 51


FIELD = st.lists(st.text("ab 0\",;|\t'", max_size=6), min_size=1, max_size=3).map("\n".join)
TABLES = st.integers(1, 4).flatmap(lambda more: st.lists(st.lists(FIELD, min_size=more, max_size=more), min_size=1))


@settings(max_examples=300, deadline=None)
@given(TABLES, st.sampled_from(",;|\t"), st.sampled_from(list(QUOTINGS.values())), st.sampled_from(["\n", "\r\n"]))
@example([["a\nb"]], "\t", csv.QUOTE_MINIMAL, "\n")
@example([['"', 'a "b"', "c\td"]], "\t", csv.QUOTE_ALL, "\r\n")
def test_any_table_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, fields: list[list[str]], sign: str, quoting: int, end: str
) -> None:
    # Of a field with both, the lines could be rows themselves; one of a person's own is in `STORY`.
    rows = [[f"i{n}", *(f.replace(sign, "") if "\n" in f else f for f in some)] for n, some in enumerate(fields)]
    header = ["item_id", *(f"text{n}" for n in range(1, len(rows[0])))]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=sign, quoting=quoting, lineterminator=end).writerows([header, *rows])  # type: ignore[arg-type]
    frame = rows_of(tmp_path_factory.getbasetemp() / "any", buffer.getvalue(), "item_id")
    assert frame.columns[: len(header)] == header
    assert not bad(frame) and values(frame) == as_read(rows)


# --- quotes that are plain text, and pieces of rows ------------------------------------------------------------------


def test_inch_marks_in_a_tab_separated_file_are_plain_text(tmp_path: Path) -> None:
    rows = [["1", '12" pipe', "x"], ["2", '"Weird" Al', "y"], ["3", '5"', "z"], ["4", "plain", "w"]] * 20
    text = "".join("\t".join(row) + "\n" for row in [["item_id", "title", "note"], *rows])
    frame = rows_of(tmp_path / "x", text, "item_id")
    assert not bad(frame) and values(frame) == as_read(rows)


def test_an_inch_mark_beside_quoted_line_breaks(tmp_path: Path) -> None:
    text = "item_id\ttitle\tnote\n" + "".join(f'{n}\tPipe {n}\t12" pipe\n' for n in range(30))
    text += '103\tBook\t"One.\nTwo."\n104\t"A\nB"\tx\n'
    frame = rows_of(tmp_path / "x", text, "item_id")
    assert not bad(frame) and values(frame)[-2:] == [("103", "Book", "One.\nTwo."), ("104", "A\nB", "x")]


PIECES = {
    "an open quote among inch marks": ('900\tBook\t"A story.\nSecond part."\t3\n', 2),
    "an open quote in the last field": ('900\tBook\tx\t"A story.\nSecond part."\n', 2),
    "a backslash, as MySQL writes": ("900\tBook\tA story.\\\nSecond part.\t3\n", 2),
    "a backslash in the last field": ("900\tBook\tx\tA story.\\\nSecond\\\npart.\n", 3),
}


@pytest.mark.parametrize("times", [1, 40])
@pytest.mark.parametrize("name", list(PIECES))
def test_pieces_of_a_row_are_no_items(tmp_path: Path, name: str, times: int) -> None:
    """However many there are: a file may leave out empty fields at the end, but not so."""
    text, count = PIECES[name]
    inches = [f'{n}\t"Weird" Al {n}\t5" disc, {n} "\t1' for n in range(300)]
    header = "item_id\ttitle\tnote\tprice\n"
    lines = "".join(f"{line}\n" + (text if n < times else "") for n, line in enumerate(inches))
    frame = rows_of(tmp_path / "x", header + lines, "item_id")
    assert len(bad(frame)) == times * count
    assert [row[0] for row in values(frame)] == [str(n) for n in range(300)]


def test_lines_that_leave_out_empty_fields_and_end_in_backslashes_stay(tmp_path: Path) -> None:
    rows = [(str(n), f"C:\\files\\{n}\\") if n % 2 else (str(n), f"Item {n}", "x") for n in range(0, 100, 2)]
    rows += [(str(n), f"Item {n}", f"C:\\files\\{n}\\") for n in range(100, 140)]
    text = "".join("\t".join(row) + "\n" for row in [("item_id", "title", "place"), *rows])
    assert not bad(rows_of(tmp_path / "x", text, "item_id"))


def test_ids_with_inch_marks_and_with_quotes_around_a_word_stay(tmp_path: Path) -> None:
    ids = ['Pipe 12"', '"Weird" Al', 'The "King"', "plain"]
    text = "title\tprice\n" + "".join(f"{one}\t{n}\n" for n, one in enumerate(ids))
    frame = rows_of(tmp_path / "x", text, "title")
    assert not bad(frame) and frame["title"].to_list() == ids


@pytest.mark.parametrize("sign", [",", "\t", "::", ";"])
def test_a_short_line_is_no_item_whatever_stands_beside_it(tmp_path: Path, sign: str) -> None:
    lines = [sign.join((str(n), f'Lamp {n}"', str(n))) for n in range(100)]
    lines[50] = f"50{sign}Lamp"
    frame = rows_of(tmp_path / "x", "\n".join([sign.join(("item_id", "title", "price")), *lines, ""]), "item_id")
    assert bad(frame) == [(51, "fewer fields than the header")]


# --- blanks around quotes, quotes between blanks ---------------------------------------------------------------------


def test_a_blank_before_a_quote_is_no_part_of_the_field(tmp_path: Path) -> None:
    text = (
        'item_id, "title", "note"\n1, "B107", x\n"2" , "a, b" , y\n3, "Heroes" by Bowie, z\n4, "one\ntwo", w\n'
        '5, 12" pipe, "say ""hi"""\n'
    )
    frame = rows_of(tmp_path / "x", text, "item_id")
    assert not bad(frame) and frame.columns[:3] == ["item_id", "title", "note"]
    assert [tuple(field.strip() for field in row if field) for row in values(frame)] == [
        ("1", "B107", "x"), ("2", "a, b", "y"), ("3", '"Heroes" by Bowie', "z"), ("4", "one\ntwo", "w"),
        ("5", '12" pipe', 'say "hi"'),
    ]  # fmt: skip


def test_a_log_with_a_blank_before_each_quote(tmp_path: Path) -> None:
    log = "".join(", ".join(f'"{field}"' for field in line.split(",")) + "\n" for line in LOG.splitlines())
    items = "item_id, title\n" + "".join(f'{item}, "{title}, new"\n' for item, title in TITLES.items())
    reading = read(tmp_path, log, items)
    assert reading.lists == histories() and not reading.dataset.report.rejected
    assert reading.titles == {item: f"{title}, new" for item, title in TITLES.items()}


@pytest.mark.parametrize("sign", ["::", "||", " ", "  ", "\t\t", "~", "^"])
def test_quotes_are_no_part_of_ids_whatever_parts_them(make: MakeProject, sign: str) -> None:
    rows = [("user_id", "item_id"), *((f"u{n % 13}", f"i {n % 9}") for n in range(300))]
    log = "".join(sign.join(f'"{field}"' for field in row) + "\n" for row in rows)
    items = f'"item_id"{sign}"title"\n' + "".join(f'"i {n}"{sign}"Lamp{sign}{n}"\n' for n in range(9))
    dataset = load(make(log, items, text=["title"], duplicates="keep"))
    assert dataset.users.to_list() == [f"u{n}" for n in range(13)]
    assert dataset.items["item_id"].to_list() == [f"i {n}" for n in range(9)]
    assert [title.split() for title in dataset.items["title"]] == [f"Lamp{sign}{n}".split() for n in range(9)]
    assert not dataset.report.rejected and not dataset.report.item_rejected


@pytest.mark.parametrize("sign", ["::", "||"])
def test_quotes_at_one_end_between_several_signs_are_plain_text(tmp_path: Path, sign: str) -> None:
    rows = [["1", '"Weird" Al', "x"], ["2", '12"', "y"], ["3", '"', "z"], ["4", '"All"', "w"]]
    frame = rows_of(tmp_path / "x", "\n".join(sign.join(row) for row in [["item_id", "title", "note"], *rows]) + "\n")
    assert not bad(frame) and values(frame) == as_read(rows)


def of_r(
    rows: list[list[str]], header: list[str], names: list[str] | None, sign: str = " ", quoted: bool = True
) -> str:
    """As R's `write.table` writes a table; `names` are those of the rows, which the header leaves out."""

    def written(field: str) -> str:
        plain = not quoted or field.replace(".", "").isdigit()
        return field if plain else '"' + field.replace('"', '\\"') + '"'

    lines = [[f'"{name}"' if quoted else name for name in header]]
    lines += [
        [*([f'"{names[n]}"' if quoted else names[n]] if names else []), *map(written, row)]
        for n, row in enumerate(rows)
    ]
    return "".join(sign.join(line) + "\n" for line in lines)


LOG_ROWS = [line.split(",") for line in LOG.splitlines()[1:]]
NAMES = ["user_id", "item_id", "rating", "timestamp"]
OF_R = {
    "without the names of the rows": None,
    "numbered": [str(n + 1) for n in range(600)],
    "named": [str(7 * n + 3) for n in range(600)],
}


@pytest.mark.parametrize("sign", [" ", ",", "\t"])
@pytest.mark.parametrize("name", list(OF_R))
def test_what_r_writes(tmp_path: Path, name: str, sign: str) -> None:
    names = OF_R[name]
    rows = [[f"u{user}", f"i{item}", *more] for user, item, *more in LOG_ROWS]
    table_ = [[f"i{item}", f'{title}, "new"' if item == "503" else title] for item, title in TITLES.items()]
    reading = read(
        tmp_path, of_r(rows, NAMES, names, sign), of_r(table_, ["item_id", "title"], names and names[:40], sign)
    )
    assert reading.lists == {f"u{user}": [f"i{item}" for item in taken] for user, taken in BY_USER.items()}
    assert reading.titles == {f"i{i}": f'{t}, "new"' if i == "503" else t for i, t in TITLES.items()}
    assert not reading.dataset.report.rejected and not reading.dataset.report.item_rejected
    assert any("R's names of the rows" in said for said in reading.said) == (name == "named")


def test_numbered_rows_of_r_without_quotes(tmp_path: Path) -> None:
    reading = read(tmp_path, of_r(LOG_ROWS, NAMES, OF_R["numbered"], quoted=False))
    assert reading.lists == histories()


@pytest.mark.parametrize("title", ["Report, 2024\n", "Shop,all,2024,EUR\nfrom,1.1.,to,31.12.\n", "Report\n"])
def test_titles_of_several_fields_above_a_header_that_says_its_columns(tmp_path: Path, title: str) -> None:
    pairs = "user_id,item_id\n" + "".join(f"{row[0]},{row[1]}\n" for row in LOG_ROWS)
    reading = read(tmp_path, title + LOG, title + table(TITLES.items(), ["item_id", "title"]))
    assert reading.lists == histories() and reading.titles == TITLES
    (tmp_path / "pairs").mkdir()
    users = read(tmp_path / "pairs", title + pairs).dataset.users
    assert "user_id" not in users and sorted(users) == sorted(histories())


# --- why no row can be read ------------------------------------------------------------------------------------------

UNREADABLE = {
    "names of the rows without quotes": (
        "user_id,item_id,rating,timestamp\n" + "".join(f"r{n},{','.join(row)}\n" for n, row in enumerate(LOG_ROWS)),
        ("more fields than the header", "row 1", "user_id, item_id"),
    ),
    "a title with a comma": (
        "Report, 2024\n" + LOG.replace("user_id,item_id,rating,timestamp", "who,what,how,when2"),
        ("more fields than the header", "row 1", "Report, ", "above it"),
    ),
    "quotes inside quotes": (
        "user_id,item_id,rating,timestamp\n" + "".join(f'"{row[0]} "x" y",{",".join(row[1:])}\n' for row in LOG_ROWS),
        ("quotes that do not match", "row 1"),
    ),
}


@pytest.mark.parametrize("name", list(UNREADABLE))
def test_the_first_reason_is_said_where_no_row_can_be_read(tmp_path: Path, name: str) -> None:
    content, words = UNREADABLE[name]
    with pytest.raises(DataError) as caught:
        read(tmp_path, content)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert "no values" not in str(caught.value)
