"""What a person wants to know of a run; `core.run.reducer` makes it of the events."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.run.series import MAX_POINTS as MAX_POINTS
from core.run.series import Series as Series
from core.run.watched_list import WatchedList

MAX_LOG = 500
MAX_KEPT = 200
TARGET_METRIC = "ndcg@10"
"""The validation metric that chooses the best checkpoint."""
SYSTEM = "system "
"""What the names of the curves of the machine's load begin with; their steps are seconds since the first start."""


@dataclass(frozen=True)
class StageState:
    """One stage of the pipeline as far as the run has come."""

    name: str
    state: str = "running"
    """running, finished, reused, or how the run ended inside it: failed, stopped."""
    started: float = 0.0
    seconds: float = 0.0
    """How long it took, all starts together."""
    before: float = 0.0
    """What of it earlier starts took, which were stopped or failed inside it."""
    fingerprint: str = ""
    summary: Mapping[str, Any] = field(default_factory=dict)


class Progress(NamedTuple):
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
class SplitMetrics:
    """Metrics of one look at a split."""

    step: int
    split: str
    values: Mapping[str, float]
    ts: float


@dataclass(frozen=True)
class SavedCheckpoint:
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


@dataclass
class RunState:
    """Everything that the events said so far; treat it as a value, `reduce` gives the next one."""

    run: str = ""
    state: str = "queued"
    began: float = 0.0
    """When it was started first, in Unix seconds."""
    started: float = 0.0
    """When the process that is, or was, at work on it began."""
    ended: float = 0.0
    paused: bool = False
    exit_code: int | None = None
    error: str = ""
    remedy: str = ""
    stages: dict[str, StageState] = field(default_factory=dict)
    progress: Progress | None = None
    ahead: dict[str, Progress] = field(default_factory=dict)
    """How far stages are whose turn is still to come: other processes make them beside the one at work."""
    series: dict[str, Series] = field(default_factory=dict)
    evaluations: deque[SplitMetrics] = field(default_factory=lambda: deque(maxlen=MAX_LOG))
    best: SplitMetrics | None = None
    checkpoints: deque[SavedCheckpoint] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    artefacts: dict[str, str] = field(default_factory=dict)
    alerts: deque[Alert] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    watched: dict[str, tuple[WatchedList, ...]] = field(default_factory=dict)
    """The lists of a few users, by user: one an epoch, the newest last."""
    logs: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=MAX_LOG))
    system: Mapping[str, float] = field(default_factory=dict)
    last_seq: int = 0
    last_ts: float = 0.0
    missing: int = 0
    """Numbers that were skipped."""
    unknown: int = 0
    """Events of kinds that this version does not know."""
    left_out: int = 0
    """Figures of metrics beyond the first `core.run.reducer.MAX_SERIES` names."""
    _paces: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)
    """When each task of the stage was how far: one may interrupt another, as a validation does a training."""
    _tasks: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Of each task of the stage: when it told something last, how far it was, and of how much."""
    _turn: int = 0
    """How many states were before this one; a series of an earlier turn belongs to them too."""

    @property
    def stage(self) -> StageState | None:
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
    def stage_eta(self) -> float | None:
        """Seconds left of the longest of all tasks that the stage at work has begun and not ended; None without one."""
        if self.state != "running" or self.paused:
            return None
        left = [
            (total - done) / pace - (self.last_ts - last)
            for task, (last, done, total) in self._tasks.items()
            if total > done and (pace := self._pace(task))
        ]
        return max(0.0, *left) if left else None

    @property
    def pace(self) -> float | None:
        """Units a second of the current task, interruptions included; None where unknown."""
        return self._pace(self.progress.task) if self.progress else None

    def _pace(self, task: str) -> float | None:
        points = self._paces.get(task)
        if not points or len(points) < 2:
            return None
        (t0, d0), (t1, d1) = points[0], points[-1]
        return (d1 - d0) / (t1 - t0) if t1 > t0 and d1 >= d0 else None
