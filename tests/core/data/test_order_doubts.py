"""Columns that may hold the order: used, or said; and times that count from another beginning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.data.doubts import doubts
from core.settings import DataSettings
from tests.core.data.inputs import ROWS, Row, histories, log, read, table
from tests.core.data.test_export_inputs import OLDEST_FIRST, PLACES, columns
from tests.core.data.test_inputs import frame, parquet

SAID = "though it may stand in other columns: "
ALL = {id(row): n for n, row in enumerate(OLDEST_FIRST)}


def place(row: Row) -> int:
    return PLACES[row.user][row.item]


def numbered(name: str, value: Callable[[Row], Any], rows: list[Row] = ROWS) -> str:
    return columns("user_id=user", "item_id=item", f"{name}=n", n=value, rows=rows)


@pytest.mark.parametrize("name", ["sequence_number", "order_number", "visit_number", "click_number", "timestep", "turn",
                                  "seqnum", "SequenceNumber", "event_number", "Step number"])  # fmt: skip
@pytest.mark.parametrize("first", [0, 1])
def test_what_is_called_after_an_order_is_used(tmp_path: Path, name: str, first: int) -> None:
    reading = read(tmp_path, numbered(name, lambda row: place(row) - 1 + first))
    assert reading.settings.position == name and reading.lists == histories()


def test_numbers_of_a_shop_s_orders_are_said(tmp_path: Path) -> None:
    reading = read(tmp_path, numbered("order_number", lambda row: 1001 + ALL[id(row)]))
    assert not reading.settings.position and any(f"{SAID}order_number" in said for said in reading.said)


def test_the_number_of_an_order_is_the_basket_where_there_is_no_user(tmp_path: Path) -> None:
    reading = read(tmp_path, columns("order_number=user", "sku=item", rows=OLDEST_FIRST))
    assert reading.settings.user == "order_number" and reading.lists == histories()


def test_codes_and_prices_of_orders_are_no_order(tmp_path: Path) -> None:
    for name in ("order_code", "order_price", "index_hash"):
        (tmp_path / name).mkdir()
        reading = read(tmp_path / name, numbered(name, lambda row: int(row.item) * 7 % 50))
        assert not reading.settings.position and not any(SAID in said for said in reading.said)


def test_visits_of_a_shop_come_before_places_in_a_basket(tmp_path: Path) -> None:
    """As in Instacart's joined tables; that the places repeat is said."""
    text = columns(
        "order_id=order", "product_id=item", "add_to_cart_order=inside", "user_id=user", "order_number=visit",
        order=lambda row: 10 * int(row.user) + (place(row) - 1) // 3, inside=lambda row: (place(row) - 1) % 3 + 1,
        visit=lambda row: (place(row) - 1) // 3 + 1, rows=sorted(OLDEST_FIRST, key=lambda row: -int(row.user)),
    )  # fmt: skip
    reading = read(tmp_path, text)
    assert reading.settings.position == "order_number" and reading.lists == histories()
    assert any("repeats in 67% of the neighbours" in said for said in reading.said)


COUNTS: dict[str, Callable[[Row], Any]] = {
    "from 1": place, "from 0": lambda row: place(row) - 1, "backwards": lambda row: 11 - place(row),
    "floats": lambda row: float(place(row)), "rows": lambda row: ALL[id(row)],
}  # fmt: skip


@pytest.mark.parametrize("name", ["rownum", "n", "id", "event_no", "col5"])
@pytest.mark.parametrize("how", list(COUNTS))
def test_what_counts_the_rows_is_said(tmp_path: Path, how: str, name: str) -> None:
    reading = read(tmp_path, numbered(name, COUNTS[how]))
    assert not reading.settings.position and any(f"{SAID}{name} (" in said for said in reading.said)


def test_rows_are_counted_in_large_logs_too(tmp_path: Path) -> None:
    rows = pl.DataFrame({"user_id": range(50_000)}).join(pl.DataFrame({"n": range(9)}), how="cross")
    rows = rows.with_columns(item_id=(pl.col("user_id") + 7 * pl.col("n")) % 900)
    rows.sample(fraction=1, shuffle=True, seed=1).write_csv(tmp_path / "log.csv")
    data = DataSettings(interactions="log.csv", user="user_id", item="item_id")
    assert any(f"{SAID}n (" in said for said in doubts(data, tmp_path))


def test_what_counts_the_rows_as_they_stand_is_not_said(tmp_path: Path) -> None:
    for name, value in {"place": place, "row": lambda row: ALL[id(row)]}.items():
        (tmp_path / name).mkdir()
        reading = read(tmp_path / name, numbered("n", value, OLDEST_FIRST))
        assert reading.lists == histories() and not any(SAID in said for said in reading.said)


def test_other_numbers_are_not_said(tmp_path: Path) -> None:
    rows = [(r.user, r.item, int(r.item) % 3, int(r.item) - 501, r.rating, int(r.user) - 1001) for r in ROWS]
    reading = read(tmp_path, table(rows, ["user_id", "item_id", "shop", "category_id", "rating", "segment"]))
    assert not any(SAID in said for said in reading.said)


EARLY: dict[str, Callable[[Row], Any]] = {
    "ticks of .NET": lambda row: 621_355_968 * 10**9 + row.seconds * 10**7,
    "seconds of Apple": lambda row: row.seconds - 978_307_200,
    "fractions of them": lambda row: row.seconds - 978_307_200 + 0.25,
    "nanoseconds of Apple": lambda row: (row.seconds - 978_307_200) * 10**9,
}


@pytest.mark.parametrize("name", list(EARLY))
def test_numbers_from_another_beginning_are_said(tmp_path: Path, name: str) -> None:
    reading = read(tmp_path, log(when=EARLY[name]))
    assert reading.lists == histories()
    assert any("count from another beginning" in said for said in reading.said)


def test_numbers_from_1970_are_not_said(tmp_path: Path) -> None:
    for back, unit in ((0, 1), (0, 10**9), (710_000_000, 1), (0, 1000)):  # the second last is 1997, as MovieLens 100k
        place_ = tmp_path / f"{back} {unit}"
        place_.mkdir()
        reading = read(place_, log(when=lambda row, back=back, unit=unit: (row.seconds - back) * unit))
        assert not any("another beginning" in said for said in reading.said)


@pytest.mark.parametrize("unit", [1, 1000])
def test_seconds_taken_for_nanoseconds_are_said(tmp_path: Path, unit: int) -> None:
    """As pandas takes them without a unit."""
    times = pl.Series([row.seconds * unit for row in ROWS]).cast(pl.Datetime("ns"))
    for name, content in {"typed": parquet(frame(timestamp=times)), "text": frame(timestamp=times).write_csv()}.items():
        (tmp_path / name).mkdir()
        assert any("were taken for nanoseconds" in said for said in read(tmp_path / name, content).said)
