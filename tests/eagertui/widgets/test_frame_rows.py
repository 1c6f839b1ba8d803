"""The rows of a table: texts, filter language, order; against plain Python."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.arrays import Sequences
from eagertui.widgets.table import frame_rows
from eagertui.widgets.table.cell_texts import sort_key, texts
from eagertui.widgets.table.frame_rows import FrameRows, InteractionRows
from eagertui.widgets.table.frame_view import FilterError, RowSource

WORD = st.text("aAbBéÉ界🙂[].*%_'\\ 019", max_size=6)
TABLE = st.lists(st.tuples(WORD | st.none(), st.integers(-20, 120) | st.none(), st.booleans() | st.none()), max_size=30)
FILTER = st.text("aAbBéÉ界[].*%'\\ 019", max_size=3)


@pytest.fixture(autouse=True, scope="module")
def small_chunks() -> Any:
    """Every table of these tests has several chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame_rows, "CHUNK", 7)
        yield


def frame(table: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(table, {"word": pl.String, "size": pl.Int32, "new": pl.Boolean}, orient="row")


def told(value: object) -> str | None:
    return {True: "true", False: "false", None: None}[value] if isinstance(value, bool | None) else str(value)


def everything(rows: RowSource) -> list[tuple[str | None, ...]]:
    return rows.slice(0, rows.height)


def never() -> bool:
    return False


def has(row: tuple[Any, ...], text: str) -> bool:
    return any(cell is not None and re.search(re.escape(text), cell, re.IGNORECASE) for cell in row)


@given(TABLE, st.integers(0, 35), st.integers(0, 35))
def test_a_slice_is_the_texts_of_its_rows(table: list[tuple[Any, ...]], start: int, count: int) -> None:
    rows = FrameRows(frame(table))
    assert rows.height == rows.total == len(table)
    assert rows.slice(start, count) == [tuple(map(told, row)) for row in table[start : start + count]]


@given(TABLE, FILTER)
def test_plain_text_and_its_inverse(table: list[tuple[Any, ...]], text: str) -> None:
    rows, shown = FrameRows(frame(table)), [tuple(map(told, row)) for row in table]
    wanted = text.strip()
    kept, others = rows.filtered(f" {wanted} ", never), rows.filtered(f"! {wanted}", never)
    assert kept is not None and others is not None
    assert everything(kept) == [row for row in shown if not wanted or has(row, wanted)]
    assert everything(others) == [row for row in shown if not wanted or not has(row, wanted)]
    assert kept.total == others.total == len(table)


@given(TABLE, st.integers(0, 2), st.booleans(), FILTER)
def test_order_is_stable_and_puts_nulls_last(
    table: list[tuple[Any, ...]], column: int, descending: bool, text: str
) -> None:
    kept = FrameRows(frame(table)).filtered(text, never)
    assert kept is not None
    ordered = kept.ordered(column, descending, never)
    assert ordered is not None
    values = sort_key(frame(table)[:, column]).to_list()
    numbers = [n for n, row in enumerate(table) if not text.strip() or has(tuple(map(told, row)), text.strip())]
    known = [n for n in numbers if values[n] is not None]
    known.sort(key=lambda n: values[n] if not isinstance(values[n], str) else values[n].encode(), reverse=descending)
    expected = known + [n for n in numbers if values[n] is None]
    assert everything(ordered) == [tuple(map(told, table[n])) for n in expected]


@pytest.mark.parametrize("descending", [False, True])
def test_order_is_stable_in_a_large_table(descending: bool) -> None:
    numbers = np.arange(60_000)
    rows = FrameRows(pl.DataFrame({"key": numbers * 7919 % 5, "number": numbers})).ordered(0, descending, never)
    assert rows is not None
    shown = [(int(key or 0), int(number or 0)) for key, number in everything(rows)]
    assert shown == sorted(shown, key=lambda row: (-row[0] if descending else row[0], row[1]))


def test_what_an_order_goes_by() -> None:
    assert sort_key(pl.Series(["10", "9", None])).to_list() == [10, 9, None]
    assert sort_key(pl.Series(["B", "a", "9"])).to_list() == ["b", "a", "9"]
    assert sort_key(pl.Series([[2, 1], [1]])).to_list() == ["2, 1", "1"]


MOMENT = datetime.datetime(2014, 2, 28, 12, 30, 5, 999)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pl.Series([1.0, 0.1 + 0.2, 12.345678, 1393545600.0, 1393545600.25, None]),
         ["1", "0.3", "12.3457", "1393545600", "1393545600.2", None]),
        (pl.Series([float("nan"), float("inf"), -0.0, 1e-7, 1e20, 2.0**60]),
         ["NaN", "inf", "0", "1e-7", "1e+20", "1.152921504606847e+18"]),
        (pl.Series([0.1, 2.5], dtype=pl.Float32), ["0.1", "2.5"]),
        (pl.Series([MOMENT, None]), ["2014-02-28 12:30:05", None]),
        (pl.Series([MOMENT]).dt.replace_time_zone("UTC"), ["2014-02-28 12:30:05"]),
        (pl.Series([MOMENT.date(), None]), ["2014-02-28", None]),
        (pl.Series([MOMENT.time()]), ["12:30:05"]),
        (pl.Series([datetime.timedelta(minutes=3)]), ["3m"]),
        (pl.Series([2**62, -(2**62)]).cast(pl.Datetime("ms")), [str(2**62), str(-(2**62))]),
        (pl.Series([2**31 - 1, -(2**31)], dtype=pl.Int32).cast(pl.Date), ["2147483647", "-2147483648"]),
        (pl.Series([["a", None, "b"], [], None]), ["a, b", "", None]),
        (pl.Series([[0.5, 1.0], None]), ["0.5, 1", None]),
        (pl.Series([[["a", "b"], ["c"]]]), ["a, b, c"]),
        (pl.Series([[1, 2]], dtype=pl.Array(pl.Int8, 2)), ["1, 2"]),
        (pl.Series([{"a": 1}, None]), ["{'a': 1}", None]),
        (pl.Series([b"\xff\x00", None]), ["ff00", None]),
        (pl.Series(["x", None], dtype=pl.Categorical), ["x", None]),
        (pl.Series([None, None]), [None, None]),
        (pl.Series([], dtype=pl.List(pl.Float64)), []),
    ],
)  # fmt: skip
def test_the_text_of_a_value(values: pl.Series, expected: list[str | None]) -> None:
    assert texts(values).to_list() == expected


