"""From a run's events to its state: the one reducer of every viewer."""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from core.run.events import Event
from core.run.series import Series
from core.run.state import (
    MAX_KEPT,
    SYSTEM,
    TARGET_METRIC,
    Alert,
    Progress,
    RunState,
    SavedCheckpoint,
    SplitMetrics,
    StageState,
)
from core.run.watched_list import WatchedList
from core.safe_json import number

MAX_SERIES = 128
MAX_WATCHED = 64
"""Users whose lists are kept, and lists of each."""
MAX_PACES = 20
PACE_POINTS = 150
PACE_SPACING = 2.0
"""Seconds between two points of a pace: it looks back five minutes, over a validation or two."""


def reduce(state: RunState, event: Event) -> RunState:
    """The state after one more event; the old one stays as it was."""
    return reduce_all(state, (event,))


def reduce_all(state: RunState, events: Iterable[Event]) -> RunState:
    """The state after more events; the old one stays as it was, and lends the new one every curve that stays too."""
    new = copy.copy(state)
    for name, value in vars(state).items():
        if isinstance(value, dict | deque):
            setattr(new, name, value.copy())
    new._paces = {task: points.copy() for task, points in state._paces.items()}
    new._turn += 1
    for event in events:
        apply(new, event)
    return new


def apply(state: RunState, event: Event) -> None:
    """Change a state that nobody else looks at; everybody else calls `reduce`."""
    seq, last = event.seq, state.last_seq
    if seq <= last:
        return  # seen already
    if seq != last + 1:
        state.missing += seq - last - 1
    state.last_seq = seq
    handler = _HANDLERS.get(event.kind)
    if handler is None:
        state.unknown += 1
    else:
        handler(state, event)
    state.last_ts = event.ts  # a handler still sees when the event before was


def _text(event: Event, key: str, default: str = "") -> str:
    value = event.data.get(key, default)
    return value if isinstance(value, str) else str(value)


def _step(event: Event) -> int:
    return int(number(event.data.get("step")))


def _values(event: Event) -> Mapping[str, float]:
    """The event's figures; what is no figure is a NaN."""
    values = event.data.get("values")
    if not isinstance(values, dict):
        return {}
    for value in values.values():
        if type(value) is not float:
            return {str(k): v if type(v) is float else number(v, math.nan) for k, v in values.items()}
    return values


def _plot(state: RunState, prefix: str, step: int, values: Mapping[str, float]) -> None:
    """Add a point to each curve, which becomes this state's own."""
    known, turn = state.series, state._turn
    for name, value in values.items():
        name = prefix + name
        series = known.get(name)
        if series is None:
            if len(known) >= MAX_SERIES:
                state.left_out += 1
                continue
            series = known[name] = Series(turn)
        elif series.turn != turn:
            series = known[name] = series.copy(turn)
        series.add(step, value)


def _keep(known: dict[str, Any], name: str, value: Any, most: int = MAX_KEPT) -> None:
    """Put something at the end of a dictionary, whose oldest entry goes when there are too many."""
    known.pop(name, None)
    known[name] = value
    if len(known) > most:
        del known[next(iter(known))]


def _run_started(state: RunState, event: Event) -> None:
    state.run = _text(event, "run")
    state.state, state.paused, state.ended = "running", False, 0.0
    state.started, state.began = event.ts, state.began or event.ts
    for name, stage in state.stages.items():
        if stage.state == "running":  # the process before this one died inside it
            state.stages[name] = _cut_off(stage, "stopped", state.last_ts)
    state.exit_code, state.error, state.remedy = None, "", ""
    state.progress = None
    state.ahead.clear()
    _forget_tasks(state)
    if event.data.get("resumed"):
        for name, series in state.series.items():
            if not name.startswith(SYSTEM):
                state.series[name] = series = series.copy(state._turn)
                series.rewind = True
        state.logs.append((event.ts, "the run goes on"))


def _run_finished(state: RunState, event: Event) -> None:
    state.state = _text(event, "state", "finished")
    state.exit_code = int(number(event.data.get("exit_code")))
    state.error, state.remedy = _text(event, "error"), _text(event, "remedy")
    state.ended, state.paused = event.ts, False
    for name, stage in state.stages.items():
        if stage.state == "running":
            state.stages[name] = _cut_off(stage, state.state, event.ts)
    if state.error:
        level = "error" if state.state == "failed" else "info"
        state.alerts.append(Alert(level, f"run {state.state}", state.error, event.ts))


def _forget_tasks(state: RunState) -> None:
    """Another stage, or another process, has other tasks."""
    state._paces.clear()
    state._tasks.clear()


def _cut_off(stage: StageState, how: str, ts: float) -> StageState:
    """A running stage whose run ended inside it."""
    return replace(stage, state=how, seconds=stage.before + max(0.0, ts - stage.started))


