"""What the Data place writes, without a screen: every width and height, and data of every kind."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.content import Content

from core.errors import DataError, EagerError
from eagertui.cli.output import data_profile as printed
from eagertui.places.data.charts import chart_lines, pictures
from eagertui.places.data.lines import (
    fault_lines,
    figure_lines,
    percent,
    problem_lines,
    problems,
    record_lines,
    record_text,
    split_lines,
    titles_lines,
    waiting_lines,
)
from eagertui.widgets.chart.bars import compact, dense, upright

HOSTILE = "[red]x[/] \x1b[31m\x07\u202eevil\u200b 日本語 \U0001f468\u200d\U0001f469\u200d\U0001f467"

PROFILE: dict[str, Any] = {
    "read": {
        "files": ["logs.csv"], "rows": 264_510, "rejected": {}, "examples": {}, "below_rating": 0, "duplicates": 0,
        "k_core": {"rounds": 0, "rows": 0, "users": 0, "items": 0}, "order": "time (when)", "tied": 0.0,
    },
    "users": 4074, "items": 3145, "interactions": 264_510, "density": 0.02064,
    "history": {
        "min": 5, "p5": 6.0, "median": 39.0, "mean": 64.93, "p95": 209.0, "max": 1741,
        "histogram": [{"low": 5, "high": 8, "count": 300}, {"low": 9, "high": 16, "count": 0},
                      {"low": 17, "high": 32, "count": 916}, {"low": 1025, "high": 2048, "count": 1}],
    },
    "popularity": {
        "median": 52.0, "max": 869, "gini": 0.5311, "head": {"1%": 0.0647, "10%": 0.36, "20%": 0.56},
        "histogram": [{"low": 1, "high": 1, "count": 10}, {"low": 2, "high": 2, "count": 680}],
    },
    "timeline": [{"start": f"2024-01-{day:02d}", "count": day % 7} for day in range(1, 31)],
    "time": {"first": "2024-01-01T08:00", "last": "2024-01-30T09:30", "step": "1 day"},
    "split": {"rule": "leave-one-out", "evaluated_users": 4074, "train_interactions": 256_362,
              "train_targets": 252_288, "repeated_targets": 0.021},
    "cold": {"users_not_evaluated": 0, "items_never_taken": 0, "items_not_in_training": 0,
             "targets_not_in_training": 0},
    "text": {"rows": 3145, "duplicates": 0, "rejected": {}, "items_without_row": 0, "items_without_text": 0,
             "items_without_title": 5, "missing": {}, "cut": {}, "broken": {}},
}  # fmt: skip


def changed(**parts: dict[str, Any]) -> dict[str, Any]:
    told = copy.deepcopy(PROFILE)
    for name, values in parts.items():
        told[name].update(values)
    return told


def plain(lines: list[Content]) -> list[str]:
    return [line.plain for line in lines]


TROUBLED = changed(
    read={
        "rejected": {"no item id": 12, HOSTILE: 1},
        "examples": {"no item id": [{"file": "logs.csv", "row": 7 + n, "value": HOSTILE} for n in range(5)]},
        "below_rating": 3, "duplicates": 1, "order": "position (place)", "tied": 0.954,
        "k_core": {"rounds": 2, "rows": 1234, "users": 5, "items": 1}, "files": [HOSTILE, "two"],
    },
    cold={"users_not_evaluated": 9, "items_never_taken": 4, "targets_not_in_training": 1},
    text={"rejected": {"no item id": 2}, "items_without_row": 2, "items_without_text": 3, "duplicates": 1,
          "missing": {"title": 7}, "cut": {HOSTILE: 1}, "broken": {"title": 2}},
)  # fmt: skip


def test_the_figures_come_in_the_order_of_their_weight() -> None:
    lines = plain(figure_lines(PROFILE, 20, 60, 40))
    for number, words in enumerate(
        ("users +4,074  4,074 evaluated", "items +3,145  3,140 with title", "rows +264,510  logs.csv",
         "kept +264,510  density 2.1 %", r"history +39  median; 5 to 1,741", "targets +252,288  leave-one-out split",
         r"order +time \(when\)", "time +2024-01-01  to 2024-01-30 09:30", "seen +20", "head +6.5 %")
    ):  # fmt: skip
        assert re.match(words, lines[number]), lines[number]
    assert plain(figure_lines(PROFILE, 20, 60, 3)) == lines[:3]
    troubled = plain(figure_lines(TROUBLED, 20, 60, 40))
    assert "13 rejected" in troubled[2]
    assert troubled[-2].startswith("file") and "two" in troubled[-1]
    assert "no item table" in plain(figure_lines(changed(text={"rows": 0}), 20, 60, 9))[1]


def test_every_problem_is_told_once_and_nothing_else() -> None:
    assert problems(PROFILE) == []
    assert plain(problem_lines(PROFILE, 40)) == ["✓ No problems: every row is used."]
    found = problems(TROUBLED)
    text = "\n".join(words for _, words in found)
    for words in (
        "12 rows rejected: no item id", "logs.csv row 7: ", "logs.csv row 8: ", "1 row rejected: ",
        "2 rows of the item table rejected", "2 items not in the item table", "3 items without any text",
        "9 users with fewer than 3 interactions", "1 test target never seen", "order from `place`",
        "3 rows below data.min_rating", "1 duplicate left out", "k-core took 1,234 rows, 5 users, 1 item in 2 rounds",
        "95.4 % of neighbours", "4 items that nobody took", "1 repeated id", "7 items without title",
        "2 items with broken title",
    ):  # fmt: skip
        assert text.count(words) == 1, words
    assert "logs.csv row 9" not in text  # two examples are enough here; the table has the others
    assert [level for level, _ in found].index("info") > max(n for n, (x, _) in enumerate(found[:9]) if x == "warning")
    assert "the order of the file" in str(problems(changed(read={"order": "file"})))
    assert "no item table" in str(problems(changed(text={"rows": 0})))


@pytest.mark.parametrize("width", [16, 24, 40, 41, 56, 71, 72, 120, 196])
@pytest.mark.parametrize("height", [1, 2, 3, 5, 8, 12, 17, 40])
@pytest.mark.parametrize("told", [PROFILE, TROUBLED])
def test_nothing_is_wider_or_higher_than_its_panel(told: dict[str, Any], width: int, height: int) -> None:
    for ascii_only in (False, True):
        charts = chart_lines(told, width, height, ascii_only)
        assert 0 < len(charts) <= height
        assert max(line.cell_length for line in charts) <= width
        assert not ascii_only or not set("".join(plain(charts))) & set("▁▂▃▄▅▆▇█")
    figures = figure_lines(told, 20, width, height)
    assert len(figures) <= height and max(line.cell_length for line in figures) <= width
    harmless = plain(problem_lines(told, width) + figures)
    assert max(map(cell_len, harmless)) <= width
    assert not set("".join(harmless)) & set("\x1b\x07\u202e\u200b\n")


def test_the_charts_name_bins_counts_and_time() -> None:
    text = "\n".join(plain(chart_lines(PROFILE, 64, 24)))
    for words in (
        "History length", "median 39, at most 1,741", "17–32", "916", "Popularity", "top 1 % take 6 % of rows",
        "Timeline", "1 day a bar, at most 6", "2024-01-01", "2024-01-30",
    ):  # fmt: skip
        assert words in text, words
    assert "Timeline" not in "\n".join(plain(chart_lines({**PROFILE, "timeline": [], "time": {}}, 64, 24)))
    first = plain(chart_lines(PROFILE, 130, 20))[0]
    assert "History length" in first and "Popularity" in first
    assert "2 × 1 day a bar" in "\n".join(plain(chart_lines(PROFILE, 29, 24)))
    hours = {**PROFILE, "time": {"first": "2024-01-01T08:00", "last": "2024-01-01T19:30", "step": "15 minutes"}}
    assert pictures(hours)[2].ends == ("08:00", "19:30")
    assert [picture.title for picture in pictures(PROFILE)] == ["History length", "Popularity", "Timeline"]


def test_bars_are_as_high_as_they_count() -> None:
    bars = [("1", "1", 800), ("2", "2", 400), ("3–4", "3", 1), ("5–8", "5", 0)]
    counts, top, *_, bottom, labels = plain(upright(bars, 24, 6, ""))
    assert counts.split() == ["800", "400", "1"]
    assert labels.split() == ["1", "2", "3–4", "5–8"]
    assert top.rstrip() == "█████"
    assert bottom == "█████ █████ ▁▁▁▁▁       "
    assert plain(upright(bars, 13, 2, ""))[1].split() == ["1", "2", "3", "5"]
    assert upright(bars, 3, 5, "") == [] and upright([], 30, 5, "") == []
    (single,) = plain(upright([("7", "7", 3)], 20, 1, ""))
    assert "█" in single
    assert plain(upright([("7", "7", 0)], 9, 1, "")) == [" " * 9]


def test_a_timeline_of_any_length_fits() -> None:
    counts = [0, 8, 4, 2, 1, 0, 8, 8]
    bars, ends = plain(dense(counts, ("first", "last"), 20, 2, ""))
    assert bars == "  ██▄▄▂▂▁▁  ████"
    assert ends.startswith("first") and ends.endswith("last")
    merged, _ = plain(dense(counts, ("first", "last"), 4, 2, ""))
    assert merged == "▄▃▁█"
    assert plain(dense([5], ("a", "b"), 30, 3, ""))[1].startswith("█")


@pytest.mark.parametrize(
    ("count", "room", "text"),
    [(0, 5, "0"), (960, 5, "960"), (1304, 5, "1.3k"), (1304, 3, "1k"), (15_874, 5, "15.9k"), (99_960, 5, "100k"),
     (2_100_000, 5, "2.1M"), (3 * 10**9, 5, "3.0G")],
)  # fmt: skip
def test_counts_in_few_characters(count: int, room: int, text: str) -> None:
    assert compact(count, room) == text


def test_shares() -> None:
    assert [percent(share) for share in (0.0, 0.021, 0.1, 1.0)] == ["0 %", "2.1 %", "10 %", "100 %"]
    assert percent(0.00073, 3) == ".073 %"


def test_a_record_is_shown_whole() -> None:
    long = " ".join(f"word{n}" for n in range(2000))
    record = [
              ("id", "7"), ("日本", None), ("tags", ["a", "b"]), ("price", 0.65), ("notes", f"one\ntwo {HOSTILE}"),
              ("text", long), ("very long name of a column that nobody can read", 12), ("huge", "x" * 50_000),
    ]  # fmt: skip
    for width in (12, 40, 100):
        lines = plain(record_lines(record, width))
        assert max(map(cell_len, lines)) <= width
        squeezed = "".join("".join(lines).split())
        assert long.replace(" ", "") in squeezed
        assert not set(squeezed) & set("\x1b\x07\u202e\u200b")
    lines = plain(record_lines(record, 100))
    assert lines[0].split() == ["id", "7"] and lines[1].split() == ["日本", "–"]
    assert any(line.strip() == "one" for line in lines) and "30,000 characters more" in lines[-1]
    copied = record_text(record[:5])
    assert copied.startswith("id: 7\n日本: –\ntags: a, b\nprice: 0.65\nnotes: one\n  two [red]x[/] ␛[31m")


def test_what_a_split_means() -> None:
    def told(count: int, history: int) -> str:
        return " ".join(plain(split_lines(count, history, 60)))

    assert "23 training · 1 validation · 1 test" in told(25, 20)
    assert "sees the 20 items before it; 4 older ones are beyond data.max_history = 20." in told(25, 20)
    assert told(4, 20).endswith("the model sees the 3 items before it.")
    assert "all of them train" in told(2, 20)
    assert plain(titles_lines([HOSTILE, "b"], 5, 40))[-1].strip() == "and 3 older ones"


def test_errors_say_what_to_do() -> None:

    error = DataError(f"logs.csv row 7: {HOSTILE}", "Mend the rows.")
    lines = plain(fault_lines(error, Path("/somewhere/project.toml"), 50))
    text = "\n".join(lines)
    assert "The data cannot be used" in text and "Mend the rows." in text and "/somewhere/project.toml" in text
    assert "^r" in text and "\x1b" not in text and max(map(cell_len, lines)) <= 50
    assert "Reading did not work" in plain(fault_lines(EagerError("x"), None, 50))[0]
    assert plain(waiting_lines("reading", 75.0)) == ["◐ reading … 1 min 15 s"]


def test_check_prints_the_timeline_and_whom_it_does_not_speak_for() -> None:
    lines = printed.lines(TROUBLED)
    at = lines.index("timeline: 2024-01-01 08:00 to 2024-01-30 09:30, 1 day a bar, at most 6 interactions")
    assert lines[at + 1] == "  " + "▂▃▅▆▇█ " * 4 + "▂▃"
    assert "cold          9 users with fewer than 3 interactions are not evaluated" in lines
    assert not any(line.startswith("timeline") for line in printed.lines({**PROFILE, "timeline": [], "time": {}}))
