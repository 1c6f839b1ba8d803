"""Times that say less than they seem to: of day without a date, of no time at all, of no zone beside those of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from core.data.time_values import are_clocks
from core.errors import DataError
from tests.core.data.inputs import ROWS, Row, histories, log, read
from tests.core.data.test_export_inputs import columns
from tests.core.data.test_inputs import frame, parquet, written
from tests.core.data.workbook import workbook

DAY = 86_400_000_000
EMPTY = ["0000-01-01", "0001-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1904-01-01", "1970-01-01"]
AWAY = {id(row) for row in ROWS[:25]}
"""Rows with a time that stands for none; these are fewer than `max_rejected` allows."""


def clock_on(day: str, form: str = "%H:%M:%S") -> Callable[[Row], str]:
    return lambda row: f"{day} {row.when.strftime(form)}"


def dated(time: Callable[[Row], str], day: str = "Date") -> str:
    """A day in a column, and a clock time in another."""
    return columns(f"{day}=day", "Time=time", "user_id=user", "item_id=item", day=written("%m/%d/%Y"), time=time)


def sometimes(none: str) -> str:
    return log(when=lambda row: none if id(row) in AWAY else row.when.strftime("%Y-%m-%d %H:%M:%S"))


@pytest.mark.parametrize("name", ["Date", "bought"])
@pytest.mark.parametrize("day", EMPTY)
def test_times_of_day_on_a_day_for_none_give_way_to_dates(tmp_path: Path, day: str, name: str) -> None:
    reading = read(tmp_path, dated(clock_on(day), name))
    assert reading.settings.time == name and reading.lists == histories()
    assert any("not used, though it looks like times: Time" in said for said in reading.said)


def test_times_of_day_of_a_workbook_give_way_to_dates(tmp_path: Path) -> None:
    clock = datetime(1899, 12, 30)
    rows = [
        [datetime(r.when.year, r.when.month, r.when.day), datetime.combine(clock, r.when.time()), r.user, r.item]
        for r in ROWS
    ]
    book = workbook({"log": [["Date", "Time", "Customer", "Item"], *rows]})
    reading = read(tmp_path, book, name="log.xlsx")
    assert reading.settings.time == "Date" and reading.lists == histories()
    (tmp_path / "named").mkdir()
    with pytest.raises(DataError, match=r'log\.xlsx: "Time" holds times of day without a date.*1899-12-31 \d'):
        read(tmp_path / "named", book, name="log.xlsx", time="Time")


def test_days_and_shares_of_a_day_as_a_spreadsheet_counts(tmp_path: Path) -> None:
    day, share = lambda row: row.seconds // 86400 + 25569, lambda row: row.seconds % 86400 / 86400
    text = columns("Date=day", "Time=share", "user_id=user", "item_id=item", day=day, share=share)
    reading = read(tmp_path, text)
    assert reading.settings.time == "Date" and reading.lists == histories()


def test_typed_times_of_day_give_way_to_dates(tmp_path: Path) -> None:
    days = [row.when.date() for row in ROWS]
    clocks = [datetime.combine(date(1970, 1, 1), row.when.time()) for row in ROWS]
    table = frame(timestamp=None).with_columns(date=pl.Series(days), time=pl.Series(clocks))
    reading = read(tmp_path, parquet(table))
    assert reading.settings.time == "date" and reading.lists == histories()


def test_times_of_day_without_dates_are_refused(tmp_path: Path) -> None:
    text = columns("user_id=user", "item_id=item", "Time=time", time=clock_on("1900-01-01"))
    with pytest.raises(DataError, match='"Time" seems to hold times of day without a date'):
        read(tmp_path, text)


@pytest.mark.parametrize("day", ["2000-01-01", "2026-11-30"])
def test_clocks_on_the_day_of_the_export_are_asked_about(tmp_path: Path, day: str) -> None:
    """As Rails and pandas add one to times of day."""
    with pytest.raises(DataError, match=r"cannot tell which column orders the interactions: Time .*, Date "):
        read(tmp_path, dated(clock_on(day)))


def test_logs_of_one_day_keep_their_times(tmp_path: Path) -> None:
    time = clock_on("2026-11-30")
    text = columns("Date=day", "Time=time", "user_id=user", "item_id=item", day=lambda row: "11/30/2026", time=time)
    assert read(tmp_path, text).settings.time == "Time"


def test_clocks_of_other_zones_reach_into_the_next_day() -> None:
    first = -25_569 * DAY  # 1899-12-30
    assert are_clocks(first + 5 * 3_600_000_000, first + 28 * 3_600_000_000)
    assert not are_clocks(first, first + DAY), "two days"
    assert not are_clocks(first, first), "the same value everywhere stands for none"
    assert not are_clocks(20_000 * DAY, 20_000 * DAY + 3_600_000_000), "2024"


@pytest.mark.parametrize(
    "none",
    ["1969-12-31 19:00:00", "1601-01-01 00:00:00", "1753-01-01 00:00:00", "1904-01-01 00:00:00", "1899-12-30 00:00:00",
     "2099-12-31 00:00:00", "2999-12-31 23:59:59", "2109-11-28 07:05:09"],
)  # fmt: skip
def test_dates_outside_the_years_of_logs_are_none(tmp_path: Path, none: str) -> None:
    reading = read(tmp_path, sometimes(none))
    assert reading.lists == histories(row for row in ROWS if id(row) not in AWAY)
    assert reading.dataset.report.rejected_rows == len(AWAY)
    assert all("stands for none" in why or "before 1980" in why for why in reading.dataset.report.rejected)


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
def test_the_end_of_2099_as_a_number_is_none(tmp_path: Path, unit: int) -> None:
    text = log(when=lambda row: unit * (4_102_358_400 if id(row) in AWAY else row.seconds))
    reading = read(tmp_path, text)
    assert reading.lists == histories(row for row in ROWS if id(row) not in AWAY)
    assert list(reading.dataset.report.rejected) == ["a time before 1980 or from 2099-12-31 on among "
                                                     f"{ {1: '', 1000: 'milli', 10**6: 'micro', 10**9: 'nano'}[unit]}"
                                                     "seconds since 1970"]  # fmt: skip


@pytest.mark.parametrize("none", ["1900-01-01 00:00:00", "1970-01-01 00:00:00", "2099-12-31 00:00:00", 0, -1])
def test_times_for_none_in_most_rows_are_refused(tmp_path: Path, none: str | int) -> None:
    often = {id(row) for row in ROWS[:400]}
    text = log(when=lambda row: none if id(row) in often else str(row.when) if isinstance(none, str) else row.seconds)
    with pytest.raises(DataError, match=r"400 of 600 rows cannot be used.*(stands for none|before 1980)"):
        read(tmp_path, text)


def test_old_dates_are_kept_where_most_are_old(tmp_path: Path) -> None:
    text = log(when=lambda row: f"{row.when.year - 100}-{row.when:%m-%d %H:%M:%S}")
    assert read(tmp_path, text).lists == histories()


def test_typed_times_with_and_without_a_zone_are_refused_together(tmp_path: Path) -> None:
    times = frame(timestamp=pl.Series([row.when for row in ROWS]))
    zoned = times.with_columns(pl.col("timestamp").dt.replace_time_zone("UTC"))
    tokyo = zoned.with_columns(pl.col("timestamp").dt.convert_time_zone("Asia/Tokyo"))
    two = {"a.parquet": parquet(zoned[:300]), "b.parquet": parquet(tokyo[300:])}
    assert read(tmp_path, two, name="zoned").lists == histories()
    mixed = {"a.parquet": parquet(zoned[:300]), "b.parquet": parquet(times[300:])}
    with pytest.raises(DataError, match=r"a\.parquet and .*b\.parquet write timestamp .* row 1.*without a zone"):
        read(tmp_path, mixed, name="mixed")
