"""When a run will end: what was expected of its stages, and the pace that its events tell."""

from __future__ import annotations

import pytest

from core.run.events import Event
from core.run.reducer import reduce_all
from core.run.stage_plan import FEW_SECONDS, LONGER, SPREAD, SPREAD_BESIDE, StagePlan
from core.run.state import RunState

PLAN = StagePlan(("data", "tune", "evaluate"), {"data": 5.0, "tune": 100.0, "evaluate": 30.0})


def told(*more: Event) -> RunState:
    return reduce_all(
        RunState(),
        [
            Event(1, 100.0, "run.started", {"run": "r"}),
            Event(2, 100.0, "stage.started", {"stage": "data"}),
            Event(3, 110.0, "stage.finished", {"stage": "data", "seconds": 10.0, "summary": {}}),
            Event(4, 110.0, "stage.started", {"stage": "tune"}),
            *more,
        ],
    )


def progress(number: int, ts: float, task: str, done: float, total: float) -> Event:
    return Event(number, ts, "progress", {"task": task, "done": done, "total": total})


def test_the_rest_of_a_run_follows_what_was_expected_and_the_pace() -> None:
    state = told(Event(5, 120.0, "log", {"text": "x"}))
    assert PLAN.place(state) == (2, 3)
    slow = (10 + FEW_SECONDS) / (5 + FEW_SECONDS)  # data took twice as long as was thought
    assert PLAN.drift(state) == pytest.approx(slow)
    assert PLAN.left(state) == pytest.approx(slow * 100 - 10 + slow * 30)
    assert PLAN.expected("evaluate", state) == pytest.approx(slow * 30)
    assert StagePlan(("a",)).left(state) is None and StagePlan(("a",)).place(state) == (2, 0)
    done = reduce_all(state, [Event(99, 300.0, "run.finished", {"state": "finished"})])
    assert PLAN.left(done) is None and PLAN.span(done) is None


def test_a_task_that_is_most_of_its_stage_knows_better() -> None:
    state = told(*(progress(5 + k, 120.0 + 10 * k, "t", k, 10) for k in range(5)))
    assert state.eta == state.stage_eta == pytest.approx(60.0)
    # 50 of 110 seconds of tune are over: its hundred went at 1.1 times the time that was expected.
    drift = (10 + 50 + FEW_SECONDS) / (5 + 100 * 50 / 110 + FEW_SECONDS)
    assert PLAN.drift(state) == pytest.approx(drift)
    assert PLAN.left(state) == pytest.approx(60 + drift * 30)


def test_a_short_task_inside_a_long_one_does_not_end_the_stage() -> None:
    long = [progress(5 + k, 120.0 + 10 * k, "steps", k, 20) for k in range(5)]
    short = [progress(10 + k, 161.0 + k, "ranking", k, 3) for k in range(4)]
    state = told(*long, *short)
    assert state.eta == 0 and state.stage_eta == pytest.approx(160 - 4)


def test_a_stage_beyond_its_time_slows_those_to_come() -> None:
    plan = StagePlan(("data", "tune", "evaluate"), {"data": 1.0, "tune": 60.0, "evaluate": 39.0})
    late = told(Event(5, 110.0 + 600, "log", {"text": "x"}))
    drift, left = plan.drift(late), plan.left(late)
    assert drift is not None and 9 < drift < 11
    assert left == pytest.approx(max(60 * drift - 600, 600 * LONGER) + 39 * drift)
    quick = told(Event(5, 111.0, "log", {"text": "x"}))
    small = StagePlan(("data", "tune"), {"data": 0.1, "tune": 600.0}).drift(quick)
    assert small is not None and small < 10  # a start of ten seconds instead of a tenth says little


def test_only_proportions_are_known_of_a_new_machine() -> None:
    plan = StagePlan(PLAN.names, PLAN.seconds, measured=False)
    began = reduce_all(RunState(), [Event(1, 100.0, "run.started", {"run": "r"})])
    assert plan.drift(began) is plan.left(began) is plan.expected("tune", began) is plan.expected("tune") is None
    state = told()
    assert plan.drift(state) == pytest.approx(2.0) and plan.expected("evaluate", state) == pytest.approx(60.0)


def test_the_last_minutes_count() -> None:
    stages = [("a", 400.0), ("b", 4000.0)]  # b ran beside something else
    events, ts = [Event(1, 100.0, "run.started", {"run": "r"})], 100.0
    for name, took in stages:
        events.append(Event(len(events) + 1, ts, "stage.started", {"stage": name}))
        ts += took
        events.append(Event(len(events) + 1, ts, "stage.finished", {"stage": name, "seconds": took}))
    plan = StagePlan(("a", "b", "c"), {"a": 400.0, "b": 400.0, "c": 400.0})
    drift = plan.drift(reduce_all(RunState(), events))
    assert drift is not None and 9.5 < drift < 10.5


def test_other_programs_widen_the_span() -> None:
    for machine, spread in ((50.0, SPREAD), (100.0, SPREAD_BESIDE)):
        load = {"values": {"cpu_percent": 95.0, "machine_cpu_percent": machine}}
        state = told(Event(5, 120.0, "system", load))
        left, span = PLAN.left(state), PLAN.span(state, cores=2)
        assert left is not None and span == pytest.approx((left / spread, left * spread))
        assert spread**2 <= (4 if spread == SPREAD_BESIDE else 3)
