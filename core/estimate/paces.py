"""How fast the stages of earlier runs went on this machine: one line a finished stage, in a file of the person's.

What a stage has to do (`core.cost.Work`) is known from settings and data; how long a machine takes over it is not, and
no constant says it. So it is measured: the processor's seconds of a stage over its work hardly change from run to run,
whatever else the machine does meanwhile. How much longer than those the clock runs is another matter, see
`core.estimate.probe.crowding`.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import median
from typing import NamedTuple

from core.cost import MachineSpeed, Work
from core.safe_json import number

NEWEST = 6
"""Earlier times of a stage that count."""
MOST = 300
"""Lines that are kept."""
LARGEST = 4_000_000
SPREAD_ONE, SPREAD_OTHERS = 1.35, 1.7
"""How far off the pace of a stage may be that is known from one run, and of one that others must stand for."""
TYPICAL = {
    "data": 1.7, "semantic": 1.1, "sasrec": 1.5, "behavior": 1.5, "teacher": 1.65, "index": 1.25, "tune": 1.35,
    "steer": 1.3, "baselines": 1.4, "evaluate": 0.75,
}  # fmt: skip
"""Processor seconds a second of work where the formulas were last measured: what stages weigh beside each other."""


@dataclass(frozen=True)
class StageTime:
    """What a stage took.

    Attributes:
        stage: its name.
        version: of its code.
        shared: its work that all threads share, in seconds of one thread of the reference machine.
        single: its work for one thread.
        seconds: by the clock.
        processor: by the processor, all threads together.
        threads: of the run.
        gpu: whether a GPU did it.
        machine: where.
    """

    stage: str
    version: int
    shared: float
    single: float
    seconds: float
    processor: float
    threads: int
    gpu: bool
    machine: str

    @property
    def pace(self) -> float:
        """Seconds a second of work: the processor's, or on a GPU those of the clock."""
        return (self.seconds if self.gpu else self.processor) / (self.shared + self.single)


class StagePace(NamedTuple):
    """Seconds a second of work, how far off that may be as a factor, and whether they are the stage's own."""

    value: float
    spread: float
    own: bool


class Paces:
    """The paces of a machine, the newest last.

    Args:
        times: what stages took.
    """

    def __init__(self, times: Iterable[StageTime] = ()) -> None:
        self._times = [one for one in times if one.shared + one.single > 0 and one.pace > 0]

    def of(self, stage: str, version: int, gpu: bool) -> StagePace | None:
        """How fast a stage goes; None where nothing is known of this machine.

        A stage that never ran here in this version goes as much faster or slower than usual as the others did; on a
        GPU nothing stands for it.
        """
        own = [one for one in self._times if (one.stage, one.version, one.gpu) == (stage, version, gpu)]
        paces = [one.pace for one in own[-NEWEST:]]
        if paces:
            middle = median(paces)
            off = max(abs(math.log(pace / middle)) for pace in paces)
            return StagePace(middle, max(1.15, math.exp(off)) if len(paces) > 2 else SPREAD_ONE, True)
        others = [one.pace / TYPICAL[one.stage] for one in self._times if not one.gpu and one.stage in TYPICAL]
        if gpu or not others:
            return None
        return StagePace(TYPICAL.get(stage, 1.0) * median(others[-2 * NEWEST :]), SPREAD_OTHERS, False)


def usual(stage: str) -> float:
    """The pace of a stage where nothing is known: good for how much it weighs beside others, not for seconds."""
    return TYPICAL.get(stage, 1.0)


def time_of(about: Mapping[str, object], work: Work, machine: MachineSpeed, gpu: bool) -> StageTime:
    """What a finished stage took; `about` is its story in the store."""
    return StageTime(
        str(about.get("stage")), int(number(about.get("version"))), work.shared, work.single,
        number(about.get("seconds")), number(about.get("cpu_seconds")), machine.threads, gpu, this_machine(),
    )  # fmt: skip


def this_machine() -> str:
    """What tells this machine from others that share its home folder."""
    return f"{platform.node()} {platform.machine()}"


def default_file() -> Path:
    """Where the paces are kept."""
    from platformdirs import user_state_path

    return user_state_path("eagertui") / "paces.jsonl"


def load_paces(file: Path | None = None) -> Paces:
    """The paces of this machine; lines that cannot be read are passed over."""
    return Paces(one for one in _read(file or default_file()) if one.machine == this_machine())


def keep_times(times: Iterable[StageTime], file: Path | None = None) -> None:
    """Add what stages took.

    Raises:
        OSError: the file cannot be written.
    """
    from core.files import locked, write_atomic

    file = file or default_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with locked(file.parent):
        kept = [*_read(file), *times][-MOST:]
        write_atomic(file, "\n".join(json.dumps(asdict(one)) for one in kept))


def _read(file: Path) -> list[StageTime]:
    try:
        with file.open(encoding="utf-8") as stream:
            lines = stream.read(LARGEST).splitlines()
    except (OSError, ValueError):
        return []
    kinds = {spec.name: str(spec.type) for spec in fields(StageTime)}
    found = []
    for line in lines:
        try:
            raw = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(raw, dict) and all(_fits(raw.get(name), kind) for name, kind in kinds.items()):
            found.append(StageTime(**{name: raw[name] for name in kinds}))
    return found


def _fits(value: object, kind: str) -> bool:
    if kind in ("str", "bool"):
        return type(value).__name__ == kind
    return number(value, -1.0) >= 0
