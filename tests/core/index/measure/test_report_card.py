"""The report of an index in sentences: what earns which grade, and that a damaged report is no surprise."""

from __future__ import annotations

import numpy as np
import pytest

from core.index.branches import BranchTable
from core.index.measure.report_card import report_card

REPORT = {
    "items": 1_000,
    "levels": [
        {"letter": "a", "width": 256, "used": 250, "perplexity": 220.0, "forced_items": 0.0},
        {"letter": "b", "width": 256, "used": 20, "perplexity": 11.0, "forced_items": 0.95},
        {"letter": "c", "width": 256, "used": 256, "perplexity": 80.0, "forced_items": 0.7},
    ],
    "conflicts": {"steps": [{"items": 100}, {"items": 0}]},
    "preserved": {
        "semantic": [{"preserved": 0.4, "chance": 0.004}],
        "behavior": [{"preserved": 0.012, "chance": 0.004}],
    },
    "agreement": {"brand": [{"agree": 0.005, "chance": 0.004}]},
}


def test_what_earns_which_grade() -> None:
    found = {one.text: one.grade for one in report_card(REPORT)}
    assert list(found.values()) == ["good", "poor", "fair", "poor", "good", "fair", "good", "fair", "poor"]
    texts = list(found)
    assert texts[0] == "level a: 250 of 256 codes used, as evenly as 220 equal ones"
    assert "95% of the items" in texts[3] and "every item has a code of its own; 100 (10.0%)" in texts[5]
    assert "40.0% of an item's nearest in semantic vectors" in texts[6] and "0.4% by chance" in texts[6]
    shared = {**REPORT, "conflicts": {"steps": [{"items": 100}, {"items": 3}]}}
    assert ("poor", "3 items still share a code") in report_card(shared)


def test_interactions_across_branches() -> None:
    codes = np.array([[first, second] for first in range(20) for second in range(5)], dtype=np.int32)
    even = BranchTable.build(codes, np.ones(100))
    crowded = BranchTable.build(codes, np.where(codes[:, 0] < 2, 1_000, 1))
    assert report_card({}, even)[-1].grade == "good"
    last = report_card({}, crowded)[-1]
    assert last.grade == "poor" and "holds 10% of the items and 99% of the interactions" in last.text


@pytest.mark.parametrize(
    "report",
    [
        {}, {"levels": "x"}, {"levels": [3, {"letter": None}]}, {"conflicts": {"steps": [None, 3]}},
        {"preserved": {"a": [{"preserved": "x"}]}, "agreement": {"b": None}},
        {"levels": [{"used": 10**400, "width": -1}]},
    ],
)  # fmt: skip
def test_a_damaged_report_is_no_surprise(report: dict[str, object]) -> None:
    assert all(one.grade in ("good", "fair", "poor") for one in report_card(report))