GOODS = pl.DataFrame(
    {
        "user": ["ann", "Bob", None],
        "price": [5.5, 20.0, 31.0],
        "Position": [0, 1, 2],
        "when": [datetime.datetime(2014, 1, 1), datetime.datetime(2015, 6, 1), None],
        "tags": [["a", "b"], [], ["c"]],
        "odd name": ["x", "y", "z"],
        "hidden": [1, 2, 3],
    }
)
SHOWN = ["user", "price", "Position", "when", "tags", "odd name"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("=price < 20", [0]),
        ("= PRICE between 6 and 25 ", [1]),
        ("=user = 'ann'", [0]),
        ("=user like '%B%'", [1]),
        ("=user ilike '%b%' or user is null", [1, 2]),
        ("=not user = 'ann'", [1]),
        ("=position in (1, 2)", [1, 2]),
        ("=\"odd name\" = 'z'", [2]),
        ("=price < 20 and user = 'it''s'", []),
        ("=length(user) = 3", [0, 1]),
        ("=\"when\" > '2015-01-01'", [1]),
        ('=extract(year from "when") = 2014', [0]),
        ("=array_contains(tags, 'b')", [0]),
        ("=hidden = 3", [2]),
        ("=case when price > 6 then true else false end", [1, 2]),
        ("=user = 'price'", []),
        ("=", [0, 1, 2]),
        ("!", [0, 1, 2]),
        ("", [0, 1, 2]),
        ("c", [2]),
        ("!ann", [1, 2]),
        ("2014-01", [0]),
    ],
)
def test_conditions(condition: str, expected: list[int]) -> None:
    found = FrameRows(GOODS, SHOWN).filtered(condition, never)
    assert found is not None
    assert everything(found) == [FrameRows(GOODS, SHOWN).slice(n, 1)[0] for n in expected]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("=pric < 20", "no column pric; price?"),
        ("=zzz < 20", "no column zzz; there are user, price"),
        ("=price <", "unable to parse"),
        ("=price", "a value, not a condition"),
        ("=1 = 1", "names no column"),
        ("=price > 'x'", "cannot compare"),
        ("=user ~ '('", "unclosed group"),
        ("=price > avg(price)", r"no function avg\(\)"),
        ("=row_number() over (order by price) < 2", r"no function row_number\(\)"),
        ("=price > lag (price) over (order by price)", "no function lag"),
        ("=price in (select 1)", "select has no place"),
        ("=exists (select 1)", r"no function exists\(\)"),
        ("=read_csv('/etc/passwd') is null", r"no function read_csv\(\)"),
        ("=__import__('os').system('x') = 0", r"no function __import__\(\)"),
        ("=price < 20; drop table x", "unexpected token"),
        ("=" + "(" * 900, "."),
        ("x" * 1001, "at most 1,000 characters"),
        ("a\ud800", "cannot stand in a table"),
        ("=user = '\ud800'", "."),
    ],
)
def test_a_bad_condition_says_why(condition: str, message: str) -> None:
    with pytest.raises(FilterError, match=message) as error:
        FrameRows(GOODS, SHOWN).filtered(condition, never)
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


