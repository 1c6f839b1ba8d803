"""BSARec and HSTU at full strength, beside what others report for them and beside the methods of a finished run.

    python tests/benchmarks/experiments/full_baselines.py beauty [FOLDER] [--systems bsarec hstu] [--seeds 0]
        [--set KEY=VALUE ...] [--run] [--against RUN]

Without `--run` nothing is trained: the table shows what is kept in results/full_baselines.json, and "not run"
elsewhere. With it, missing cells are trained one after the other, each written down when it is finished; one that was
interrupted goes on from its checkpoint in FOLDER. A cell is a system on one data set with one seed and its settings;
the ranks of all users' test targets are kept, under both protocols.

Others' figures are those of the public benchmark RecBoard on Beauty, seen items hidden, means of five seeds. RUN is the
folder of a finished run on the same data set: each of its methods is compared, paired over users, with the means of the
seeds.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from cells import Cells, artefact
from real_data import ORDER, write_project
from related import PROTOCOLS, Until, against, of_stages, packed, shown, values

from core.baselines import BaselineTask
from core.data.dataset import Dataset
from core.errors import Interrupted
from core.evaluate.metrics import values_of
from core.evaluate.ranks import rank_by_scores
from core.machine import prepare
from core.pipeline import STAGES, recipes_of, run_stages
from core.project import Project
from core.registry import BASELINES
from core.run.reporter import NullReporter
from core.stage import options_for
from core.store import Store, fingerprint

CELLS = Cells("full_baselines")
SYSTEMS = ("bsarec", "hstu")
OTHERS = {"beauty": {"bsarec": (0.1002, 0.0610), "hstu": (0.0945, 0.0543)}}
COLUMN = {"seen kept": "rank_", "seen hidden": "masked_rank_"}


class Epochs(NullReporter):
    """Prints the mean loss of every tenth epoch."""

    def __init__(self) -> None:
        self.count = 0

    def metric(self, step: int, values: Any) -> None:
        losses = {name: round(value, 4) for name, value in values.items() if name.startswith("epoch_")}
        self.count += bool(losses)
        if losses and self.count % 10 == 0:
            print(f"step {step}: {losses}", flush=True)


def made(project: Project, system: str) -> dict[str, Path]:
    """The artefacts of the data and of the system, made or gone on with."""
    with contextlib.suppress(Interrupted):
        run_stages(project, Until("data"))
    prepare(project.run)
    recipes = recipes_of(project)
    store = Store(project.runs_dir / ".store")
    places = {name: store.artefact(fingerprint(recipe)) for name, recipe in recipes.items()}
    stage = next(one for one in STAGES if one.name == system)
    mark = fingerprint(recipes[system])
    if not store.has(mark):
        store.make(mark, recipes[system], lambda path: stage.work(project, places, path, Epochs()))
    return {name: places[name] for name in ("data", system)}


def trained(file: Path, system: str, sets: list[str]) -> dict[str, Any]:
    """Train a system, and rank every user's test target with it."""
    project = Project.load(file, [f'evaluate.baselines=["{system}"]', "recommend.fusion=[]", *sets])
    found = made(project, system)
    dataset, baseline = Dataset.load(found["data"]), BASELINES.get(system)
    options = options_for(project, BASELINES, system)
    task = BaselineTask(dataset.train(), dataset.n_items, options, found, project.seed, NullReporter())
    ranks = {"test": {}, "valid": {}}
    scorer = baseline.fit(task)
    for split in ranks:
        ranking = rank_by_scores(scorer, dataset.evaluation(split), dataset.n_items, system, NullReporter())
        ranks[split] = dict(zip(PROTOCOLS, (ranking.ranks, ranking.masked), strict=True))
    valid = {f"valid N@10, {name}": float(values_of("ndcg@10", one).mean()) for name, one in ranks["valid"].items()}
    return {**{name: packed(one) for name, one in ranks["test"].items()}, **valid, **of_stages(found, (system,))}


def key(data: str, system: str, sets: list[str], seed: int) -> str:
    """Names a cell by its settings."""
    return f"{data} | {system} | {', '.join(sets) or 'plain'} | seed {seed}"


def table(data: str, systems: list[str], sets: list[str], seeds: list[int], run: Path | None) -> None:
    """Print what is kept."""
    known = CELLS.known()
    rows = {one: [known[name] for seed in seeds if (name := key(data, one, sets, seed)) in known] for one in systems}
    frame = None
    if run is not None:
        frame = pl.read_parquet(artefact(run, "evaluate") / "ranks.parquet").filter(pl.col("split") == "test")
    for protocol in PROTOCOLS:
        print(f"\n## {data}, {protocol}\n\n| method | seeds | R@10 | N@10 | others' | processor seconds |")
        print("|---" * 6 + "|")
        for system, cells in rows.items():
            if not cells:
                print(f"| {system} | not run | | | | |")
                continue
            means = [values(cells, metric, protocol) for metric in ("recall@10", "ndcg@10")]
            theirs = OTHERS.get(data, {}).get(system) if protocol == "seen hidden" else None
            beside = "" if theirs is None else ", ".join(
                f"{other:.4f} ({mean.mean() / other - 1:+.1%})" for mean, other in zip(means, theirs, strict=True)
            )  # fmt: skip
            seconds = np.mean([cell["seconds"] for cell in cells])
            print(f"| {system} | {len(cells)} | {shown(means[0])} | {shown(means[1])} | {beside} | {seconds:.0f} |")
        if frame is None:
            continue
        for column in [name for name in frame.columns if name.startswith(COLUMN[protocol])]:
            ours = values_of("ndcg@10", frame[column].to_numpy())
            others = [values(cells, "ndcg@10", protocol) for cells in rows.values() if cells]
            said = [f"against {name} {against(ours, one)}" for name, one in zip(rows, others, strict=False)]
            print(f"\n{column.removeprefix(COLUMN[protocol])}: N@10 {ours.mean():.4f}; {'; '.join(said)}")


def main() -> None:
    """Fill in the missing cells if asked to, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=sorted(ORDER))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--against", type=Path)
    args = parser.parse_args()
    if args.run:
        file = write_project(args.data, args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-{args.data}-")))
        for seed in args.seeds:
            for system in args.systems:
                cell = key(args.data, system, args.sets, seed)
                if cell not in CELLS.known():
                    CELLS.keep(cell, trained(file, system, [*args.sets, f"seed={seed}", "run.threads=1"]))
    table(args.data, args.systems, args.sets, args.seeds, args.against)


if __name__ == "__main__":
    main()
