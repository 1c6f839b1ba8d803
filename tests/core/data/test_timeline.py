"""Counts over time: spans of equal length, whatever the times look like."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.data import Dataset, profile
from core.data.timeline import MOST_SPANS, clock_times, timeline
from tests.core.data.data_tools import MakeProject, load

DAY = 86_400


@pytest.mark.parametrize("seconds", [30, 600, 5 * 3600, DAY, 40 * DAY, 400 * DAY, 12 * 365 * DAY, 300 * 365 * DAY])
def test_spans_are_equal_and_hold_every_interaction(seconds: int) -> None:
    rng = np.random.default_rng(seconds)
    begin = 1_262_304_000 * 10**6
    times = begin + rng.integers(0, seconds * 10**6, 500)
    found = timeline(lambda: [times], clock=True)
    assert 2 <= len(found.spans) <= MOST_SPANS
    assert sum(span["count"] for span in found.spans) == 500
    assert found.spans[0]["count"] and found.spans[-1]["count"]
    starts = [datetime.fromisoformat(span["start"]) for span in found.spans]
    assert len({b - a for a, b in pairwise(starts)}) == 1
    moments = [datetime(1970, 1, 1) + timedelta(microseconds=int(t)) for t in times]
    assert starts[0] <= min(moments) and max(moments) < starts[-1] + (starts[1] - starts[0])
    third = sum(starts[1] <= moment < starts[2] for moment in moments) if len(starts) > 2 else None
    assert third is None or found.spans[1]["count"] == third


def test_weeks_begin_on_a_monday() -> None:
    times = np.arange(0, 370 * DAY, DAY) * 10**6 + 1_262_304_000 * 10**6
    found = timeline(lambda: [times], clock=True)
    assert found.step == "1 week"
    assert all(date.fromisoformat(span["start"]).weekday() == 0 for span in found.spans)
    assert (found.first, found.last) == ("2010-01-01", "2011-01-05")


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_numbers_that_look_like_unix_times_are_times(scale: int) -> None:
    times = np.array([1_600_000_000, 1_600_000_600, 1_600_003_600]) * scale
    found = timeline(lambda: [times], clock=False)
    assert (found.first, found.last) == ("2020-09-13T12:26:40", "2020-09-13T13:26:40")
    floats = timeline(lambda: [times.astype(np.float64)], clock=False)
    assert [span["count"] for span in floats.spans] == [span["count"] for span in found.spans]


@pytest.mark.parametrize(
    ("times", "spans", "step"),
    [
        ([7], [(7, 1)], ""),
        ([3, 3, 3], [(3, 3)], ""),
        ([0, 1, 1, 2], [(0, 1), (1, 2), (2, 1)], "1"),
        ([-500, 99], None, "10"),
        ([0.0, 0.25, 0.5], None, "0.01"),
        ([-9e18, 9e18], None, "5e+17"),
        ([-1e308, 1e308], [(-1e308, 2)], ""),
        ([-(2**63), 2**63 - 1], None, "5e+17"),
    ],
)
def test_other_numbers_stay_numbers(times: list[float], spans: list[tuple[float, int]] | None, step: str) -> None:
    found = timeline(lambda: [np.array(times)], clock=False)
    assert found.step == step
    assert sum(span["count"] for span in found.spans) == len(times)
    assert len(found.spans) <= MOST_SPANS
    assert spans is None or [(span["start"], span["count"]) for span in found.spans] == spans
    assert json.loads(json.dumps(found.spans)) == found.spans


@pytest.mark.parametrize("years", [[-3000, 1970], [1800, 9999]])
def test_ancient_and_far_times(years: list[int]) -> None:
    found = timeline(lambda: [(np.array(years) - 1970) * 365 * DAY * 10**6], clock=True)
    assert sum(span["count"] for span in found.spans) == 2
    assert len(found.spans) <= MOST_SPANS


@pytest.mark.parametrize(
    "values",
    [["2024-01-01", "2024-01-03", "2024-02-01"], [date(2024, 1, 1), date(2024, 1, 3), date(2024, 2, 1)],
     [1_704_067_200, 1_704_240_000, 1_706_745_600]],
)  # fmt: skip
def test_the_profile_has_the_timeline_of_what_is_kept(make: MakeProject, values: list[object], tmp_path: Path) -> None:
    log = pl.DataFrame({"user_id": ["u", "u", "u", "lone"], "item_id": list("abca"), "t": [*values, values[0]]})
    dataset = load(make(log, time="t", min_user_interactions=2))
    figures = profile(dataset)
    assert sum(span["count"] for span in figures["timeline"]) == figures["interactions"] == 3
    assert figures["timeline"][0] == {"start": "2024-01-01", "count": 1}
    assert figures["time"] == {"first": "2024-01-01", "last": "2024-02-01", "step": "1 day"}
    dataset.save(tmp_path)
    assert Dataset.load(tmp_path).report == dataset.report


def test_without_time_there_is_none(make: MakeProject) -> None:
    log = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "p": [1, 2]})
    for order in ({}, {"position": "p"}):
        figures = profile(load(make(log, **order)))
        assert (figures["timeline"], figures["time"]) == ([], {})


def test_a_report_from_before_the_timeline_is_read(make: MakeProject, tmp_path: Path) -> None:
    dataset = load(make(pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "t": [1, 2]}), time="t"))
    dataset.save(tmp_path)
    file = tmp_path / "report.json"
    told = json.loads(file.read_text())
    for key in ("timeline", "first_time", "last_time", "time_step"):
        del told[key]
    file.write_text(json.dumps(told))
    assert profile(Dataset.load(tmp_path))["timeline"] == []


def test_cold_figures(make: MakeProject) -> None:
    rows = [("u", i) for i in "abcd"] + [("v", i) for i in "bae"] + [("w", "a"), ("w", "b")]
    table = pl.DataFrame({"item_id": list("abcdex"), "title": ["A", "B", None, "D", "E", "X"]})
    log = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    figures = profile(load(make(log, table, text=["title"], catalogue="all")))
    assert figures["cold"] == {
        "users_not_evaluated": 1,  # w
        "items_never_taken": 1,  # x
        "items_not_in_training": 4,  # c, d, e, x: the targets of u and v, and what nobody took
        "targets_not_in_training": 2,  # d and e
    }
    assert figures["text"]["items_without_title"] == 1


def test_times_of_the_clock() -> None:
    seconds = np.array([1_700_000_000, 1_700_000_060])
    for scale in (1, 1000, 10**6, 10**9):
        found = clock_times(seconds * scale, clock=False)
        assert found is not None and found.tolist() == (seconds * 10**6).tolist()
    assert clock_times(np.array([0, 1, 2]), clock=False) is None  # plain numbers
    assert clock_times(np.array([0, 1 << 62]), clock=True) is None  # no calendar holds it
    assert clock_times(np.empty(0), clock=True) is None
