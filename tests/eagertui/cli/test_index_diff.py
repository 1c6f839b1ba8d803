"""Two indices side by side, as rows of text."""

from __future__ import annotations

from pathlib import Path

from core.index.measure.diff import diff
from eagertui.cli.output.index_diff import diff_lines
from tests.core.index.measure.test_diff import STEPS, codes, write


def test_the_lines(tmp_path: Path) -> None:
    agreement = {"brand": [{"depth": 1, "agree": 0.5, "chance": 0.1}]}
    a = write(tmp_path / "a", codes(60, 5, 4), conflicts=STEPS, agreement=agreement, reconstruction={"semantic": 0.25})
    b = write(tmp_path / "b", codes(60, 7, seed=2), strategy="share")
    rows = diff_lines(diff(a, b))
    assert all(len(row) == 3 and all(isinstance(cell, str) for cell in row) for row in rows)
    text = {label: (left, right) for label, left, right in rows}
    assert text["items"] == ("60", "60") and text["strategy"] == ("", "share")
    assert text["codes used at a"][0].startswith("5/5") and text["codes used at c"][1] == ""
    assert text["items that share a code after nearest code"] == ("6 in 2 groups", "")
    assert text["same brand"] == ("50.0%", "") and text["not told by the codes, semantic"] == ("25.0%", "")
    assert text["price of settling them"] == ("3.4%", "")
    assert text["neighbours kept, semantic"][0].count("%") == 3


def test_what_is_in_both_is_said_where_it_is_not_all(tmp_path: Path) -> None:
    one = codes(30, 3)
    a, b = write(tmp_path / "a", one), write(tmp_path / "b", one, [f"x{n}" for n in range(30)])
    assert ("items in both", "0", "") in diff_lines(diff(a, b))
    assert "items in both" not in {label for label, _, _ in diff_lines(diff(a, a))}
