"""The reducer: pure, bounded, and right about progress, the best validation and the end."""

from __future__ import annotations

import math
import time

from core.run.events import Event
from core.run.reducer import reduce, reduce_all
from core.run.state import MAX_LOG, MAX_POINTS, RunState, Series


class Story:
    def __init__(self) -> None:
        self.seq = 0
        self.now = 1000.0
        self.state = RunState()

    def tell(self, kind: str, after: float = 1.0, **data: object) -> RunState:
        self.seq += 1
        self.now += after
        self.state = reduce(self.state, Event(self.seq, self.now, kind, data))
        return self.state


def test_a_whole_run() -> None:
    story = Story()
    story.tell("run.started", run="r1", resumed=False)
    story.tell("stage.reused", stage="data", fingerprint="f0")
    story.tell("stage.started", stage="tune", fingerprint="f1")
    for step in range(1, 11):
        story.tell("progress", task="tune", done=step, total=40, unit="steps")
        story.tell("metric", after=0, step=step, values={"loss": 6 / step, "bad": None})
        story.tell("eval", after=0, step=step, split="valid", values={"ndcg@10": 0.01 * (step if step < 8 else 1)})
    state = story.state
    assert state.state == "running"
    assert state.progress is not None
    assert state.progress.share == 0.25
    assert state.pace == 1.0
    assert state.eta == 30.0
    assert state.best is not None
    assert (state.best.step, state.best.values) == (7, {"ndcg@10": 0.07})
    assert math.isnan(state.series["bad"].last)
    assert len(state.series["valid ndcg@10"].points) == 10
    story.tell("stage.finished", stage="tune", seconds=10.0, summary={"loss": 0.6})
    story.tell("checkpoint", path="checkpoints/best", step=7, best=True)
    story.tell("hologram", what="from the future")
    state = story.tell("run.finished", state="finished", exit_code=0, error="", remedy="")
    assert state.unknown == 1
    assert state.missing == 0
    assert state.progress is None
    assert [(s.name, s.state) for s in state.stages.values()] == [("data", "reused"), ("tune", "finished")]
    assert (state.state, state.exit_code, state.eta) == ("finished", 0, None)


def test_reduce_is_pure_and_batches_agree() -> None:
    events = [Event(1, 1.0, "run.started", {"run": "r"})]
    events += [Event(n, float(n), "metric", {"step": n, "values": {"loss": 1.0}}) for n in range(2, 30)]
    events += [Event(30, 30.0, "log", {"text": "hello"})]
    one = RunState()
    states = [one]
    for event in events:
        one = reduce(one, event)
        states.append(one)
    assert len(states[0].series) == 0
    assert len(states[5].series["loss"].points) == 4
    many = reduce_all(RunState(), events)
    assert many.series["loss"].points == one.series["loss"].points
    assert (many.logs, many.last_seq) == (one.logs, one.last_seq)


def test_told_twice_counts_once_and_gaps_are_counted() -> None:
    state = reduce_all(RunState(), [Event(1, 1, "log", {"text": "a"}), Event(1, 1, "log", {"text": "a"})])
    state = reduce(state, Event(5, 1, "log", {"text": "b"}))
    assert (len(state.logs), state.missing) == (2, 3)


def test_failed_and_resumed() -> None:
    story = Story()
    story.tell("run.started", run="r")
    story.tell("stage.started", stage="tune")
    state = story.tell("run.finished", state="failed", exit_code=4, error="row 7", remedy="look")
    assert state.stages["tune"].state == "failed"
    assert (state.error, state.remedy, state.alerts[-1].text) == ("row 7", "look", "row 7")
    story.tell("run.started", run="r", resumed=True)
    state = story.tell("stage.started", stage="tune")
    assert (state.state, state.error, state.stages["tune"].state) == ("running", "", "running")
    state = story.tell("run.started", run="r", resumed=True)
    assert state.stages["tune"].state == "stopped"


def test_pause_hides_the_eta_and_a_clock_jump_does_not_lie() -> None:
    story = Story()
    story.tell("run.started", run="r")
    for done in range(5):
        story.tell("progress", task="t", done=done, total=10, unit="")
    assert story.state.eta == 6.0
    assert story.tell("log", text="paused", paused=True).paused
    assert story.state.eta is None
    story.tell("log", text="resumed", paused=False)
    story.now -= 5000
    story.tell("progress", task="t", done=5, total=10, unit="")
    assert story.state.eta is None
    story.tell("progress", task="t", done=6, total=10, unit="")
    assert story.state.eta == 4.0


def test_an_interruption_counts_into_the_time_left() -> None:
    story = Story()
    story.tell("run.started", run="r")
    for epoch in range(3):
        for step in range(1, 11):
            story.tell("progress", task="train", done=epoch * 10 + step, total=100, unit="steps")
        for user in range(1, 11):
            story.tell("progress", task="ranking", done=user, total=10, unit="users")
    assert story.state.eta == 0.0  # the ranking is at its end
    state = story.tell("progress", task="train", done=31, total=100, unit="steps")
    assert state.eta is not None
    assert 120 < state.eta < 150  # 69 steps at about half a step a second


