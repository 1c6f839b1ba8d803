"""What is to be said of the ids of a log: written in two ways throughout they are refused, as are rounded ones."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.data.arrays import Int64
from core.data.data_report import DataReport
from core.data.ids import as_floats, rounded, two_writings, with_prefix
from core.data.partitions import place_of
from core.data.read import TableFile
from core.errors import DataError

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_EATEN = rf"^(?i:\d{{1,2}}-(?:{_MONTHS})|(?:{_MONTHS})-\d{{2}})$"
_ROUNDED = 0.02
"""The share of ids with digits missing above which a column is refused."""


def check_rounded(ids: pl.Series, called: str, report: DataReport) -> None:
    """Refuse ids that a spreadsheet has rounded; say where only a few are.

    Args:
        ids: All ids of a column.
        called: The column, and its table where it is not the log, as messages name it.
        report: What is said.

    Raises:
        DataError: they are too many to be chance.
    """
    if len(lost := rounded(ids)):
        text = f"{called} holds ids in scientific notation, e.g. {lost[0]}: digits are lost ({len(lost):,} ids)"
        if len(lost) > _ROUNDED * len(ids):
            raise DataError(text, "Export the column as text from where the data come from.")
        report.notes.append(text)


def check_writing(ids: pl.Series, first: Int64, name: str, sources: list[TableFile], report: DataReport) -> None:
    """Refuse ids that are written in two ways throughout, or rounded; say where only a few are.

    Args:
        ids: All ids of a column.
        first: Where each stands first.
        name: The column.
        sources: The files.
        report: What is said.

    Raises:
        DataError: names both writings with a row of each.
    """
    check_rounded(ids, f'"{name}"', report)
    if len(ids) <= 2 and set(ids.str.to_lowercase()) <= {"true", "false"}:
        raise DataError(f'the column "{name}" holds true and false, not ids', "Name the column of the ids.")
    dates = ids.filter(ids.str.contains(_EATEN))
    if len(dates) > _ROUNDED * len(ids):
        report.notes.append(
            f'"{name}" holds ids such as {dates[0]}, as spreadsheets write codes that look like dates to them '
            f"({len(dates):,} ids): export the column as text"
        )
    if long := as_floats(ids):
        report.notes.append(
            f'the {len(long):,} ids in "{name}" of more than 15 digits, e.g. {long[0]}, are all such as a float or a '
            "spreadsheet holds: where one has rounded them, several are one; export the column as text"
        )
    one, count = with_prefix(ids)
    if one:
        report.notes.append(
            f'{count:,} ids in "{name}" have a word in front, e.g. {one[:60]}, and stand without it too: they are kept '
            "apart; write each in one way where they are the same"
        )
    if two_writings(ids) is None:
        return
    order = np.argsort(first)
    clash = two_writings(ids[order])
    assert clash is not None
    places = []
    for value in (clash.one, clash.other):
        file, row = place_of(int(first[(ids == value).arg_true()[0]]))
        places.append(f"{sources[file].path.name} row {row}: {clash.shown(value)}")
    text = f'the ids in "{name}" are written in two ways: {", but ".join(places)} ({clash.count:,} ids)'
    if clash.systematic:
        raise DataError(text, "Write every id in one way in all files.")
    report.notes.append(f"{text}; they are kept apart")
