"""What a training run will cost, before it starts. Light.

Memory and disk follow from the settings and the data; time from what earlier runs took on this machine, and is not
known before a first one. How it goes then, a run itself tells (`core.run.stage_plan`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core import pipeline
from core.cost import MachineSpeed, Work
from core.errors import EagerError
from core.estimate.job import RunJob
from core.estimate.paces import Paces, StageTime, load_paces, time_of, usual
from core.estimate.probe import crowding, free_disk_mb, free_memory_mb, free_room, machine_for, room
from core.estimate.sizes import sizes_of
from core.pipeline import BESIDE, STAGES, PlannedStage
from core.project import Project
from core.safe_json import number, read_object
from core.store import Store
from core.tune.memory import advice, refusal, tune_settings
from core.tune.stage import row_length, tune_need
from core.units import gib, gigabytes, in_words

BASE = 600.0
"""MB of Python, torch and the other libraries, at work. The stages' factors were fitted to the peaks of finished runs.
They are larger than what is alive at any time, because the engine keeps freed memory, and batches of ever other sizes
leave gaps in it; tensors of more than a gigabyte are given back."""
GPU_MEMORY = 2500.0
"""MB that a GPU's libraries add."""
START = 2.0
"""Seconds until the engine has loaded its libraries, on a quiet machine."""
SPREAD_QUIET, SPREAD_CROWDED, SPREAD_GUESS = 1.5, 1.9, 3.0
CROWDED = 1.25
"""From here on other programs are named."""
COSTS = {stage.name: stage.cost for stage in STAGES}
WORTH = 10.0
"""Seconds that a stage takes at least for which a process of its own is started: that takes `START` itself."""
UNKNOWN_MODEL = "unknown before the model is there"
UNKNOWN_GPU = "not known before a first run on this GPU"
UNKNOWN = "not known before a first run"


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
        weight: the same where it is known; else seconds of which only the proportions count; None = unknown.
        work: all that the stage has to do; None where it is unknown, or a part of it is done.
    """

    name: str
    fingerprint: str
    state: str
    note: str
    seconds: float | None = None
    why: str = UNKNOWN
    spread: float = 1.0
    weight: float | None = None
    work: Work | None = None


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
        beside: whether the stages of `core.pipeline.BESIDE` will be made at the same time, by two processes; what the
            second one takes is what it is waited for then.
    """

    stages: tuple[StageEstimate, ...]
    seconds: float | None
    memory_mb: float | None
    disk_mb: float | None
    spread: float
    warnings: tuple[str, ...]
    short: tuple[str, ...] = ()
    beside: bool = False

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
                    "weight": _rounded(one.weight),
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
            "beside": self.beside,
        }


def estimate(project: Project, machine: MachineSpeed | None = None, paces: Paces | None = None) -> Estimate:
    """Say what training the project would cost; changes nothing, reads no more than a small log, takes under a second.

    Of a project with several seeds it is the whole group; its stages are those of the first.

    Args:
        project: what would be trained.
        machine: what it would run on; None = this one.
        paces: how fast stages went there; None = those of this machine.

    Raises:
        ProjectError: a file or column that the project names is not there.
    """
    machine = machine or machine_for(project.run)
    paces = load_paces() if paces is None else paces
    made: set[str] = set()
    found = [_estimate(one, machine, paces, made) for one in project.seeded()]
    return replace(found[0], seconds=_total([one.seconds for one in found]), disk_mb=_total([e.disk_mb for e in found]))


def _estimate(project: Project, machine: MachineSpeed, paces: Paces, made: set[str]) -> Estimate:
    """What one run costs; `made` are fingerprints of what is made before it, to which its own are added."""
    recipes = pipeline.recipes_of(project)
    planned = [replace(one, state="reuse") if one.fingerprint in made else one
               for one in pipeline.plan(project, recipes)]  # fmt: skip
    made.update(one.fingerprint for one in planned)
    store = Store(project.runs_dir / ".store")
    first = planned[0]
    try:
        sizes = sizes_of(project, store.artefact(first.fingerprint) if first.state == "reuse" else None)
    except EagerError as error:
        told = f"the data cannot be used as they are: {error.message}"
        stages = tuple(StageEstimate(one.name, one.fingerprint, one.state, one.note) for one in planned)
        return Estimate(stages, None, None, None, 1.0, (told,))
    job = RunJob(recipes, sizes, machine, project.resolve)
    crowded = crowding(machine.threads)
    stages = tuple(_estimated(one, job, paces, crowded, store) for one in planned)
    running = [one.name for one in planned if one.state == "run"]
    needs = {name: COSTS[name].memory(job) for name in running}
    both = _total([BASE, *(needs.get(name) for name in BESIDE)])  # the second process has libraries, too
    beside = _worth_it(stages, machine) and _apart(recipes) and both is not None and both + BASE <= free_memory_mb()
    if beside:
        stages, needs[BESIDE[0]] = _overlapped(stages, crowded), both
    memory = _peak(list(needs.values()))
    disk = _total([COSTS[name].disk(job) for name in running])
    memory = memory + BASE + (GPU_MEMORY if machine.gpu else 0.0) if memory is not None else None
    seconds = _total([*(one.seconds for one in stages), START * crowded])
    short = tuple(_short_of_memory(memory, job, project, "tune" in running) + _short_of_disk(disk, project))
    return Estimate(stages, seconds, memory, disk, _spread(stages, crowded), (*short, *_busy(crowded)), short, beside)


