"""From a run's events to what a person wants to know of it: the one reducer of every viewer."""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from core.run.events import KINDS, Event

MAX_POINTS = 2000
MAX_LOG = 500
MAX_KEPT = 200
PACE_POINTS = 150
PACE_SPACING = 2.0
"""Seconds between two points of a pace: it looks back five minutes, over a validation or two."""
TARGET_METRIC = "ndcg@10"
"""The validation metric that chooses the best checkpoint."""


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline as far as the run has come."""

    name: str
    state: str = "running"
    """running, finished, reused, or how the run ended inside it: failed, stopped."""
    started: float = 0.0
    seconds: float = 0.0
    fingerprint: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """How far the current task is."""

    task: str
    done: float
    total: float
    unit: str
    ts: float

    @property
    def share(self) -> float:
        """Between 0 and 1; 0 where the total is unknown."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else 0.0


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one look at a split."""

    step: int
    split: str
    values: Mapping[str, float]
    ts: float


@dataclass(frozen=True)
class Checkpoint:
    """A place from which the run can go on."""

    path: str
    step: int
    best: bool
    ts: float


@dataclass(frozen=True)
class Alert:
    """Something a person should know; `level` is info, warning or error."""

    level: str
    title: str
    text: str
    ts: float


class Series:
    """Points (step, value) of one metric, thinned evenly when they become too many; a null is a NaN."""

    __slots__ = ("_pending", "_stride", "points", "rewind")

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []
        self.rewind = False
        """Set when a run goes on: the next point takes the place of those that the checkpoint did not hold."""
        self._stride = 1
        self._pending = 0

    def add(self, step: int, value: float) -> None:
        """Append a point; the newest always stands at the end."""
        if self.rewind:
            self.rewind, self._pending = False, 0
            while self.points and self.points[-1][0] >= step:
                self.points.pop()
        if self._pending:
            self.points[-1] = (step, value)
        else:
            self.points.append((step, value))
        self._pending = (self._pending + 1) % self._stride
        if len(self.points) > MAX_POINTS:
            self.points = self.points[::2]
            self._stride *= 2
            self._pending = 0

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1] if self.points else math.nan

    def copy(self) -> Series:
        """A series that grows apart from this one."""
        other = Series()
        other.points, other.rewind = list(self.points), self.rewind
        other._stride, other._pending = self._stride, self._pending
        return other


@dataclass
class RunState:
    """Everything that the events said so far; treat it as a value, `reduce` gives the next one."""

    run: str = ""
    state: str = "queued"
    started: float = 0.0
    ended: float = 0.0
    paused: bool = False
    exit_code: int | None = None
    error: str = ""
    remedy: str = ""
    stages: dict[str, Stage] = field(default_factory=dict)
    progress: Progress | None = None
    series: dict[str, Series] = field(default_factory=dict)
    evaluations: deque[Evaluation] = field(default_factory=lambda: deque(maxlen=MAX_LOG))
    best: Evaluation | None = None
    checkpoints: deque[Checkpoint] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    artefacts: dict[str, str] = field(default_factory=dict)
    alerts: deque[Alert] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    samples: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    logs: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=MAX_LOG))
    system: dict[str, float] = field(default_factory=dict)
    last_seq: int = 0
    last_ts: float = 0.0
    missing: int = 0
    """Numbers that were skipped."""
    unknown: int = 0
    """Events of kinds that this version does not know."""
    _paces: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)
    """When each task of the stage was how far: one may interrupt another, as a validation does a training."""

    @property
    def stage(self) -> Stage | None:
        """The stage at work, or the last one."""
        return next(reversed(self.stages.values()), None)

    @property
    def eta(self) -> float | None:
        """Seconds left of the current task, from its pace of the last minutes; None where unknown."""
        if self.progress is None or self.progress.total <= 0 or self.state != "running" or self.paused:
            return None
        left, pace = self.progress.total - self.progress.done, self.pace
        if left <= 0:
            return 0.0
        return left / pace if pace else None

    @property
    def pace(self) -> float | None:
        """Units a second of the current task, interruptions included; None where unknown."""
        points = self._paces.get(self.progress.task) if self.progress else None
        if not points or len(points) < 2:
            return None
        (t0, d0), (t1, d1) = points[0], points[-1]
        return (d1 - d0) / (t1 - t0) if t1 > t0 and d1 >= d0 else None


def reduce(state: RunState, event: Event) -> RunState:
    """The state after one more event; the old one stays as it was."""
    return reduce_all(state, (event,))


def reduce_all(state: RunState, events: Iterable[Event]) -> RunState:
    """The state after more events; copies once, so that long stories replay fast."""
    new = copy.copy(state)
    for name, value in vars(state).items():
        if isinstance(value, dict | deque):
            setattr(new, name, value.copy())
    new._paces = {task: points.copy() for task, points in state._paces.items()}
    new.series = {name: series.copy() for name, series in state.series.items()}
    for event in events:
        apply(new, event)
    return new


def apply(state: RunState, event: Event) -> None:
    """Change a state that nobody else looks at; everybody else calls `reduce`."""
    if event.seq <= state.last_seq:
        return  # seen already
    state.missing += event.seq - state.last_seq - 1
    state.last_seq, state.last_ts = event.seq, event.ts
    if event.kind not in KINDS:
        state.unknown += 1
        return
    _HANDLERS[event.kind](state, event)


def _text(event: Event, key: str, default: str = "") -> str:
    value = event.data.get(key, default)
    return value if isinstance(value, str) else str(value)


def _number(value: Any, default: float = 0.0) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def _values(event: Event) -> dict[str, float]:
    values = event.data.get("values")
    if not isinstance(values, Mapping):
        return {}
    return {str(k): _number(v, math.nan) for k, v in values.items()}


def _run_started(state: RunState, event: Event) -> None:
    state.run = _text(event, "run")
    state.state, state.paused, state.ended = "running", False, 0.0
    state.started = event.ts
    for name, stage in state.stages.items():
        if stage.state == "running":  # the process before this one died inside it
            state.stages[name] = replace(stage, state="stopped")
    state.exit_code, state.error, state.remedy = None, "", ""
    state.progress = None
    state._paces.clear()
    if event.data.get("resumed"):
        for series in state.series.values():
            series.rewind = True
        state.logs.append((event.ts, "the run goes on"))


def _run_finished(state: RunState, event: Event) -> None:
    state.state = _text(event, "state", "finished")
    state.exit_code = int(_number(event.data.get("exit_code")))
    state.error, state.remedy = _text(event, "error"), _text(event, "remedy")
    state.ended, state.paused = event.ts, False
    for name, stage in state.stages.items():
        if stage.state == "running":
            state.stages[name] = replace(stage, state=state.state, seconds=event.ts - stage.started)
    if state.error:
        state.alerts.append(
            Alert("error" if state.state == "failed" else "info", f"run {state.state}", state.error, event.ts)
        )


def _stage_started(state: RunState, event: Event) -> None:
    name = _text(event, "stage")
    state.stages.pop(name, None)  # again, after a resume: it moves to the end
    state.stages[name] = Stage(name, "running", event.ts, fingerprint=_text(event, "fingerprint"))
    state.progress = None
    state._paces.clear()


def _stage_finished(state: RunState, event: Event) -> None:
    name, summary = _text(event, "stage"), event.data.get("summary")
    old = state.stages.get(name) or Stage(name, started=event.ts)
    state.stages[name] = replace(
        old,
        state="finished",
        seconds=_number(event.data.get("seconds")),
        summary=summary if isinstance(summary, Mapping) else {},
    )
    state.progress = None
    state._paces.clear()


def _stage_reused(state: RunState, event: Event) -> None:
    name = _text(event, "stage")
    state.stages.pop(name, None)
    state.stages[name] = Stage(name, "reused", event.ts, fingerprint=_text(event, "fingerprint"))


def _progress(state: RunState, event: Event) -> None:
    data = event.data
    new = Progress(
        _text(event, "task"), _number(data.get("done")), _number(data.get("total")), _text(event, "unit"), event.ts
    )
    points = state._paces.setdefault(new.task, deque(maxlen=PACE_POINTS))
    if points and (new.done < points[-1][1] or event.ts < points[-1][0]):
        points.clear()
    if len(points) < 3 or event.ts - points[-1][0] >= PACE_SPACING:
        points.append((event.ts, new.done))
    if len(state._paces) > MAX_KEPT:
        del state._paces[next(iter(state._paces))]
    state.progress = new


def _metric(state: RunState, event: Event) -> None:
    step = int(_number(event.data.get("step")))
    for name, value in _values(event).items():
        state.series.setdefault(name, Series()).add(step, value)


def _eval(state: RunState, event: Event) -> None:
    split, step, values = _text(event, "split"), int(_number(event.data.get("step"))), _values(event)
    evaluation = Evaluation(step, split, values, event.ts)
    state.evaluations.append(evaluation)
    for name, value in values.items():
        state.series.setdefault(f"{split} {name}", Series()).add(step, value)
    score = values.get(TARGET_METRIC, math.nan)
    best = state.best.values.get(TARGET_METRIC, math.nan) if state.best else -math.inf
    if split == "valid" and score > best:
        state.best = evaluation


def _checkpoint(state: RunState, event: Event) -> None:
    path, step = _text(event, "path"), int(_number(event.data.get("step")))
    state.checkpoints.append(Checkpoint(path, step, bool(event.data.get("best")), event.ts))


def _alert(state: RunState, event: Event) -> None:
    state.alerts.append(Alert(_text(event, "level", "warning"), _text(event, "title"), _text(event, "text"), event.ts))


def _log(state: RunState, event: Event) -> None:
    if isinstance(paused := event.data.get("paused"), bool):
        state.paused = paused
        state._paces.clear()
    state.logs.append((event.ts, _text(event, "text")))


def _artefact(state: RunState, event: Event) -> None:
    state.artefacts[_text(event, "name")] = _text(event, "path")


def _sample(state: RunState, event: Event) -> None:
    state.samples.append(_text(event, "text"))


def _system(state: RunState, event: Event) -> None:
    state.system = _values(event)


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
