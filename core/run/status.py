"""The small file that says how a run stands, and what its words mean."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from core.files import write_atomic
from core.run.identity import boot
from core.safe_json import figures, moment, number

HEARTBEAT = 2.0
"""Seconds between two heartbeats of a live engine."""

STALE = 30.0
"""Seconds without a heartbeat after which an engine counts as silent."""

STATES = ("queued", "running", "finished", "failed", "stopped", "lost")
"""Every state of a run. "lost": it says that it runs, but no process is there any more."""

UNFINISHED = frozenset({"queued", "failed", "stopped", "lost"})
"""States from which `train` goes on where the run was."""


@dataclass(frozen=True)
class Status:
    """What `status.json` says, plus what a look at the process adds (`state` may become "lost")."""

    state: str = "queued"
    pid: int = 0
    process: str = ""
    """Identity of the process, see `core.run.identity.identity`."""
    host: str = ""
    heartbeat: float = 0.0
    """Unix seconds of the last sign of life."""
    boot: str = ""
    """The boot of the engine's machine, see `core.run.identity.boot`."""
    clock: float = 0.0
    """The monotonic clock at the last sign of life; means something only within one boot."""
    started: float = 0.0
    ended: float = 0.0
    elapsed: float = 0.0
    """Seconds at work until the last sign of life, all starts together, by a clock that nobody can set."""
    quiet: float = 0.0
    """Seconds since the work itself said anything, at the last sign of life."""
    paused: bool = False
    stopping: bool = False
    exit_code: int | None = None
    error: str = ""
    remedy: str = ""
    checkpoint: str = ""
    """Path of the last checkpoint, relative to the run folder."""
    stage: str = ""
    task: str = ""
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    eta: float | None = None
    """Seconds left of the current task."""
    best: dict[str, float] = field(default_factory=dict)
    """Metrics of the best validation so far."""
    responding: bool = True
    """False where the process lives but has not given a sign for `STALE` seconds."""

    @property
    def live(self) -> bool:
        """Whether an engine is at work on the run."""
        return self.state == "running" or (self.state == "queued" and bool(self.process))

    @property
    def silence(self) -> float:
        """Seconds since the last sign of life; within one boot no jump of the wall clock changes it."""
        if self.boot and self.boot == boot():
            return max(0.0, time.monotonic() - self.clock)
        return max(0.0, time.time() - self.heartbeat)

    @property
    def seconds(self) -> float:
        """Seconds at work to the end, or to now, all starts together."""
        if not self.started:
            return 0.0
        if self.clock or self.elapsed:  # one that is only queued again has no clock yet
            return self.elapsed + (min(self.silence, STALE) if self.live and self.clock else 0.0)
        return max(0.0, (self.ended or (time.time() if self.live else self.heartbeat)) - self.started)


_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "int | None": (int, type(None)),
    "float | None": (int, float, type(None)),
    "dict[str, float]": (dict,),
}


UNREADABLE = Status(
    state="lost", error="status.json is unreadable", remedy="train goes on from its last checkpoint and writes it anew"
)


def read_status(path: Path) -> Status | None:
    """The status in a file; None where there is none. A field of a wrong type keeps its default."""
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError):
        return UNREADABLE
    return parse_status(text)


def parse_status(text: str) -> Status:
    """The status in the text of a file."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return UNREADABLE
    if not isinstance(raw, dict):
        return UNREADABLE
    known: dict[str, Any] = {
        f.name: raw[f.name] for f in fields(Status) if f.name in raw and isinstance(raw[f.name], _TYPES[str(f.type)])
    }
    for name, value in known.items():
        if name in ("heartbeat", "started", "ended"):
            known[name] = moment(value)
        elif name == "best":
            known[name] = figures(value)
        elif isinstance(value, float) or name in ("done", "total", "clock", "elapsed", "quiet"):
            known[name] = number(value)
    if known.get("state") not in STATES:
        known["state"] = "lost"
    return Status(**known)


def write_status(path: Path, status: Status) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(status).items()}
    clean["best"] = {k: v for k, v in status.best.items() if math.isfinite(v)}
    write_atomic(path, json.dumps(clean, indent=1, allow_nan=False))


def beaten(status: Status, began: float) -> Status:
    """The same status with a fresh heartbeat; `began` is the monotonic clock at the start.

    Of a run that goes on it is so much earlier that `elapsed` counts what earlier processes took, too.
    """
    clock = time.monotonic()
    return replace(status, heartbeat=time.time(), boot=boot(), clock=clock, elapsed=round(clock - began, 3))