def _worth_it(stages: tuple[StageEstimate, ...], machine: MachineSpeed) -> bool:
    """Whether both stages of `BESIDE` have to be computed, each long enough, and there is a core for either."""
    weights = [one.weight or 0.0 for one in stages if one.name in BESIDE and one.state == "run"]
    return machine.threads > 1 and len(weights) == len(BESIDE) and min(weights) >= WORTH


def _apart(recipes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the second stage of `BESIDE` reads only what is there before the first."""
    order, (first, second) = list(recipes), BESIDE
    return all(order.index(name) < order.index(first) for name in recipes[second]["inputs"])


def _overlapped(stages: tuple[StageEstimate, ...], crowded: float) -> tuple[StageEstimate, ...]:
    """The stages where the second of `BESIDE` begins with the first: what is left of it when its turn comes."""
    names = [one.name for one in stages]
    first, second = (names.index(name) for name in BESIDE)
    meanwhile, late = stages[first:second], stages[second]
    left = {
        key: max(0.0, start + mine - sum(getattr(one, key) or 0.0 for one in meanwhile))
        for key, start in (("seconds", START * crowded), ("weight", START))
        if (mine := getattr(late, key)) is not None
    }
    note = late.note or f"beside {BESIDE[0]}"
    return (*stages[:second], replace(late, note=note, **left), *stages[second + 1 :])


def _estimated(planned: PlannedStage, job: RunJob, paces: Paces, crowded: float, store: Store) -> StageEstimate:
    """One stage: reused, or its work at the pace of earlier runs."""
    name = planned.name
    if planned.state == "reuse":
        return StageEstimate(name, planned.fingerprint, "reuse", planned.note, 0.0, "made before", weight=0.0)
    work = COSTS[name].work(job)
    if work is None:
        return StageEstimate(name, planned.fingerprint, "run", UNKNOWN_MODEL, None, UNKNOWN_MODEL)
    gpu = job.machine.gpu and COSTS[name].gpu
    left = 1.0 - done_share(name, job, store.artefact(planned.fingerprint).with_suffix(".partial"))
    threads = max(1, job.machine.threads // 2) if name in BESIDE else job.machine.threads
    one_thread = (work * left).seconds(replace(job.machine, threads=threads))
    note = planned.note
    if name == "tune" and not note:
        epochs = sum(int(stage["epochs"]) for stage in job.settings("tune")["stages"])
        note = f"at most {epochs} epochs" if epochs > 1 else "one epoch"
    found = StageEstimate(name, planned.fingerprint, "run", note, None, UNKNOWN, weight=one_thread * usual(name),
                          work=work if left == 1.0 else None)  # fmt: skip
    pace = paces.of(name, int(job.recipes[name]["version"]), gpu)
    if pace is None:
        return replace(found, note=note or (UNKNOWN_GPU if gpu else ""), why=UNKNOWN_GPU if gpu else UNKNOWN)
    why = "from earlier runs on this machine" if pace.own else "from other stages on this machine"
    spread = pace.spread
    if not job.sizes.known:
        why, spread = f"{why}; the size of the data is a guess", SPREAD_GUESS
    seconds = (work.shared + work.single) * left * pace.value if gpu else one_thread * pace.value * crowded
    return replace(found, seconds=seconds, weight=seconds, why=why, spread=spread)


def times_made(told: Estimate, project: Project) -> list[StageTime]:
    """What the stages took that an estimate said would run, as far as they are finished by now."""
    machine, store = machine_for(project.run), Store(project.runs_dir / ".store")
    return [
        time_of(about, one.work * epochs_share(about), machine, machine.gpu and COSTS[one.name].gpu)
        for one in told.stages
        if one.work is not None and store.has(one.fingerprint)
        for about in [store.about(one.fingerprint)]
    ]


def epochs_share(about: Mapping[str, Any]) -> float:
    """The share of its epochs that a finished stage went through: patience may have ended the tuning."""
    settings, summary = about.get("settings"), about.get("summary")
    if about.get("stage") != "tune" or not isinstance(settings, dict) or not isinstance(summary, dict):
        return 1.0
    stages = settings.get("stages")
    if not isinstance(stages, list) or len(stages) != 1:
        return 1.0
    most, patience = number(stages[0].get("epochs")), number(settings.get("patience"))
    return min(1.0, (number(summary.get("best_epoch"), most) + patience) / max(1.0, most))


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


def _spread(stages: tuple[StageEstimate, ...], crowded: float) -> float:
    """The stages' spreads, each as heavy as its time, and what other programs add to it."""
    heavy = [(one.seconds, one.spread) for one in stages if one.seconds]
    total = sum(seconds for seconds, _ in heavy)
    own = math.exp(sum(s * math.log(spread) for s, spread in heavy) / total) if total else 1.0
    return max(own, SPREAD_CROWDED if crowded > CROWDED else SPREAD_QUIET)


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


def _busy(crowded: float) -> list[str]:
    """Where other programs are at work now: the figures take it that they stay."""
    return ["other programs keep the machine busy; once they end, it goes faster"] if crowded > CROWDED else []


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


__all__ = ["Estimate", "StageEstimate", "estimate"]
