"""How well the time and the memory of runs are told: recorded runs, each from those before it and its own beginning.

    python tests/benchmarks/experiments/estimates.py                       # replays results/run_times.json
    python tests/benchmarks/experiments/estimates.py --record RUN ...      # adds finished runs to that file
    python tests/benchmarks/experiments/estimates.py --quiet FOLDER        # trains four short ones alone, and adds them

A run is told from two things: what stages took in the runs that had ended when it began (`core.estimate.paces`), and
its own first minutes of events (`core.run.stage_plan`), a third of it at most. Printed are the span that the app would
have shown then, what the run took, whether the one holds the other, how far the ends of the span are apart, and memory,
told and at its peak. `beside` is how many percent of a core other programs took on the median: the other jobs of the
machine. Bars: at most one run in eight outside; ends 3 times apart, 4 times beside a job; memory within 30 %.

`--quiet` wants a machine that does nothing else, and about ten minutes of two cores. A run that is in the file already
is not trained again, and one beside which other programs were at work is not kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from shutil import copytree, rmtree
from statistics import median
from typing import Any

from cells import eagertui
from real_data import write_project

from core import pipeline
from core.assets import assets_path
from core.estimate import BASE, COSTS, START, epochs_share
from core.estimate.job import RunJob
from core.estimate.paces import Paces, StageTime, time_of, usual
from core.estimate.probe import machine_for
from core.estimate.sizes import sizes_made
from core.pipeline import BESIDE
from core.project import Project
from core.run.events import Event
from core.run.folder import RunFolder
from core.run.reducer import reduce_all
from core.run.stage_plan import OTHERS, StagePlan
from core.run.state import RunState
from core.store import STAGE_FILE

KEPT = Path(__file__).parent / "results" / "run_times.json"
MINUTES = 3.0
"""Of a run's events that it is told from."""
SHARE = 1 / 3
"""Of a run that it is told from, at most."""
THIN = 4.0
"""Seconds between two events of progress, or of the machine's load, that are kept."""
CORES = 2
"""Of the machine on which the kept runs were made."""
ENVELOPE = ("v", "seq", "ts", "kind", "summary", "fingerprint", "run", "pid")
TOLD = ("run.started", "stage.started", "stage.finished", "stage.reused")


QUIET = {
    "bookshop quiet": ("bookshop", []),
    "bookshop quiet, 2 epochs": ("bookshop", ["tune.stages.epochs=2", "sasrec.epochs=10"]),
    "scientific quiet": (
        "scientific",
        ["tune.stages.epochs=2", "sasrec.epochs=6", "tune.validate_users=500", "recommend.beams=20"],
    ),
    "beauty quiet": (
        "beauty",
        ["run.goal=model", "tune.stages.epochs=1", "sasrec.epochs=2", "tune.validate_users=200"],
    ),
}
"""Runs that are made alone: the data set and its settings, short enough for a few minutes each."""


def main() -> None:
    """Record, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", nargs="+", type=Path, metavar="RUN", default=[])
    parser.add_argument("--quiet", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    for run in options.record:
        keep(recorded(run))
    for name in QUIET if options.quiet else ():
        if all(one["run"] != name for one in known()):
            keep(recorded(trained(name, options.quiet / name.replace(" ", "-").replace(",", ""))) | {"run": name})
    rows = list(replayed(known()))
    print(f"{'run':28} {'beside':>6} {'told':>14} {'took':>7}  {'':8} {'ends':>5} {'MB told':>8} {'peak':>6}   off")
    for row in rows:
        print(
            f"{row['run']:28} {row['beside']:5.0f}% {row['low']:6.0f}-{row['high']:5.0f} s {row['took']:5.0f} s  "
            f"{'within' if row['within'] else 'OUTSIDE':8} {row['high'] / row['low']:4.1f}x {row['memory']:8.0f} "
            f"{row['peak']:6.0f} {row['memory'] / row['peak'] - 1:+5.0%}"
        )
    print(f"time: {sum(row['within'] for row in rows)} of {len(rows)} within", end="; ")
    print(f"memory: {sum(abs(row['memory'] / row['peak'] - 1) <= 0.3 for row in rows)} of {len(rows)} within 30 %")


def known() -> list[dict[str, Any]]:
    """The runs that are kept, the oldest first."""
    runs: list[dict[str, Any]] = json.loads(KEPT.read_text(encoding="utf-8"))["runs"]
    return sorted(runs, key=lambda one: float(one["began"]))


def keep(run: dict[str, Any]) -> None:
    """Add a run; one of its name gives way.

    Raises:
        SystemExit: it was to be a quiet one, and was not.
    """
    if run["run"] in QUIET and run["beside"] > OTHERS:
        raise SystemExit(f"{run['run']}: other programs took {run['beside']:.0f} % of a core; not kept, begin again")
    runs = [*(one for one in known() if one["run"] != run["run"]), run]
    KEPT.write_text(json.dumps({"cores": CORES, "runs": runs}) + "\n", encoding="utf-8")


def trained(name: str, folder: Path) -> Path:
    """A run of `QUIET`, trained from nothing: what an interrupted one left would be reused, and take no time."""
    data, sets = QUIET[name]
    rmtree(folder, ignore_errors=True)
    project = copy_of_sample(folder) if data == "bookshop" else write_project(data, folder)
    texts = [part for text in ("run.threads=2", *sets) for part in ("--set", text)]
    return Path(str(eagertui("train", str(project), *texts)[-1]["run"]))


def copy_of_sample(folder: Path) -> Path:
    """The sample project, in a folder of its own."""
    copytree(assets_path() / "sample", folder)
    return folder / "project.toml"


def replayed(runs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What each run was told to take after its first minutes, and what it took."""
    for run in runs:
        before = [StageTime(**one) for other in runs if other["began"] + other["took"] <= run["began"]
                  for one in other["stages"]]  # fmt: skip
        plan = plan_of(run, Paces(before))
        end = run["began"] + min(60 * MINUTES, SHARE * run["took"])
        seen = [one for one in run["events"] if one["ts"] <= end]
        events = [Event(number, one["ts"], one["kind"], one["data"]) for number, one in enumerate(seen, 1)]
        state = reduce_all(RunState(), events)
        span = plan.span(state, CORES)
        assert span is not None, run["run"]
        spent = state.last_ts - state.began
        low, high = spent + span[0], spent + span[1]
        yield {**{key: run[key] for key in ("run", "took", "peak", "memory", "beside")}, "low": low, "high": high,
               "within": low <= run["took"] <= high}  # fmt: skip