def _stage_started(state: RunState, event: Event) -> None:
    name = _text(event, "stage")
    earlier = state.stages.get(name)
    before = earlier.seconds if earlier is not None and earlier.state not in ("finished", "reused") else 0.0
    stage = StageState(name, "running", event.ts, before=before, fingerprint=_text(event, "fingerprint"))
    _keep(state.stages, name, stage)
    state.ahead.pop(name, None)
    state.progress = None
    _forget_tasks(state)


def _stage_finished(state: RunState, event: Event) -> None:
    name, summary = _text(event, "stage"), event.data.get("summary")
    stage = state.stages.get(name)
    if stage is None:
        stage = StageState(name, started=event.ts)
        _keep(state.stages, name, stage)
    state.stages[name] = replace(
        stage,
        state="finished",
        seconds=stage.before + max(0.0, number(event.data.get("seconds"))),
        summary=summary if isinstance(summary, Mapping) else {},
    )
    state.progress = None
    _forget_tasks(state)


def _stage_reused(state: RunState, event: Event) -> None:
    name, fingerprint = _text(event, "stage"), _text(event, "fingerprint")
    state.ahead.pop(name, None)
    earlier = state.stages.get(name)
    if earlier is None or earlier.state != "finished" or earlier.fingerprint != fingerprint:  # not by this run itself
        _keep(state.stages, name, StageState(name, "reused", event.ts, fingerprint=fingerprint))


def _progress(state: RunState, event: Event) -> None:
    ts, data = event.ts, event.data
    task, done = _text(event, "task"), number(data.get("done"))
    progress = Progress(task, done, number(data.get("total")), _text(event, "unit"), ts)
    if "ahead" in data:
        _keep(state.ahead, _text(event, "ahead"), progress)
        return
    state.progress = progress
    state._tasks[task] = (ts, done, state.progress.total)
    points = state._paces.get(task)
    if points is None:
        points = state._paces[task] = deque(maxlen=PACE_POINTS)
        if len(state._paces) > MAX_PACES:
            oldest = next(iter(state._paces))
            del state._paces[oldest]
            state._tasks.pop(oldest, None)
    if points:
        before, far = points[-1]
        if done < far or ts < before:
            points.clear()
        elif len(points) >= 3 and ts - before < PACE_SPACING:
            return
    points.append((ts, done))


def _metric(state: RunState, event: Event) -> None:
    _plot(state, "", _step(event), _values(event))


def _eval(state: RunState, event: Event) -> None:
    split, values = _text(event, "split"), _values(event)
    evaluation = SplitMetrics(_step(event), split, values, event.ts)
    state.evaluations.append(evaluation)
    _plot(state, f"{split} ", evaluation.step, values)
    score = values.get(TARGET_METRIC, math.nan)
    best = state.best.values.get(TARGET_METRIC, math.nan) if state.best else -math.inf
    if split == "valid" and score > best:
        state.best = evaluation


def _checkpoint(state: RunState, event: Event) -> None:
    checkpoint = SavedCheckpoint(_text(event, "path"), _step(event), bool(event.data.get("best")), event.ts)
    state.checkpoints.append(checkpoint)


def _alert(state: RunState, event: Event) -> None:
    state.alerts.append(Alert(_text(event, "level", "warning"), _text(event, "title"), _text(event, "text"), event.ts))
    if jump := number(event.data.get("jump")):  # the clock was set: what began before it began by another clock
        state.started, state.began = state.started + jump, state.began + jump
        for name, stage in state.stages.items():
            if stage.state == "running":
                state.stages[name] = replace(stage, started=stage.started + jump)
        state._paces.clear()


def _log(state: RunState, event: Event) -> None:
    if isinstance(paused := event.data.get("paused"), bool):
        state.paused = paused
        state._paces.clear()
    state.logs.append((event.ts, _text(event, "text")))


def _artefact(state: RunState, event: Event) -> None:
    _keep(state.artefacts, _text(event, "name"), _text(event, "path"))


def _sample(state: RunState, event: Event) -> None:
    watched = WatchedList.from_event(event.data)
    if watched is None:
        return
    before = state.watched.get(watched.user, ())
    # A training that goes on may tell an epoch again.
    others = [one for one in before if (one.stage, one.epoch) != (watched.stage, watched.epoch)]
    _keep(state.watched, watched.user, (*others, watched)[-MAX_WATCHED:], MAX_WATCHED)


def _system(state: RunState, event: Event) -> None:
    state.system = _values(event)
    _plot(state, SYSTEM, max(0, int(event.ts - state.began)), state.system)


_HANDLERS = {
    "run.started": _run_started,
    "run.finished": _run_finished,
    "stage.started": _stage_started,
    "stage.finished": _stage_finished,
    "stage.reused": _stage_reused,
    "progress": _progress,
    "metric": _metric,
    "eval": _eval,
    "sample": _sample,
    "checkpoint": _checkpoint,
    "artefact": _artefact,
    "alert": _alert,
    "system": _system,
    "log": _log,
}
