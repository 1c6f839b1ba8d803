"""What the app draws, without an app: hostile text, narrow places, odd figures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.evaluate.compare import BETTER, NOT_CLEAR, WORSE
from core.run.folder import RunFolder
from core.run.listing import run_info
from core.run.rankings import SEEN_HIDDEN, SEEN_KEPT, both_protocols, protocol_card, protocol_of
from core.run.status import STATES, Status
from eagertui.cli.output.metrics_table import metrics_table
from eagertui.places.explore.explore_question import Taken
from eagertui.places.explore.lines import history_rows, item_rows, target_line, took, user_row
from eagertui.places.train.log_view import fold
from eagertui.widgets.draw import bar, clip, fill, line, metric, number, safe, spread, status_parts, when
from eagertui.widgets.run_lines import metric_lines, run_detail, run_row

NASTY = st.text(max_size=60) | st.sampled_from(
    ["[red]x[/]", "\x1b[31m", "\u202eabc", "a\u200bb", "界" * 50, "🙂" * 30, "x" * 10_000, "\ud800", "\t\n\r\0", "[/]"]
)


@given(NASTY)
def test_foreign_text_is_one_harmless_line(text: str) -> None:
    shown = safe(text)
    assert all(c.isprintable() or c == "\u200d" or c.isspace() for c in shown)
    assert not set(shown) & set("\n\r\t\x0b\x0c\x1b\x85\u2028\u2029")
    shown.encode()


@given(NASTY, st.integers(0, 40))
def test_clipped_text_fits(text: str, width: int) -> None:
    assert cell_len(clip(text, width)) <= width
    assert cell_len(fill(text, width)) == width


@given(NASTY, NASTY, st.integers(1, 60))
def test_a_line_with_two_ends_is_as_wide_as_asked(left: str, right: str, width: int) -> None:
    drawn = spread([(safe(left), "bold")], [(clip(right, 10), "")], width)
    assert drawn.cell_length <= width
    assert line([safe(left)], width).cell_length <= width


@given(st.floats(), st.integers(1, 30))
def test_bars_and_figures_take_anything(value: float, cells: int) -> None:
    assert len(bar(value, cells)) == cells
    assert len(number(value)) <= 10
    assert metric(value)


def test_figures() -> None:
    assert [metric(v) for v in (0.0648, 1.0, math.nan, None)] == [".0648", "1.0000", "–", "–"]
    assert [number(v) for v in (2.05, 12345.6, 0.00002, math.inf)] == ["2.05", "12,346", "2.0e-05", "–"]
    assert when(0) == "–"
    assert bar(0.5, 4) == "██  "


@pytest.mark.parametrize("width", [10, 30, 56, 76, 116])
@pytest.mark.parametrize("state", STATES)
def test_a_run_fits_in_every_state_and_width(tmp_path: Path, state: str, width: int) -> None:
    folder = RunFolder.create(tmp_path, "", "x", recipe="[red]" + "界" * 40)
    nasty = "boom \x1b[31m" + "界" * 100
    shown = Status(state=state, error=nasty, remedy=nasty, checkpoint="checkpoints/1", started=1.0, ended=5.0)
    folder.write_status(shown)
    run = run_info(folder)
    assert run_row(run, width).cell_length <= width
    for text in (run_row(run, width).plain, *(x.plain for x in run_detail(run, width))):
        assert "\x1b" not in text
    glyph, style = status_parts(shown)[0]
    assert state in glyph
    assert style


def test_live_words() -> None:
    live = {"state": "running", "process": "x"}
    words = [
        status_parts(Status(**live, **more))[0][0]  # type: ignore[arg-type]
        for more in ({}, {"paused": True}, {"stopping": True}, {"responding": False})
    ]
    assert words == ["● running", "‖ paused", "● stopping", "● running, silent"]
    assert status_parts(Status(state="queued", process="x"))[0][0] == "◌ starting"


def test_folded_lines_lose_nothing() -> None:
    words = "one two three four five six seven eight nine ten"
    pieces = fold((("12:00:00 ", "bold"), (words, "")), 30)
    assert all(piece.cell_length <= 30 for piece in pieces)
    assert " ".join(piece.plain.strip() for piece in pieces) == f"12:00:00 {words}"
    assert [p.plain for p in fold((("short", ""),), 30)] == ["short"]


def test_metrics_of_a_run() -> None:
    test = {"sasrec": {"recall@10": 0.07, "ndcg@10": 0.04}, "model": {"recall@10": 0.06}}
    table = metric_lines({"test": test}, 40)
    assert [x.plain.split()[0] for x in table] == ["test,", "method", "model", "sasrec", "no"]
    assert ".0700" in table[3].plain and table[4].plain == "no paired test in this run"
    assert metric_lines({}, 40) == []
    assert metric_lines({"test": {"model": 3, "x": {"ndcg@10": "bad"}}, "differences": {"test": 3}}, 5)


def test_a_figure_is_shown_with_its_protocol() -> None:
    """Both stand in the terminal, the first of them before the other; the app says which one it shows."""
    one, other = {"model": {"ndcg@10": 0.3, "recall@10": 0.4}}, {"model": {"ndcg@10": 0.5, "recall@10": 0.6}}
    metrics: dict[str, Any] = {"test": one, "test_masked": other}
    assert both_protocols(metrics) == ["test", "test_masked"] and protocol_of("test", metrics) == SEEN_KEPT
    first, *_, last = [x.plain.strip() for x in metric_lines(metrics, 80)]
    assert first == "test, seen items kept" and last == "seen items hidden: model R@10 .6000  N@10 .5000"
    metrics["protocol"] = {"first": "test_masked", "split": "leave-one-out", "users": 9, "tied": 0.25, "seed": 3}
    assert both_protocols(metrics) == ["test_masked", "test"]
    assert metric_lines(metrics, 80)[0].plain.strip() == "test, seen items hidden"
    assert str(metrics_table(metrics, "test_masked").title) == "test, seen items hidden"
    assert protocol_card(metrics) == "leave-one-out, full ranking, 9 users, seed 3, 25% of neighbours at one time"
    older = {"test": other, "test_masked": other}  # 0.1 with evaluate.mask_seen
    assert protocol_of("test", older) == SEEN_HIDDEN
    assert protocol_card({"protocol": 3}) == "full ranking, all users" and both_protocols({"test": 3}) == []


def test_the_table_of_the_terminal_and_the_app_judge_alike() -> None:
    """By the paired difference, also where the figures alone say something else."""
    figures = {"model": 0.30, "dense": 0.31, "a": 0.31, "b": 0.29, "c": 0.20, "d": 0.40}
    ends = {"dense": (-0.02, 0.001), "a": (-0.03, 0.01), "b": (-0.01, 0.03), "c": (0.08, 0.12), "d": (-0.12, -0.08)}
    metrics = {
        "test": {name: {"ndcg@10": value, "recall@10": value} for name, value in figures.items()},
        "differences": {
            "test": {
                name: {"ndcg@10": {"difference": (low + high) / 2, "low": low, "high": high}}
                for name, (low, high) in ends.items()
            }
        },
    }
    shown = [x.plain for x in metric_lines(metrics, 60)][-3:]
    assert shown == [f"! {WORSE} than d in N@10", f"· {NOT_CLEAR} against a, b in N@10", f"✓ {BETTER} than c in N@10"]
    table = metrics_table(metrics)
    names, gains = (list(column.cells) for column in (table.columns[0], table.columns[-1]))
    judged = {str(name): str(gain) for name, gain in zip(names, gains, strict=True)}
    assert judged == {
        "model": "", "dense": f"-.0095 ±.0105 {NOT_CLEAR}", "a": f"-.0100 ±.0200 {NOT_CLEAR}",
        "b": f"+.0100 ±.0200 {NOT_CLEAR}", "c": f"+.1000 ±.0200 {BETTER}", "d": f"-.1000 ±.0200 {WORSE}",
    }  # fmt: skip


@pytest.mark.parametrize("width", [12, 40, 80])
def test_ranked_items(width: int) -> None:
    items = [
        {"rank": 1, "item_id": "a", "title": "界[red]" * 20, "score": -0.5, "seen": True},
        {"rank": 2, "item_id": "b", "title": None, "score": math.nan, "seen": False},
        {"item_id": "c"},
    ]
    rows = [row.draw(width) for row in item_rows(items, "a")]
    assert "held out" in rows[0].plain or width < 30
    assert all(row.cell_length <= width or width < 30 for row in rows)
    history = [Taken("x", "x"), Taken("y", "y")]
    assert [row.draw(width).plain.strip()[:1] for row in history_rows(history)] == ["2", "1"]
    assert user_row("u" * 100, None).draw(width).cell_length <= width


def test_the_held_out_item_is_always_in_sight() -> None:
    items = [{"rank": 1, "item_id": "a"}]

    def told(target: object, tested: int | None) -> str:
        return target_line(target, "Title", items, 20, tested, 60).plain

    assert told("a", 5).endswith("place 1") and told("z", 34).endswith("place 34")
    assert told("z", 0).endswith("behind the first 50") and told("z", None).endswith("behind the first 20")
    assert told(None, 3) == ""
    assert (took({"seconds": 0.038}), took({"seconds": 2}), took({})) == ("live, 38 ms", "live, 2.0 s", "")
