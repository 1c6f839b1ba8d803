"""What a training run will cost, before it starts: time, memory and disk, from the settings and the data. Light."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import pipeline
from core.cost import MachineSpeed
from core.errors import EagerError
from core.estimate.job import RunJob
from core.estimate.past import Past
from core.estimate.probe import busy, free_disk_mb, free_memory_mb, free_room, machine_for, room
from core.estimate.sizes import sizes_of
from core.pipeline import STAGES, PlannedStage
from core.project import Project
from core.safe_json import read_object
from core.store import Store
from core.tune.memory import advice, refusal, tune_settings
from core.tune.stage import row_length, tune_need
from core.units import gib, gigabytes, in_words

BASE = 700.0
"""MB of Python, torch and the other libraries, at work. The stages' factors were fitted to the peaks of finished runs.
They are larger than what is alive at any time, because the engine keeps freed memory, and batches of ever other sizes
leave gaps in it; tensors of more than a gigabyte are given back."""
GPU_MEMORY = 2500.0
"""MB that a GPU's libraries add."""
START = 2.0
"""Seconds until the engine has loaded its libraries, on the reference machine."""
SPREAD_PAST, SPREAD_FORMULA, SPREAD_GUESS = 1.5, 1.8, 3.0
COSTS = {stage.name: stage.cost for stage in STAGES}
UNKNOWN_MODEL = "unknown before the model is there"
UNKNOWN_GPU = "unknown before a first run on this GPU"


@dataclass(frozen=True)
class StageEstimate:
    """What one stage will cost.

    Attributes:
        name: of the stage.
        fingerprint: of its artefact.
        state: `reuse` or `run`.
        note: what a person should know of it.
        seconds: about how long it takes; None = unknown.
        why: where the figure comes from.
        spread: the true figure likely lies within `seconds / spread` and `seconds * spread`.
    """

    name: str
    fingerprint: str
    state: str
    note: str
    seconds: float | None
    why: str
    spread: float = 1.0


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Attributes:
        stages: in order.
        seconds: from the start to the metrics; None = unknown.
        memory_mb: at the most; None = unknown.
        disk_mb: at the most; None = unknown.
        spread: the true time likely lies within `seconds / spread` and `seconds * spread`.
        warnings: what speaks against starting now, in sentences.
        short: those of them that say that memory or disk may not be enough.
    """

    stages: tuple[StageEstimate, ...]
    seconds: float | None
    memory_mb: float | None
    disk_mb: float | None
    spread: float
    warnings: tuple[str, ...]
    short: tuple[str, ...] = ()

    def words(self) -> str:
        """The estimate on one line for a person."""
        return in_words(self.seconds, self.memory_mb, self.disk_mb, self.spread)

    def to_dict(self) -> dict[str, Any]:
        """The estimate as plain JSON values."""
        return {
            "stages": [
                {
                    "name": one.name,
                    "state": one.state,
                    "note": one.note,
                    "seconds": _rounded(one.seconds),
                    "why": one.why,
                    "fingerprint": one.fingerprint,
                }
                for one in self.stages
            ],
            "seconds": _rounded(self.seconds),
            "memory_mb": _rounded(self.memory_mb),
            "disk_mb": _rounded(self.disk_mb),
            "spread": round(self.spread, 2),
            "warnings": list(self.warnings),
            "words": self.words(),
        }


def estimate(project: Project, machine: MachineSpeed | None = None) -> Estimate:
    """Say what training the project would cost; changes nothing, reads no more than a small log, takes under a second.

    Args:
        project: what would be trained.
        machine: what it would run on; None = this one, measured.

    Raises:
        ProjectError: a file or column that the project names is not there.
    """
    recipes = pipeline.recipes_of(project)
    planned = pipeline.plan(project, recipes)
    machine = machine or machine_for(project.run)
    store = Store(project.runs_dir / ".store")
    warnings: list[str] = []
    first = planned[0]
    try:
        sizes = sizes_of(project, store.artefact(first.fingerprint) if first.state == "reuse" else None)
    except EagerError as error:
        told = f"the data cannot be used as they are: {error.message}"
        stages = tuple(_stage(one, None, "the data cannot be read") for one in planned)
        return Estimate(stages, None, None, None, 1.0, (*warnings, told))
    job = RunJob(recipes, sizes, machine, project.resolve)
    past = Past(store.path)
    stages = tuple(_estimated(one, job, past, store) for one in planned)
    running = [one.name for one in planned if one.state == "run"]
    memory = _peak([COSTS[name].memory(job) for name in running])
    disk = _total([COSTS[name].disk(job) for name in running])
    memory = memory + BASE + (GPU_MEMORY if machine.gpu else 0.0) if memory is not None else None
    seconds = _total([*(one.seconds for one in stages), START / machine.one_thread])
    short = tuple(_short_of_memory(memory, job, project, "tune" in running) + _short_of_disk(disk, project))
    return Estimate(stages, seconds, memory, disk, _spread(stages), (*warnings, *short, *_busy(machine)), short)


def _estimated(planned: PlannedStage, job: RunJob, past: Past, store: Store) -> StageEstimate:
    """One stage: reused, scaled from earlier ones, or by the formula."""
    name = planned.name
    if planned.state == "reuse":
        return _stage(planned, 0.0, "made before")
    work = COSTS[name].work(job)
    if work is None:
        return _stage(planned, None, UNKNOWN_MODEL, note=UNKNOWN_MODEL)
    formula = None if job.machine.gpu and COSTS[name].gpu else work.seconds(job.machine)
    earlier = past.seconds(name, job, work, formula)
    if earlier is not None:
        seconds, why, spread = earlier, "scaled from earlier runs", SPREAD_PAST
    elif formula is not None:
        seconds, why, spread = formula, "work over the speed of this machine", SPREAD_FORMULA
    else:
        return _stage(planned, None, UNKNOWN_GPU, note=UNKNOWN_GPU)
    if not job.sizes.known:
        why, spread = f"{why}; the size of the data is a guess", SPREAD_GUESS
    note = planned.note
    if name == "tune" and not note:
        epochs = sum(int(stage["epochs"]) for stage in job.settings("tune")["stages"])
        note = f"at most {epochs} epochs" if epochs > 1 else "one epoch"
    left = 1.0 - done_share(name, job, store.artefact(planned.fingerprint).with_suffix(".partial"))
    return _stage(planned, seconds * left, why, note=note, spread=spread)


def _stage(
    planned: PlannedStage, seconds: float | None, why: str, *, note: str = "", spread: float = 1.0
) -> StageEstimate:
    note = note or planned.note
    return StageEstimate(planned.name, planned.fingerprint, planned.state, note, seconds, why, spread)


def done_share(stage: str, job: RunJob, partial: Path) -> float:
    """The share of a stage's epochs that an interrupted run left behind; 0 where it left nothing readable."""
    parts = COSTS[stage].epochs(job.settings(stage))
    done = 0
    for folder, epochs in parts:
        epoch = read_object(partial / folder / "loop.json").get("epoch")
        if isinstance(epoch, int):
            done += min(max(epoch, 0), epochs)
    return done / max(1, sum(epochs for _, epochs in parts))


