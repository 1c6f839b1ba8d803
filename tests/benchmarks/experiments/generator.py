"""What makes the generator stronger: one table, `light` as it was, one thing changed a row.

    python tests/benchmarks/experiments/generator.py DATA [FOLDER] [--run] [--rows NAME ...] [--seeds 0 1 2] [--jobs 1]
    python tests/benchmarks/experiments/generator.py DATA --teachers RUN

DATA as in recipes.py. Rows of one seed share data, vectors, teachers, index and baselines; a cell is one tuning and its
measuring (40 minutes at most). Finished cells are kept in results/generator.json, so an interrupted table goes on;
without --run nothing is computed, and what is missing is printed as "not run".

Columns, all users of the test: recall@10 and ndcg@10 of the generator alone and of the served list, with seen items
kept or hidden; the generator's ndcg@10 less that of its best single teacher, `sasrec-text`, hidden, paired, with its
95 % interval of the first seed; what leaving the generator out of the served list costs its ndcg@10 (kept, on the half
of the validation that did not choose the weights); processor seconds of the stage `tune`.

`--teachers`: what the teachers of a finished run would list themselves, by the share of the transitions: no student of
theirs alone can be expected to do better.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import polars as pl
from cells import Cell, Cells, artefact, eagertui, light_before
from recipes import project_of

from core.data.arrays import Sequences
from core.data.dataset import Dataset
from core.evaluate.metrics import paired_difference
from core.machine import prepare
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.tune.soft_targets import ask_teachers
from core.tune.target_rows import TargetRows
from core.vectors.sasrec_model import SasRec

CELLS = Cells("generator")
SERVED, TEACHER = "model+fused", "sasrec-text"
SPLITS = {"kept": "test", "hidden": "test_masked"}
FIGURES = ("recall@10", "ndcg@10")
ALIGNED = (
    "tune.drawn=0.6", "tune.distill=1.0", "tune.transitions_share=0.25", "tune.stages.0.epochs=10",
    "vectors.align=contrast",
)  # fmt: skip
"""`light` before its items had a last code of their own; the rows above it are without its alignment too."""
ROWS: dict[str, tuple[str, ...]] = {
    "without drawn items": ("tune.drawn=0.0",),
    "a third drawn": ("tune.drawn=0.3",),
    "six in ten drawn": ("tune.drawn=0.6",),
    "six in ten drawn, teachers alone": ("tune.drawn=0.6", "tune.distill=1.0"),
    "six in ten drawn, teachers alone, fewer transitions": (
        "tune.drawn=0.6", "tune.distill=1.0", "tune.transitions_share=0.25",
    ),
    "the same, forty epochs": (
        "tune.drawn=0.6", "tune.distill=1.0", "tune.transitions_share=0.25", "tune.stages.0.epochs=40",
    ),
    "a third drawn, ten epochs": ("tune.drawn=0.3", "tune.stages.0.epochs=10"),
    "mean of the weights": ("tune.drawn=0.0", "tune.ema=0.999"),
    "fewer transitions": ("tune.drawn=0.0", "tune.transitions_share=0.25"),
    "items follow their texts, ten epochs": ALIGNED,
    "own last codes, ten epochs": (*ALIGNED, "index.conflicts=own"),
    "own last codes, twenty epochs": (*ALIGNED, "index.conflicts=own", "tune.stages.0.epochs=20"),
}


def cell(data: str, project: Path, sets: tuple[str, ...], seed: int) -> Cell:
    """Train and measure one."""
    own = ["run.threads=1", f"seed={seed}", *light_before(data), *sets]
    run = Path(eagertui("train", str(project), *[part for text in own for part in ("--set", text)])[-1]["run"])
    metrics = json.loads((run / "metrics.json").read_text())
    found = {
        f"{name} {figure} {protocol}": metrics[split][method][figure]
        for name, method in (("model", "model"), ("served", SERVED))
        for protocol, split in SPLITS.items()
        for figure in FIGURES
    }
    ranks = pl.read_parquet(artefact(run, "evaluate") / "ranks.parquet").filter(pl.col("split") == "test")
    one, other = (ranks[f"masked_rank_{method}"].to_numpy() for method in ("model", TEACHER))
    parts = {"teacher": paired_difference("ndcg@10", one, other), "gain": metrics["fusion"]["kept"]["gain"]["model"]}
    found |= {f"{name} {key}": part[key] for name, part in parts.items() for key in ("difference", "low", "high")}
    about = json.loads((artefact(run, "tune") / "stage.json").read_text())
    return {**found, "seconds": about["cpu_seconds"]}


def teachers(run: RunFolder) -> None:
    """Print what the teachers list of themselves, each share of the transitions a row."""
    project, dataset = Project.load(run.project_path), Dataset.load(run.artefact("data"))
    prepare(project.run)
    questions, count = dataset.evaluation("test"), dataset.n_items
    folders = [run.artefact(name) for name in ("sasrec", "teacher")]
    models = [SasRec.load(folder / "sasrec.safetensors", count, project.sasrec) for folder in folders]
    # Each user's history with the answer behind it; a step to an answer is in no count of the transitions.
    histories = [questions.histories[user][-project.sasrec.max_history :] for user in range(len(questions.targets))]
    ends = np.cumsum([0, *(len(history) + 1 for history in histories)])
    items = np.concatenate([np.append(one, at) for one, at in zip(histories, questions.targets, strict=True)])
    of_teachers = np.zeros(len(items), dtype=np.bool_)
    of_teachers[ends[1:] - 1] = True
    lengths = np.array([len(history) for history in histories])
    rows = TargetRows(Sequences(items.astype(np.int32), ends), lengths, of_teachers)
    print("| transitions | SASRec models | kept | hidden |\n|---|---|---|---|")
    for share in (0.0, 0.25, 0.5):
        for name, asked in (("both", models), ("the one that reads text", models[1:])):
            told = ask_teachers(asked, dataset.train(), rows, share, True, NullReporter())
            places = {"kept": [], "hidden": []}  # type: dict[str, list[int]]
            for user, target in enumerate(questions.targets):
                scores = np.bincount(told.items[user], told.probs[user], minlength=count)
                for protocol, found in places.items():
                    if protocol == "hidden":
                        scores[questions.histories[user]] = -1.0
                    better = (scores > scores[target]).sum() + (scores[:target] == scores[target]).sum()
                    found.append(int(better) if scores[target] > 0 else count)
            figures = []
            for found in places.values():
                place = np.array(found)
                ndcg = np.where(place < 10, 1 / np.log2(place + 2), 0.0).mean()
                figures.append(f"{(place < 10).mean():.4f} / {ndcg:.4f}".replace("0.", "."))
            print(f"| {share:g} | {name} | {' | '.join(figures)} |", flush=True)


def line(name: str, cells: list[Cell]) -> str:
    """A row of the table: means over the seeds, and the spread of the generator's figures."""
    if not cells:
        return f"| {name} | not run |"

    def figure(key: str) -> str:
        values = [cell[key] for cell in cells]
        return f"{mean(values):.4f}"[1:] + (f" ± {stdev(values):.4f}".replace("0.", ".") if len(values) > 1 else "")

    def pair(which: str, protocol: str) -> str:
        return " / ".join(figure(f"{which} {one} {protocol}") for one in FIGURES)

    def interval(which: str) -> str:
        ends = [cells[0][f"{which} {end}"] for end in ("low", "high")]
        values = [mean(cell[f"{which} difference"] for cell in cells), *ends]
        middle, low, high = (f"{value:+.4f}".replace("0.", ".", 1) for value in values)
        return f"{middle} [{low}, {high}]"

    parts = [pair(which, protocol) for which in ("model", "served") for protocol in SPLITS]
    seconds = f"{mean(cell['seconds'] for cell in cells):.0f}"
    return f"| {' | '.join([name, str(len(cells)), *parts, interval('teacher'), interval('gain'), seconds])} |"


def main() -> None:
    """Compute what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--teachers", type=Path, metavar="RUN")
    args = parser.parse_args()
    if args.teachers:
        teachers(RunFolder(args.teachers))
        return
    names = {f"{args.data}/{row}/{seed}": (ROWS[row], seed) for seed in args.seeds for row in args.rows}
    if args.run:
        project = project_of(args.data, args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-{args.data}-")))
        CELLS.fill(list(names), lambda name: cell(args.data, project, *names[name]), args.jobs)
    known = CELLS.known()
    columns = ("row", "seeds", *(f"{which}, {one}" for which in ("model", "served") for one in SPLITS))
    print(f"| {' | '.join((*columns, 'less its teacher', 'its gain', 's'))} |\n|{'---|' * 9}")
    for row in args.rows:
        cells = [known.get(f"{args.data}/{row}/{seed}") for seed in args.seeds]
        print(line(row, [one for one in cells if one is not None]))


if __name__ == "__main__":
    main()