LISTS = st.lists(st.lists(st.integers(0, 4), max_size=5), max_size=8)
ITEMS = pl.DataFrame(
    {
        "item_id": ["B2", "b1", "10", "B3", "a"],
        "title": ["Nail polish", None, "nail 10", "Brush", "Été"],
        "text": ["long", "long", "long", "long", "short"],
        "price": [5.0, 7.0, None, 9.0, 11.0],
    }
)


def interactions(lists: list[list[int]]) -> tuple[InteractionRows, FrameRows]:
    """The same table twice: made as it is looked at, and written down."""
    users = pl.Series([f"u{n}" if n % 3 else str(n) for n in range(len(lists))], dtype=pl.String)
    numbers = np.array([item for items in lists for item in items], np.int32)
    offsets = np.cumsum([0, *map(len, lists)]).astype(np.int64)
    owners = [n for n, items in enumerate(lists) for _ in items]
    whole = pl.DataFrame(
        {
            "user": users[owners] if owners else pl.Series([], dtype=pl.String),
            "pos": pl.Series([place for items in lists for place in range(len(items))], dtype=pl.Int64),
            "item": ITEMS["item_id"][numbers],
            "title": ITEMS["title"][numbers],
            "price": ITEMS["price"][numbers],
        }
    )
    return InteractionRows(users, ITEMS, Sequences(numbers, offsets)), FrameRows(
        whole, ["user", "pos", "item", "title"]
    )


FILTERS = [
    "", "nail", "!nail", "u1", "3", "!2", "é", "zzz", "=user = 'u1'", "=item like 'B%'", "=title is null", "=pos > 1",
    "=price > 6", "=pos > 0 and title ilike '%nail%'", "=user like 'u%' and item <> 'a'", "=pos + price > 8",
]  # fmt: skip


@given(LISTS, st.sampled_from(FILTERS), st.none() | st.tuples(st.integers(0, 3), st.booleans()), st.integers(0, 20))
def test_interactions_are_as_if_written_down(
    lists: list[list[int]], text: str, order: tuple[int, bool] | None, start: int
) -> None:
    lazy, whole = (rows.filtered(text, never) for rows in interactions(lists))
    assert lazy is not None and whole is not None
    if order is not None:
        lazy, whole = lazy.ordered(*order, never), whole.ordered(*order, never)
        assert lazy is not None and whole is not None
    assert lazy.height == whole.height and lazy.total == whole.total
    assert everything(lazy) == everything(whole)
    assert lazy.slice(start, 5) == whole.slice(start, 5)


def test_interactions_without_titles() -> None:
    rows = InteractionRows(
        pl.Series(["u"]),
        ITEMS.select("item_id"),
        Sequences(np.array([1, 0], np.int32), np.array([0, 2], np.int64)),
    )
    assert rows.slice(0, 9) == [("u", "0", "b1", None), ("u", "1", "B2", None)]
    found = rows.filtered("title", never)
    assert found is not None and found.height == 0 and found.slice(0, 5) == []


def stop_after(looks: int) -> tuple[Callable[[], bool], list[int]]:
    seen: list[int] = []

    def stopped() -> bool:
        seen.append(1)
        return len(seen) > looks

    return stopped, seen


@pytest.mark.parametrize("text", ["a", "!a", "=pos > 1 and price > 2", "=user = 'x'"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_filter_stops_soon(text: str, which: int) -> None:
    rows = interactions([[0, 1, 2, 3]] * 30)[which]
    whole, looks = stop_after(10**6)
    assert rows.filtered(text, whole) is not None
    assert len(looks) > 5
    for limit in range(len(looks)):
        stopped, seen = stop_after(limit)
        assert rows.filtered(text, stopped) is None
        assert len(seen) == limit + 1


@pytest.mark.parametrize("which", [0, 1])
def test_an_order_is_not_begun_when_it_was_stopped(which: int) -> None:
    rows = interactions([[0, 1], [2]])[which]
    for limit in (0, 1):
        assert rows.ordered(0, False, stop_after(limit)[0]) is None


def test_figures_stand_on_the_right() -> None:
    assert [c.right for c in FrameRows(GOODS, SHOWN).columns] == [False, True, True, False, False, False]
    assert [c.right for c in interactions([[0]])[0].columns] == [False, True, False, False]
