"""What the formula of `core.estimate` says of finished runs, and what they took.

    python tests/benchmarks/experiments/estimates.py RUN ...

A line for every stage that a run's project would have and whose artefact is there: seconds by the formula, without what
it learns from earlier runs; seconds it took; and the ratio. Only runs on an otherwise quiet machine say anything.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cells import artefact

from core import pipeline
from core.estimate.job import RunJob
from core.estimate.probe import machine_for
from core.estimate.sizes import sizes_made
from core.project import Project
from core.run.folder import RunFolder


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    costs = {stage.name: stage.cost for stage in pipeline.STAGES}
    for run in parser.parse_args().runs:
        folder = RunFolder(run)
        project = Project.load(folder.project_path)
        sizes = sizes_made(artefact(run, "data"))
        assert sizes is not None, f"{run}: its data are gone"
        recipes = pipeline.recipes_of(project)
        job = RunJob(recipes, sizes, machine_for(project.run), project.resolve)
        print(f"{run.name}, {job.machine.threads} threads, probe {job.machine.gflops:.0f} G/s")
        for stage in recipes:
            if not (run / "stages" / f"{stage}.json").exists():
                continue
            told = json.loads((artefact(run, stage) / "stage.json").read_text())
            work = costs[stage].work(job)
            if work is not None:
                seconds, took = work.seconds(job.machine), float(told["seconds"])
                print(f"  {stage:10} formula {seconds:8.1f} s   took {took:8.1f} s   {took / max(seconds, 1e-3):6.2f}x")


if __name__ == "__main__":
    main()