def _total(values: list[float | None]) -> float | None:
    """Their sum; None where one is unknown."""
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _peak(values: list[float | None]) -> float | None:
    """The largest; None where one is unknown."""
    known = [value for value in values if value is not None]
    return max(known, default=0.0) if len(known) == len(values) else None


def _spread(stages: tuple[StageEstimate, ...]) -> float:
    """The stages' spreads, each as heavy as its time."""
    heavy = [(one.seconds, one.spread) for one in stages if one.seconds]
    total = sum(seconds for seconds, _ in heavy)
    return math.exp(sum(s * math.log(spread) for s, spread in heavy) / total) if total else SPREAD_FORMULA


def _short_of_memory(memory: float | None, job: RunJob, project: Project, tunes: bool) -> list[str]:
    """Where the machine has less memory than the run wants; first of all where it can never have enough."""
    shape, need = (job.backbone, tune_need(job)) if tunes else (None, None)
    if shape is not None and need is not None:
        fault = refusal(project, room(project.run))
        if fault is not None:
            return [f"{fault.message}; {fault.remedy}"]
        free = free_room(project.run)
        free = replace(free, machine=free.machine - BASE - (GPU_MEMORY if free.on_gpu else 0.0))
        lacking = free.short(need)
        if lacking is not None:
            told = f"tuning may need {gib(lacking[0])} {lacking[2]}, and {gib(max(0.0, lacking[1]))} are free for it"
            settings = tune_settings(project)
            fits = advice(settings, shape, job.codes, row_length(job), free)
            return [f"{told}; {fits or 'no setting makes it fit: use a smaller backbone.model'}"]
    free_mb = free_memory_mb()
    if memory is None or memory <= free_mb:
        return []
    told = f"it may need {gigabytes(memory)} of memory, and {gigabytes(free_mb)} are free"
    return [f"{told}; smaller: sasrec.batch_users, data.max_history, tune.batch_tokens"]


def _short_of_disk(disk: float | None, project: Project) -> list[str]:
    """Where the disk has less room than the run wants."""
    free = free_disk_mb(project.runs_dir)
    if disk is None or disk <= free:
        return []
    return [f"it may need {gigabytes(disk)} of disk, and {gigabytes(free)} are free at {project.runs_dir}"]


def _busy(machine: MachineSpeed) -> list[str]:
    """Where other programs are at work now, which the figures leave out."""
    return ["other programs keep the machine busy; while they do, it takes longer"] if busy(machine.threads) else []


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


__all__ = ["Estimate", "StageEstimate", "estimate"]
