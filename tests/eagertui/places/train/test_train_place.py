"""The Train place: live, held, over, on every size of terminal; and the lines it is made of."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.widgets import Static

from core.run import launch
from core.run.events import Event
from core.run.folder import RunFolder
from core.run.reducer import reduce_all
from core.run.stage_plan import StagePlan
from core.run.state import RunState, StageState
from core.run.status import STATES, Status
from eagertui.places.train.curve_grid import CurveGrid
from eagertui.places.train.lines import headline, read_plan, stage_lines
from eagertui.places.train.log_view import LogView
from eagertui.places.train.stage_list import StageList
from eagertui.places.train.story import matching, story
from eagertui.places.train.system_panel import panel, readings, spark, strip
from eagertui.widgets.chart.chart import Chart
from eagertui.widgets.run_lines import metric_lines
from tests.eagertui.app_tools import Eyes, fake_engine, new_run, screen_text

Open = Callable[..., Any]
SIZES = [(40, 12), (80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in ((60, 18), (120, 40), (200, 60)))]
WAITING = ("--steps", "30", "--gate", "20", "--tick", "0", "--rich", "--heartbeat", "0.2")
"""A run that stands at step 20 until it is let go."""


def begin(shop: Path, *options: str) -> RunFolder:
    run = new_run(shop)
    launch.launch(run, command=fake_engine(*options))
    return run


def let_go(run: RunFolder) -> None:
    (run.path / "gate").touch()


def story_of(eyes: Eyes) -> str:
    return eyes.app.screen.query_one(LogView).plain


@pytest.mark.parametrize("size", SIZES)
async def test_a_live_run_at_every_size(open_app: Open, shop: Path, size: tuple[int, int]) -> None:
    run = begin(shop, *WAITING)
    async with open_app(size=size, verb="train") as eyes:
        await eyes.see("● running", "loss", "19 / 30" if size[0] >= 60 else "running")
        grid = eyes.app.screen.query_one(CurveGrid)
        await eyes.until(lambda: sum(chart.display for chart in grid.charts) == min(grid.room, 4))
        text = screen_text(eyes.app)
        frames = [row for row in text.splitlines()[1:] if row.startswith(("│", "╭", "╰", "┃", "┏", "┗"))]
        assert len(frames) >= size[1] - 4
        assert all(row.rstrip().endswith(("│", "╮", "╯", "┃", "┓", "┛")) for row in frames)
        assert all(cell_len(row.rstrip()) == size[0] for row in frames)
        let_go(run)
        await eyes.see("✓ finished", *([] if size == (40, 12) else ["R@10"]))  # the figures follow the state


async def test_on_a_small_screen_the_keys_reach_every_test_figure(open_app: Open, finished: RunFolder) -> None:
    methods = ("model", "sasrec", "transitions", "itemknn", "markov", "popularity")
    figures = {name: {"recall@10": 0.1, "ndcg@10": 0.09 - 0.01 * at} for at, name in enumerate(methods)}
    (finished.path / "metrics.json").write_text(json.dumps({"test": figures}))
    async with open_app(size=(60, 18), verb="train") as eyes:
        text = await eyes.see("✓ finished", "sasrec")
        assert "popularity" not in text
        await eyes.press("end")
        await eyes.see("popularity")
        await eyes.press("o")
        await eyes.see("Story")
        await eyes.press("o")  # the stages have no room beside the figures
        await eyes.see("Stages", r"✓ \w+ +[\d.]+ s")
        await eyes.press("o", "o")  # what was printed, the figures again
        await eyes.see("Test")
        await eyes.press("home")
        await eyes.see("sasrec")


async def test_the_stage_at_work_stays_in_sight_in_another_room() -> None:
    """Whatever was drawn first: in a larger or smaller room the list goes to the stage at work and what follows."""

    class Alone(App[None]):
        def compose(self) -> ComposeResult:
            with StageList():
                yield Static("\n".join(f"stage {n}" for n in range(12)))

    app = Alone()
    async with app.run_test(size=(40, 20)) as pilot:
        box = app.query_one(StageList)
        box.styles.height = 4
        box.follow(7, 12)
        for height in (4, 6, 3, 5):
            box.styles.height = height
            await pilot.pause()
            await pilot.pause(0.1)
            assert (box.size.height, box.scroll_y) == (height, 7 - (height - 2))
        box.scroll_to(y=0, animate=False)
        box.follow(7, 12)
        await pilot.pause(0.1)
        assert box.scroll_y == 0  # somebody looks at the first ones, and nothing has begun since
        box.follow(8, 12)
        await pilot.pause(0.1)
        assert box.scroll_y == 5
        box.follow(13, 20)  # told before the list has its new length
        await pilot.pause(0.1)
        assert box.scroll_y == 12 - 5
        box.query_one(Static).update("\n".join(f"stage {n}" for n in range(20)))
        await pilot.pause(0.1)
        assert box.scroll_y == 10


async def test_on_a_small_screen_a_live_run_shows_its_stages(open_app: Open, shop: Path) -> None:
    begin(shop, *WAITING)
    async with open_app(size=(60, 18), verb="train") as eyes:
        await eyes.see("19 / 30", "Story")
        await eyes.press("o")
        text = await eyes.see("Stages", "✓ index", "● tune +running")
        assert "Story" not in text
        assert "loss" not in text
        await eyes.press("o")
        await eyes.see("stdout.log", "loss")
        await eyes.press("o")
        await eyes.see("Story")


async def test_the_curves_are_led_through_by_keys(open_app: Open, shop: Path) -> None:
    begin(shop, *WAITING)
    async with open_app(verb="train") as eyes:
        await eyes.see("loss · smooth .9", r"validation N@10 \.0\d+", "◆ best")
        for title in ("learning rate", "targets a second", "tokens a second", "gradient norm"):
            await eyes.press("m")
            await eyes.see("loss · smooth .9", title)
        while "validation N@10" not in screen_text(eyes.app):  # the machine's own curves come when they come
            await eyes.press("m")
        await eyes.press("y", "s")
        await eyes.see("loss · log · smooth .98")
        await eyes.press("s")
        await eyes.until(lambda: "smooth" not in screen_text(eyes.app))
        memory = eyes.app.memory
        assert (memory.get("chart.log"), memory.get("chart.smoothing")) == (["loss"], 0.0)
        await eyes.press("plus")
        await eyes.see(r"10 – 19 +0 whole")
        await eyes.press("minus")
        await eyes.until(lambda: "0 whole" not in screen_text(eyes.app))
        await eyes.press("plus", "plus", "0")
        await eyes.until(lambda: "0 whole" not in screen_text(eyes.app))
        await eyes.press("tab")
        await eyes.until(lambda: eyes.app.screen.query(Chart).first().has_focus)
        await eyes.press("left", "left")
        await eyes.see(r"step 1\d  ● [\d.]+  ▲")
        await eyes.press("escape")
        await eyes.until(lambda: not any(chart.pointer for chart in eyes.app.screen.query(Chart)))
        assert eyes.app.current_mode == "train"


async def test_a_held_view_stands_still_while_the_run_goes_on(open_app: Open, shop: Path) -> None:
    run = begin(shop, *WAITING)
    async with open_app(verb="train") as eyes:
        await eyes.see("19 / 30 steps")
        await eyes.press("space")
        await eyes.see(r"‖ view held at \d\d:\d\d:\d\d, 0 events behind")
        let_go(run)
        await eyes.see(r"[1-9]\d* events behind")
        await eyes.until(lambda: eyes.app.follower.status.state == "finished")
        text = screen_text(eyes.app)
        assert "19 / 30 steps" in text
        assert "✓ finished" not in text
        await eyes.press("space")
        text = await eyes.see("✓ finished")
        assert "events behind" not in text


async def test_the_story_is_filtered_and_gives_way_to_the_output(open_app: Open, shop: Path) -> None:
    run = begin(shop, *WAITING)
    with run.stdout_path.open("a") as file:
        file.write("a library says [red]hello\n" + "\x1b[31m\x1b[2Jred\n")
    async with open_app(verb="train") as eyes:
        await eyes.see("Story", "19 / 30")
        await eyes.press("slash", *"VECTORS")
        await eyes.see(r"/ VECTORS  \d of \d")
        assert all("vectors" in row for row in story_of(eyes).splitlines())
        await eyes.press("enter")
        await eyes.until(lambda: eyes.app.screen.query_one(LogView).has_focus)
        await eyes.press("o")
        await eyes.see("stdout.log", "/ VECTORS  0 of")
        await eyes.press("slash", "escape")
        text = await eyes.see(r"a library says \[red\]hello")
        assert "\x1b" not in text
        await eyes.press("o")
        await eyes.see("Story")
        await eyes.press("slash", *"!stage", "enter")
        await eyes.until(lambda: "stage" not in story_of(eyes))
        assert eyes.app.screen.query_one(LogView).copy_text() == story_of(eyes)


async def test_how_long_the_whole_run_takes(open_app: Open, shop: Path) -> None:
    run = begin(shop, "--steps", "12000", "--tick", "0.05", "--heartbeat", "0.2")  # it tells something all the time
    plan = [{"name": name, "seconds": 0.1} for name in ("data", "vectors", "index")]
    plan += [{"name": "tune", "seconds": 600}, {"name": "evaluate", "seconds": 600}]
    (run.path / "estimate.json").write_text(json.dumps({"stages": plan}))
    async with open_app(verb="train") as eyes:
        await eyes.see("stage 4/5 tune", r"run ≈ \d+–\d+ min left", r"· evaluate +≈ \d+ min")


async def test_a_run_that_died_says_why_and_what_next(open_app: Open, shop: Path) -> None:
    begin(shop, "--crash-at", "5")
    async with open_app(verb="train") as eyes:
        await eyes.see(r"\? lost", "✗ its process is gone", "r lets it go on", "cut off", "told to crash")
        assert eyes.app.screen.has_class("-bad")


async def test_without_a_run_the_next_key_is_named(open_app: Open) -> None:
    async with open_app(verb="train") as eyes:
        await eyes.see("No run yet", "t trains", "2 shows what is in the data", "eagertui --headless train")
        await eyes.press("m", "y", "s", "plus", "0", "space", "o", "slash", "minus")
        assert not eyes.app.screen.query_one(CurveGrid).charts[0].view


# --- lines ----------------------------------------------------------------------------------------------------------


def told(*more: Event) -> RunState:
    return reduce_all(
        RunState(),
        [
            Event(1, 100.0, "run.started", {"run": "r"}),
            Event(2, 100.0, "stage.started", {"stage": "data"}),
            Event(3, 110.0, "stage.finished", {"stage": "data", "seconds": 10.0, "summary": {"items": 800}}),
            Event(4, 110.0, "stage.started", {"stage": "tune"}),
            *more,
        ],
    )


def test_the_stages_to_come_are_shown_at_the_pace_that_was_seen() -> None:
    plan = StagePlan(("data", "tune", "evaluate"), {"data": 1.0, "tune": 60.0, "evaluate": 39.0})
    late = told(Event(5, 110.0 + 600, "log", {"text": "x"}))  # tune alone takes ten times what it was to take
    assert stage_lines(late.stages, plan, 30, state=late)[-1].plain.split()[-2:] == ["6", "min"]
    assert stage_lines(late.stages, plan, 30)[-1].plain.split()[-2:] == ["40", "s"]


def test_of_a_machine_not_known_the_rest_is_told_once_it_is_seen() -> None:
    plan = StagePlan(("data", "tune", "evaluate"), {"data": 2.0, "tune": 100.0, "evaluate": 30.0}, measured=False)
    status = Status("running", process="x")
    events = [Event(1, 100.0, "run.started", {}), Event(2, 100.0, "stage.started", {"stage": "data"})]
    began = reduce_all(RunState(), events)
    assert "left" not in headline(began, status, None, plan, 76)[0].plain
    assert stage_lines(began.stages, plan, 30, state=began)[-1].plain.split() == ["·", "evaluate"]
    assert "min left" in headline(told(), status, None, plan, 76)[0].plain  # data took five times its weight


@pytest.mark.parametrize("state", ["stopped", "failed"])
def test_a_stage_that_was_cut_off_keeps_its_name(state: str) -> None:
    for name in ("sasrec", "semantic", "baselines"):
        drawn = stage_lines({name: StageState(name, state, seconds=271.0)}, StagePlan(), 22)[0].plain
        assert drawn.split()[1:3] == [name, state]
    wide = stage_lines({"tune": StageState("tune", state, seconds=271.0)}, StagePlan(), 40)[0].plain
    assert "4 min 31 s" in wide


def test_no_path_of_the_store_is_shown() -> None:
    path = "../.store/3403ab89db52518174df.partial"
    point = Event(5, 120.0, "checkpoint", {"path": path, "step": 0})
    best = Event(6, 121.0, "checkpoint", {"path": f"{path}/best", "step": 30, "best": True})
    lines = ["".join(text for text, _ in parts)[9:] for parts in story(told(point, best), Status("running"), [])]
    assert lines[-2:] == ["◆ checkpoint ", "◆ checkpoint (best) step 30"]


def test_what_works_without_a_word_is_named() -> None:
    status = Status("running", process="x")
    assert headline(told(), status, None, StagePlan(), 76)[1].plain == "tune is at work"
    assert headline(RunState(), status, None, StagePlan(), 76)[1].plain == "the engine is starting"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"stages": 3}', '{"stages": [3]}', '{"stages": [{"name": "a", "seconds": "x"}]}']
)
def test_a_broken_estimate_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "estimate.json").write_text(text)
    assert read_plan(tmp_path).seconds == {}


def test_alerts_are_seen() -> None:
    state = told(
        Event(5, 120.0, "alert", {"level": "info", "title": "note", "text": ""}),
        Event(6, 121.0, "alert", {"level": "warning", "title": "slow", "text": ""}),
        Event(7, 122.0, "alert", {"level": "error", "title": "NaN", "text": "the loss is no number [red]\x1b"}),
    )
    lines = [content.plain for content in headline(state, Status("running", process="x"), None, StagePlan(), 76)]
    assert "✗ 2 alerts" in lines[0]
    assert lines[-1] == "✗ NaN  the loss is no number [red]␛"
    silent = Status("running", process="x", responding=False)
    assert "x stops it" in headline(state, silent, None, StagePlan(), 76)[-1].plain


@pytest.mark.parametrize("width", [30, 56, 76, 116])
@pytest.mark.parametrize("state", STATES)
def test_the_headline_fits(state: str, width: int) -> None:
    nasty = "boom \x1b[31m" + "界" * 100
    for process in ("", "x"):
        status = Status(state, process=process, error=nasty, remedy=nasty, started=1.0, ended=5.0)
        lines = headline(told(), status, 1.0, StagePlan(("data", "tune"), {"tune": 9.0}), width)
        assert all(drawn.cell_length <= width for drawn in lines)
        assert len(lines) <= 8
        assert not any("\x1b" in drawn.plain for drawn in lines)


def test_on_a_small_screen_what_is_left_comes_before_what_is_gone() -> None:
    plan = StagePlan(("data", "tune", "evaluate"), {"data": 10.0, "tune": 900.0, "evaluate": 900.0})
    status = Status("running", process="x", started=100.0, ended=195.0)
    alert = Event(5, 195.0, "alert", {"level": "warning", "title": "slow", "text": ""})
    small, wide = (headline(told(alert), status, None, plan, width)[0].plain for width in (56, 76))
    assert small.endswith("left")
    assert "…" not in small
    assert "1 min 35 s" in wide


def test_the_stages_and_those_that_follow() -> None:
    states = (StageState("a", "reused"), StageState("b", "finished", seconds=61), StageState("c", "running"))
    stages = {state.name: state for state in states}
    plan = StagePlan(("a", "b", "c", "d"), {"d": 30.0})
    lines = [drawn.plain.split() for drawn in stage_lines(stages, plan, 30)]
    assert lines[0] == ["=", "a", "reused"]
    assert lines[1][:2] == ["✓", "b"]
    assert lines[2] == ["●", "c", "running"]
    assert lines[3] == ["·", "d", "≈", "30", "s"]
    assert stage_lines(stages, plan, 30, live=False)[2].plain.split() == ["✗", "c", "cut", "off"]
    assert all(drawn.cell_length <= 24 for drawn in stage_lines({"a": StageState("界" * 30, "failed")}, plan, 24))


def test_a_stage_that_another_process_is_ahead_with_is_at_work_too() -> None:
    plan = StagePlan(("data", "tune", "teacher", "evaluate"), {"teacher": 2.0, "evaluate": 30.0})
    far = told(Event(5, 120.0, "progress", {"ahead": "teacher", "task": "teacher", "done": 9, "total": 20}))
    lines = [drawn.plain.split() for drawn in stage_lines(far.stages, plan, 30, state=far)]
    assert lines[1:3] == [["●", "tune", "running"], ["●", "teacher", "45%"]] and lines[3][:2] == ["·", "evaluate"]
    assert stage_lines(far.stages, plan, 30, live=False, state=far)[2].plain.split() == ["·", "teacher", "≈", "2", "s"]


def test_a_story_tells_the_stages_too() -> None:
    lines = ["".join(text for text, _ in parts)[9:] for parts in story(told(), Status("running"), [])]
    assert lines == ["▸ stage data", "✓ stage data 10 s  items 800", "▸ stage tune"]
    parts = story(told(), Status("running"), [])
    assert len(matching(parts, "DATA")) == 2
    assert len(matching(parts, "!data")) == 1
    assert matching(parts, "!") == parts


def test_a_story_is_in_order_and_safe() -> None:
    state = reduce_all(
        RunState(),
        [
            Event(1, 1.0, "run.started", {"run": "r"}),
            Event(2, 2.0, "stage.started", {"stage": "tune\x1b"}),
            Event(3, 3.0, "log", {"text": "hello\nworld"}),
            Event(4, 4.0, "alert", {"level": "error", "title": "[b]NaN", "text": "loss"}),
            Event(5, 5.0, "checkpoint", {"path": "c/1", "step": 7, "best": True}),
        ],
    )
    lines = ["".join(text for text, _ in parts)[9:] for parts in story(state, Status(state="lost"), ["last \x07words"])]
    assert lines[:4] == ["▸ stage tune␛", "hello␊world", "✗ [b]NaN  loss", "◆ checkpoint (best) step 7  c/1"]
    assert "last ␇words" in "".join(text for text, _ in story(state, Status(state="lost"), ["last \x07words"])[-1])


def test_intervals_stand_beside_the_metrics() -> None:
    metrics = {
        "test": {"model": {"recall@10": 0.08, "ndcg@10": 0.04}},
        "intervals": {"test": {"model": {"recall@10": [0.07, 0.09], "ndcg@10": "bad"}}},
    }
    assert ".0800 ±.0100" in metric_lines(metrics, 60)[2].plain
    assert "±" not in metric_lines(metrics, 40)[2].plain


def test_in_a_narrow_panel_no_verdict_and_no_figure_is_cut() -> None:
    values = {"recall@10": 0.25, "ndcg@10": 0.125}
    methods = ("model", "sasrec", "sasrec-text", "transitions", "itemknn", "popularity")
    figures = dict.fromkeys(methods, values)
    metrics = {"test": figures, "test_masked": figures, "differences": {"test": {}}}
    text = "\n".join(drawn.plain for drawn in metric_lines(metrics, 30))
    assert "…" not in text
    assert text.split()[-2:] == ["N@10", ".1250"]


def test_the_machine_s_readings() -> None:
    told_nothing = readings(RunState())
    assert [(one.label, one.text) for one in told_nothing] == [("gpu", "–")]
    values = {"cpu_percent": 100.0, "memory_mb": 2000.0, "machine_memory_percent": 95.0, "gpu_percent": 70.0,
              "gpu_memory_mb": 9536.74, "gpu_memory_total_mb": 76293.9, "gpu_watts": 312.4,
              "disk_free_mb": 500.0}  # fmt: skip
    state = reduce_all(told(), [Event(5 + k, 120.0 + k, "system", {"values": values}) for k in range(3)])
    shown = {one.label: one for one in readings(state)}
    assert shown["cpu"].text.startswith("100 %")
    assert shown["engine"].text == "2.1 GB"
    assert shown["gpu"].text == "70 %  10.0 GB of 80.0 GB  312 W"
    assert shown["machine"].scarce
    assert shown["disk"].scarce
    assert len(shown["cpu"].history) == 3
    for width in (20, 40, 76, 120):
        assert strip(state, width).cell_length <= width
        assert all(drawn.cell_length <= width for drawn in panel(state, width, 9))


@given(st.lists(st.floats(allow_nan=True), max_size=40), st.integers(0, 12), st.sampled_from(["braille", "ascii"]))
def test_sparklines_have_their_width(values: list[float], cells: int, symbols: str) -> None:
    assert len(spark(values, cells, None, symbols)) == cells


def test_a_sparkline_shows_the_greatest_of_each_cell() -> None:
    assert spark([0.0, 8.0, 0.0, 0.0], 2, 8.0) == "█▁"
    assert spark([4.0], 3, 8.0) == "  ▅"
    assert spark([math.nan, math.inf], 2) == "▁▁"
