"""Curves: every value is drawn, the picture is exact, and the chart's keys do what they say."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.content import Content

from eagertui.places.train.curve_sets import curve_sets
from eagertui.widgets.chart.canvas import SYMBOLS, Canvas
from eagertui.widgets.chart.chart import Chart
from eagertui.widgets.chart.curves import columns, extent, logarithms, newest_stretch, runs, scale_of, smoothed
from eagertui.widgets.chart.legend import flags, legend
from eagertui.widgets.chart.plot import ChartLook, Curve, picture
from eagertui.widgets.chart.ticks import compact, figure, labels, log_ticks, ticks

ANY = st.floats(allow_nan=True, allow_infinity=True)
VALUES = st.lists(ANY, min_size=1, max_size=40)
POINTS = st.lists(st.tuples(st.integers(0, 3), ANY), min_size=1, max_size=40)
"""Steps ahead and values."""
GAP = math.nan


def text_of(curves: list[Curve], look: ChartLook) -> list[str]:
    return ["".join(text for text, _ in line) for line in picture(curves, look)[0]]


@given(VALUES, st.integers(1, 60), st.integers(1, 12), st.sampled_from(sorted(SYMBOLS)), st.booleans(), st.booleans())
def test_a_picture_has_exactly_its_size(values: list[float], width: int, height: int, symbols: str, log: bool,
                                        several: bool) -> None:  # fmt: skip
    points = [(step * 3, value) for step, value in enumerate(values)]
    curves = [Curve("a", points), Curve("b", [(s, v / 2) for s, v in points])][: 1 + several]
    lines = text_of(curves, ChartLook(width, height, symbols, log, 0.9, pointer=4))
    assert [len(text) for text in lines] == [width] * height


@given(POINTS, st.integers(2, 60), st.integers(1, 48))
def test_every_finite_value_is_drawn_inside_its_column(points: list[tuple[int, float]], count: int, rows: int) -> None:
    steps, values = list(accumulate(ahead for ahead, _ in points)), [value for _, value in points]
    found = columns(steps, values, steps[0], steps[-1], count)
    bounds = extent(steps, values, steps[0], steps[-1])
    if bounds is None:
        assert found == []
        return
    low, high = scale_of(*bounds)
    drawn: dict[int, set[int]] = {}
    for run in runs(found, count, rows, low, high):
        assert 0 <= run.top <= run.bottom < rows
        drawn.setdefault(run.at, set()).update(range(run.top, run.bottom + 1))
    scale = (count - 1) / (steps[-1] - steps[0]) if steps[-1] > steps[0] else 0.0
    for step, value in zip(steps, values, strict=True):
        if math.isfinite(value):
            share = (high / 2 - value / 2) / (high / 2 - low / 2)
            row, place = share * (rows - 1), (step - steps[0]) * scale
            assert any(abs(at - place) <= 0.51 and any(abs(r - row) <= 0.51 for r in drawn[at]) for at in drawn)


@given(VALUES, st.integers(2, 50), st.integers(2, 30))
def test_lines_are_whole_and_gaps_are_open(values: list[float], count: int, rows: int) -> None:
    steps = list(range(len(values)))
    found = columns(steps, values, 0, steps[-1], count)
    assert [c.at for c in found] == sorted({c.at for c in found})
    assert sum(not c.joined for c in found) <= 1 + sum(not math.isfinite(v) for v in values)
    if not found or not all(math.isfinite(v) for v in values):
        return
    low, high = scale_of(min(values), max(values))
    by_column = {run.at: run for run in runs(found, count, rows, low, high)}
    assert sorted(by_column) == (list(range(count)) if len(values) > 1 else [0])
    for at in range(1, len(by_column)):
        before, now = by_column[at - 1], by_column[at]
        assert now.top <= before.bottom + 1
        assert now.bottom >= before.top - 1


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.sampled_from([0.6, 0.9, 0.98]))
def test_smoothing_starts_at_the_values_and_stays_among_them(values: list[float], weight: float) -> None:
    smooth = smoothed(values, weight)
    assert smooth[0] == pytest.approx(values[0])
    assert all(min(values) - 1e-6 <= value <= max(values) + 1e-6 for value in smooth)
    assert list(smoothed(values, 0.0)) == values


def test_smoothing_leaves_gaps_and_gets_over_them() -> None:
    smooth = smoothed([2.0, GAP, 2.0], 0.9)
    assert smooth[0] == smooth[2] == pytest.approx(2.0)
    assert math.isnan(smooth[1])


def test_only_the_newest_training_counts() -> None:
    assert newest_stretch([(0, 9.0), (20, 8.0), (0, 5.0), (20, 4.0), (20, 3.0)]) == ((0, 20, 20), (5.0, 4.0, 3.0))
    assert newest_stretch([]) == ((), ())


def test_logarithms_leave_out_what_has_none() -> None:
    logs, left_out = logarithms([100.0, 0.0, -1.0, GAP, math.inf])
    assert logs[0] == pytest.approx(2.0)
    assert all(math.isnan(value) for value in logs[1:])
    assert left_out == 2


@given(st.floats(-1e6, 1e6), st.floats(1e-2, 1e9), st.integers(2, 9))
def test_marks_are_round_and_lie_inside(low: float, size: float, most: int) -> None:
    high = low + size
    marks = ticks(low, high, most)
    assert len(marks) <= most
    slack = size * 1e-6
    assert all(low - slack <= mark <= high + slack for mark in marks)
    assert len(set(labels(marks))) == len(marks) or size < abs(low) * 1e-3


def test_marks_are_written_alike() -> None:
    assert labels([0.02, 0.04, 0.06], share=True) == [".02", ".04", ".06"]
    assert labels([0.0, 2.5, 5.0]) == ["0", "2.5", "5.0"]
    assert labels([0.0, 5e-4, 1e-3]) == ["0", "5e-4", "1e-3"]
    assert labels([10_000.0, 20_000.0]) == ["10k", "20k"]
    assert log_ticks(-3.0, 1.0, 5) == pytest.approx([1e-3, 1e-2, 1e-1, 1.0, 10.0])
    assert log_ticks(0.3, 2.1, 6) == pytest.approx([2.0, 5.0, 10.0, 20.0, 50.0, 100.0])
    assert log_ticks(-0.6, 0.8, 3) == pytest.approx([0.3, 1.0, 3.0])
    assert [compact(3140.0), compact(2.4e6), compact(0.5)] == ["3.1k", "2.4M", "0.5"]
    assert figure(1.8e-8) == "1.8e-8"


def test_exact_pictures() -> None:
    falling = [(step, 10.0 - step) for step in range(11)]
    assert text_of([Curve("loss", falling)], ChartLook(30, 6)) == [
        "10┤⠉⠒⠤⢄⣀                      ",
        "  │     ⠉⠑⠢⠤⣀                 ",
        " 5┤          ⠉⠑⠒⠤⠤⣀⣀          ",
        "  │                 ⠉⠒⠢⢄⣀     ",
        " 0┤                      ⠉⠑⠒⠤⣀",
        "   0                        10",
    ]
    rising = [Curve("x", [(step, float(step)) for step in range(9)])]
    assert text_of(rising, ChartLook(9, 3, "ascii")) == ["      .-'", "   .-'   ", ".-'      "]
    assert text_of(rising, ChartLook(5, 2, "block")) == ["   ▄▀", "▄▀▀  "]


def test_one_point_is_a_dot_and_one_value_lies_in_the_middle() -> None:
    dot = text_of([Curve("x", [(7, 3.0)])], ChartLook(20, 3))
    assert sum(ch not in " │┤3" for ch in "".join(dot)) == 1
    level = text_of([Curve("x", [(0, 5.0), (9, 5.0)])], ChartLook(20, 3))
    assert level[1].strip().startswith("5┤")
    assert level[0].strip() == level[2].strip() == "│"


def test_gaps_stay_open_and_spikes_stay() -> None:
    gap = [(step, 1.0 if step < 50 or step > 950 else GAP) for step in range(1001)]
    row = text_of([Curve("x", gap)], ChartLook(11, 1))[0]
    assert row[0] != " "
    assert row[-1] != " "
    assert row[5] == " "
    spike = [(step, 1.0 if step == 500 else 0.0) for step in range(1001)]
    assert text_of([Curve("x", spike)], ChartLook(11, 4))[0].strip()


def test_steps_place_the_points_not_their_number() -> None:
    bunched = [(0, 0.0), *[(90 + k, 1.0) for k in range(11)]]
    found = columns([s for s, _ in bunched], [v for _, v in bunched], 0, 100, 11)
    assert [c.at for c in found] == [0, 9, 10]


def test_lines_are_told_apart_without_colour() -> None:
    curves = [Curve(name, [(0, k), (9, k)]) for k, name in enumerate(["a", "b", "c", "d", "e"])]
    ends = [line[-1] for line in text_of(curves, ChartLook(30, 8))]
    assert [mark for mark in ends if mark in SYMBOLS["braille"].marks] == ["▼", "■", "▲", "●"]
    words = "".join(text for text, _ in legend(curves, SYMBOLS["braille"].marks, str))
    assert words == "● a 0  ▲ b 1  ■ c 2  ▼ d 3  also e"
    assert "".join(text for text, _ in legend(curves, SYMBOLS["braille"].marks, str, 16)) == "● a 0  ▲ b 1 +3"


def test_the_best_value_is_marked_where_it_is() -> None:
    lines = text_of([Curve("n", [(0, 0.0), (50, 1.0), (100, 0.5)], best=50)], ChartLook(21, 3, share=True))
    assert "◆" in lines[0]


def test_a_logarithmic_title_says_what_is_missing() -> None:
    curve = Curve("loss", [(0, 0.0), (1, 10.0), (2, 100.0)])
    assert flags([curve], log=True, weight=0.0) == [(" · log, 1 values ≤ 0 left out", "$foreground 70%")]
    assert "".join(text for text, _ in flags([curve], log=False, weight=0.98)) == " · smooth .98"


def test_a_faint_line_gives_way() -> None:
    canvas = Canvas(2, 1)
    canvas.draw(runs(columns([0, 1], [0.0, 0.0], 0, 1, 4), 4, 4, 0.0, 1.0), "faint", faint=True)
    canvas.draw(runs(columns([0], [1.0], 0, 0, 1), 1, 4, 0.0, 1.0), "firm")
    assert canvas.lines() == [[("⠁", "firm"), ("⣀", "faint")]]


def test_sets_of_curves_are_found_by_name() -> None:
    sets = curve_sets(
        ["sasrec_loss", "learning_rate", "loss", "loss/title", "loss_1", "loss_2", "epoch_loss", "valid ndcg@10",
         "valid recall@10", "gradient_norm", "targets_per_second", "system memory_mb", "system cpu_percent",
         "system disk_free_mb", "test ndcg@10", "own_thing"]
    )  # fmt: skip
    assert [one.key for one in sets] == [
        "loss", "valid", "own_thing", "learning_rate", "targets_per_second", "gradient_norm", "levels", "load",
        "memory", "loss sasrec", "epochs",
    ]  # fmt: skip
    assert sets[0].names == ("loss", "loss/title")
    assert sets[1].share
    assert curve_sets(["loss", "sasrec_loss"])[0].key == "loss sasrec"  # the training that came last
    rewarded = ["error", "loss", "loss_1", "learning_rate", "entropy_1", "reward", "valid ndcg@10"]
    assert [one.key for one in curve_sets(rewarded)] == [
        "loss", "valid", "entropy_1", "reward", "learning_rate", "levels", "error",  # that of a stage before at the end
    ]  # fmt: skip
    assert curve_sets([]) == []


class Alone(App[None]):
    """One chart."""

    CSS = "Chart { border: round white; }"

    def compose(self) -> ComposeResult:
        yield Chart()

    @property
    def chart(self) -> Chart:
        return self.query_one(Chart)


def title(app: Alone) -> str:
    return Content.from_markup(app.chart.border_title or "").plain


def below(app: Alone) -> str:
    return Content.from_markup(app.chart.border_subtitle or "").plain


async def test_the_chart_s_words_zoom_and_readout() -> None:
    app = Alone()
    async with app.run_test(size=(60, 12)) as pilot:
        assert title(app) == ""
        points = [(step, 100.0 - step) for step in range(101)]
        app.chart.show("loss", [Curve("loss", points)])
        await pilot.pause()
        assert title(app) == "loss 0"
        app.chart.focus()
        await pilot.press("left")
        assert app.chart.pointer == 100
        await pilot.press("left")
        assert app.chart.pointer == 98  # the next point that lies in another cell
        assert below(app) == "step 98  2"
        app.chart.zoom(closer=True)
        assert app.chart.view == (49.0, 99.0)
        await pilot.press("escape")
        assert app.chart.pointer is None
        app.chart.whole()
        app.chart.zoom(closer=True)
        assert app.chart.view == (50.0, 100.0)
        app.chart.show("loss", [Curve("loss", [*points, (110, 0.0)])])
        assert app.chart.view == (60.0, 110.0)  # it follows the newest step
        for _ in range(3):
            app.chart.zoom(closer=False)
        assert app.chart.view is None
        app.chart.log_scale, app.chart.weight = True, 0.9
        assert title(app) == "loss 0 · log, 2 values ≤ 0 left out · smooth .9"
        assert app.chart.copy_text().splitlines()[:2] == ["step\tloss", "0\t100.0"]


async def test_the_chart_under_the_mouse() -> None:
    app = Alone()
    async with app.run_test(size=(60, 12)) as pilot:
        app.chart.show("loss", [Curve("loss", [(step, float(step)) for step in range(101)])])
        await pilot.pause()
        await pilot.click(Chart, offset=(30, 5))
        assert app.chart.pointer is not None
        assert 40 < app.chart.pointer < 60
        app.chart.point_at(None)
        app.chart.on_mouse_scroll_up(Wheel())  # type: ignore[arg-type]
        assert app.chart.view is not None


class Wheel:
    """As much of a wheel's event as the chart looks at."""

    def stop(self) -> None:
        """Nobody else hears of it."""


async def test_a_chart_without_values_says_so() -> None:
    app = Alone()
    async with app.run_test(size=(40, 6)) as pilot:
        app.chart.show("loss", [Curve("loss", [(0, GAP)])], empty="nothing yet")
        await pilot.pause()
        assert app.chart.render_line(0).text.startswith("nothing yet")
        for key in ("left", "right"):
            app.chart.focus()
            await pilot.press(key)
        app.chart.zoom(closer=True)
        assert app.chart.pointer is None