def test_a_resumed_run_rewinds_its_curves() -> None:
    story = Story()
    story.tell("run.started", run="r")
    for step in range(1, 21):
        story.tell("metric", step=step, values={"loss": 1.0})
    story.tell("run.started", run="r", resumed=True)
    before = story.state
    story.tell("metric", step=11, values={"loss": 0.5})
    state = story.tell("metric", step=12, values={"loss": 0.5})
    assert [step for step, _ in state.series["loss"].points] == list(range(1, 13))
    assert len(before.series["loss"].points) == 20


def test_series_stay_bounded_and_keep_the_ends() -> None:
    series = Series()
    for step in range(100_000):
        series.add(step, float(step))
    assert len(series.points) <= MAX_POINTS
    assert series.points[0] == (0, 0.0)
    assert series.last == 99_999.0
    steps = [s for s, _ in series.points]
    assert steps == sorted(set(steps))


def test_long_stories_replay_fast_and_small() -> None:
    events = [Event(n, n / 50, "metric", {"step": n, "values": {"loss": 1 / n}}) for n in range(1, 100_001)]
    events += [Event(n, n / 50, "log", {"text": "x"}) for n in range(100_001, 200_001)]
    began = time.perf_counter()
    state = reduce_all(RunState(), events)
    assert time.perf_counter() - began < 3
    assert len(state.logs) == MAX_LOG
    assert len(state.series["loss"].points) <= MAX_POINTS


def test_hostile_payloads_do_not_raise() -> None:
    rubbish: list[object] = [None, "x", 5, [1], {"a": {}}, True, 1e300]
    seq = 0
    state = RunState()
    from core.run.events import KINDS

    keys = ["run", "stage", "task", "done", "total", "values", "step", "split", "text", "state", "exit_code", "summary"]
    for kind in sorted(KINDS):
        for value in rubbish:
            seq += 1
            state = reduce(state, Event(seq, 1.0, kind, dict.fromkeys(keys, value)))
    assert state.last_seq == seq


def test_a_stage_that_a_run_did_before_it_was_stopped_keeps_its_time() -> None:
    story = Story()
    story.tell("run.started", run="r")
    story.tell("stage.started", stage="data", fingerprint="f0")
    story.tell("stage.finished", stage="data", seconds=12.0, summary={"items": 9})
    story.tell("stage.started", stage="tune", fingerprint="f1")
    story.tell("run.finished", state="stopped", exit_code=130)
    story.tell("run.started", run="r", resumed=True)
    kept = story.tell("stage.reused", stage="data", fingerprint="f0").stages["data"]
    assert (kept.state, kept.seconds, kept.summary) == ("finished", 12.0, {"items": 9})
    other = story.tell("stage.reused", stage="data", fingerprint="f2").stages["data"]  # of another run
    assert (other.state, other.seconds) == ("reused", 0.0)


def test_the_times_of_a_stage_that_goes_on_are_summed() -> None:
    story = Story()
    story.tell("run.started", run="r")
    story.tell("stage.started", stage="tune")
    state = story.tell("run.finished", after=10.0, state="stopped", exit_code=130)
    assert state.stages["tune"].seconds == 10.0
    story.tell("run.started", after=500.0, run="r", resumed=True)
    story.tell("stage.started", stage="tune")
    story.tell("metric", after=7.0, step=3, values={"loss": 1.0})  # the last that a process which died has said
    state = story.tell("run.started", after=900.0, run="r", resumed=True)
    assert (state.stages["tune"].state, state.stages["tune"].seconds) == ("stopped", 17.0)
    story.tell("stage.started", stage="tune")
    state = story.tell("stage.finished", after=3.0, stage="tune", seconds=3.0, summary={})
    assert (state.stages["tune"].seconds, state.stages["tune"].before) == (20.0, 17.0)
    story.tell("run.started", run="r", resumed=True)
    story.tell("stage.started", stage="tune")
    assert story.state.stages["tune"].before == 0.0  # a finished one that is made again begins anew


def test_what_another_process_is_ahead_with_stands_aside() -> None:
    story = Story()
    story.tell("run.started", run="r1")
    story.tell("stage.started", stage="sasrec")
    for step in range(1, 4):
        story.tell("progress", task="sasrec", done=step, total=10, unit="steps")
        state = story.tell("progress", after=0.1, ahead="teacher", task="teacher", done=2 * step, total=10)
    assert state.progress is not None and (state.progress.task, state.progress.done) == ("sasrec", 3)
    assert state.ahead["teacher"].share == 0.6
    assert state.stage is not None and state.stage.name == "sasrec" and list(state.stages) == ["sasrec"]
    assert state.stage_eta is not None and 6 < state.stage_eta < 9  # not that of the faster one
    story.tell("stage.finished", stage="sasrec", seconds=3.0, summary={})
    assert story.state.ahead
    assert not story.tell("stage.started", stage="teacher").ahead