def plan_of(run: dict[str, Any], paces: Paces) -> StagePlan:
    """What the stages of a run were expected to take when it began."""
    seconds, measured = {}, True
    beside = any("ahead" in one["data"] for one in run["events"])  # two stages at the same time, on half of the cores
    for one in (StageTime(**stage) for stage in run["stages"]):
        pace = paces.of(one.stage, one.version, one.gpu)
        measured = measured and pace is not None
        threads = max(1, one.threads // 2) if beside and one.stage in BESIDE else one.threads
        seconds[one.stage] = (one.shared / threads + one.single) * (pace.value if pace else usual(one.stage))
    if beside:  # what is left of the second one when its turn comes
        names = list(seconds)
        first, second = (names.index(name) for name in BESIDE)
        meanwhile = sum(seconds[name] for name in names[first:second])
        seconds[BESIDE[1]] = max(0.0, START + seconds[BESIDE[1]] - meanwhile)
    return StagePlan(tuple(seconds), seconds, measured)


def recorded(run: Path) -> dict[str, Any]:
    """What is kept of a finished run."""
    folder = RunFolder(run)
    events = [json.loads(line) for line in folder.events_path.read_text(encoding="utf-8").splitlines()]
    project = Project.load(folder.project_path)
    sizes = sizes_made(folder.artefact("data"))
    assert sizes is not None, f"{run}: its data are gone"
    machine = machine_for(project.run)
    job = RunJob(pipeline.recipes_of(project), sizes, machine, project.resolve)
    ran = [one["stage"] for one in events if one["kind"] == "stage.finished"]
    stages, memory = [], []
    if any("ahead" in one for one in events):
        memory.append(BASE + sum(COSTS[name].memory(job) or 0.0 for name in BESIDE))
    for stage in ran:
        about = json.loads((folder.artefact(stage) / STAGE_FILE).read_text(encoding="utf-8"))
        work, asked = COSTS[stage].work(job), COSTS[stage].memory(job)
        assert work is not None and asked is not None
        memory.append(asked)
        stages.append(asdict(time_of(about, work * epochs_share(about), machine, False)) | {"machine": ""})
    began = events[0]["ts"]
    load = [one["values"] for one in events if one["kind"] == "system"]
    return {
        "run": f"{project.name} {run.name[-4:]}",
        "began": began,
        "took": round(events[-1]["ts"] - began, 1),
        "stages": stages,
        "memory": round(max(memory) + BASE),
        "peak": max(one.get("memory_mb", 0.0) for one in load),
        "beside": round(median(one["machine_cpu_percent"] * CORES - one["cpu_percent"] for one in load), 1),
        "events": list(beginning(events, began + 60 * MINUTES)),
    }


def beginning(events: list[dict[str, Any]], end: float) -> Iterator[dict[str, Any]]:
    """The first minutes, thinned, without what says nothing about time."""
    last: dict[str, float] = {}
    for one in events:
        key = f"{one['kind']} {one.get('task', '')}"
        if one["ts"] > end or one["kind"] not in (*TOLD, "progress", "system"):
            continue
        over = one["kind"] == "progress" and one["done"] >= one["total"]
        if one["kind"] not in TOLD and not over and one["ts"] - last.get(key, 0) < THIN:
            continue
        last[key] = one["ts"]
        data = {key: value for key, value in one.items() if key not in ENVELOPE}
        if one["kind"] == "system":
            data["values"] = {k: v for k, v in data["values"].items() if k in ("cpu_percent", "machine_cpu_percent")}
        yield {"ts": one["ts"], "kind": one["kind"], "data": data}


if __name__ == "__main__":
    main()
