"""Tables with a line drawn below the header, which is no row."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.data.sniff import sniff
from tests.core.data.inputs import TITLES, histories, items, read, table
from tests.core.data.test_export_inputs import OLDEST_FIRST

LOG = table([(row.user, row.item) for row in OLDEST_FIRST], ["user_id", "item_id"], "|")
DRAWN = {"Markdown": "|:---|---:|", "short": "|--|:-:|", "with blanks": "| :--- | ---: |", "Org mode": "|------+-----|"}


def drawn(text: str, line: str) -> str:
    """A table of two columns between bars."""
    header, *rows = text.splitlines()
    return "".join(f"{one}\n" for one in (f"| {header} |", line, *(f"| {row} |" for row in rows)))


@pytest.mark.parametrize("above", ["", "# Our log\n\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("line", list(DRAWN))
def test_the_line_below_the_header_is_no_row(tmp_path: Path, line: str, end: str, above: str) -> None:
    text = (above + drawn(LOG, DRAWN[line])).replace("\n", end)
    reading = read(tmp_path, text, drawn(items(sign="|"), DRAWN[line]))
    assert reading.lists == histories() and reading.titles == TITLES
    assert reading.dataset.report.rejected_rows == 0


def test_a_line_of_psql(tmp_path: Path) -> None:
    reading = read(tmp_path, LOG.replace("\n", "\n---------+---------\n", 1))
    assert reading.lists == histories() and reading.dataset.report.rejected_rows == 0


def test_names_of_a_person(tmp_path: Path) -> None:
    reading = read(tmp_path, drawn(LOG, DRAWN["Markdown"]), columns=("a", "user", "item", "b"))
    assert set(reading.lists) - set(histories()) == {"user_id"}, "the header is a row then, as everywhere"


def test_dashes_elsewhere_are_values(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text(LOG.replace("\n1002", "\n---", 3))
    assert sniff(file).format == "csv"
