"""Which item index teaches best? Every quantizer with the same small tuning budget, in one table.

    python tests/benchmarks/experiments/quantizers.py [scientific] [FOLDER] [--rows NAME ...] [--seeds 0 1 2] [--jobs 2]

Reads `$EAGERTUI_DATA/NAME` (default ../shared/data). Every finished cell is kept in
results/quantizers.json under its data, row, seed and budget, so an interrupted benchmark goes on; only
the table is printed where nothing is missing. FOLDER keeps the project and its runs. Each job trains on one thread.

The rows `shuffled` are the index of `kmeans-tree` with the last codes of the items under one branch of the last tree
dealt anew among them: what recall they lose, the last level knew. `published` is the LC-Rec index that lies with the
data (887 items share their codes in it), conflicts settled. `random` has the tree's shape and no meaning.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import polars as pl
from cells import Cells, artefact, eagertui, light_before
from real_data import data_folder, write_project

BUDGET = {
    "scientific": ["tune.stages.0.epochs=6"],
    "beauty": ["tune.stages.0.epochs=4", "sasrec.epochs=12"],
    "online-retail": ["tune.stages.0.epochs=4", "sasrec.epochs=12"],
}
ALWAYS = ["run.threads=1", 'evaluate.baselines=["popularity"]', "evaluate.bootstrap=0"]
TREE = "index.method=kmeans-tree"
TEXT, BEHAVIOR = 'index.sources=["semantic"]', 'index.sources=["behavior"]'
ROWS = {
    "kmeans-tree": [TREE],
    "shuffled": [TREE],
    "random": ["index.method=random"],
    "paper": ["index.method=eager-llm-tree"],
    **{name: [f"index.method={name}"] for name in ("rq-kmeans", "rq-vae", "letter", "aligned", "parallel")},
    "rq-vae, text": ["index.method=rq-vae", TEXT],
    "rq-vae, behaviour": ["index.method=rq-vae", BEHAVIOR],
    "tree, text": [TREE, TEXT],
    "tree, behaviour": [TREE, BEHAVIOR],
    "shuffled, behaviour": [TREE, BEHAVIOR],
    "published": [],
}
FIGURES = ("recall@10", "ndcg@10", "conflicts", "text kept", "behaviour kept", "tokens", "seconds")
CELLS = Cells("quantizers")


def shuffled(project: Path, sets: list[str], seed: int) -> str:
    """The index with its last level dealt anew among siblings, as a setting."""
    lines = eagertui("index", "build", str(project), *sets)
    table = pl.read_parquet(artefact(Path(lines[-1]["run"]), "index") / "index.parquet")
    *before, last = table.columns[1:]
    parents = [name for name in before if name.split(":")[1] == last.split(":")[1]]  # the last source's own tree
    rng = np.random.default_rng(seed)
    drawn = table.with_columns(pl.Series("draw", rng.random(table.height)))
    drawn = drawn.with_columns(pl.col(last).sort_by("draw").over(parents))
    path = project.parent / f"shuffled-{'-'.join(dict.fromkeys(name.split(':')[1] for name in before))}-{seed}.parquet"
    drawn.drop("draw").write_parquet(path)
    return f"index.method='file:{path.resolve()}'"


def published() -> Path:
    """The index that lies beside Scientific's data."""
    return next(data_folder("scientific").glob("lc-rec-format/*.index.json"))


def run_cell(project: Path, row: str, seed: int, budget: list[str]) -> dict[str, float]:
    """Train one cell; the model's test metrics and what the report says of its index."""
    sets = [part for text in [*ROWS[row], *budget, f"seed={seed}"] for part in ("--set", text)]
    if row.startswith("shuffled"):
        sets += ["--set", shuffled(project, sets, seed)]
    if row == "published":
        sets += ["--set", f"index.method='file:{published()}'"]
    run = Path(eagertui("train", str(project), *sets)[-1]["run"])
    model = json.loads((run / "metrics.json").read_text())["test"]["model"]
    index = artefact(run, "index")
    report = json.loads((index / "report.json").read_text())
    steps = (report.get("conflicts") or {}).get("steps") or [{"rate": 0.0}]
    kept = {source: depths[-2]["preserved"] for source, depths in report["preserved"].items() if len(depths) > 1}
    return {
        "recall@10": model["recall@10"],
        "ndcg@10": model["ndcg@10"],
        "conflicts": steps[0]["rate"],
        "text kept": kept.get("semantic", 0.0),
        "behaviour kept": kept.get("behavior", 0.0),
        "tokens": len(report["levels"]),
        "seconds": json.loads((index / "stage.json").read_text())["seconds"],
    }


def key(data: str, row: str, seed: int, budget: list[str]) -> str:
    """Names a cell."""
    return " | ".join([data, row, f"seed {seed}", *sorted(budget)])


def main() -> None:
    """Fill in the missing cells, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="scientific", choices=sorted(BUDGET))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rows", nargs="+", default=[], choices=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    args.rows = args.rows or [row for row in ROWS if row != "published" or args.data == "scientific"]
    budget = [*BUDGET[args.data], *args.sets]
    cells = {(row, seed): key(args.data, row, seed, budget) for row in args.rows for seed in args.seeds}
    asked = {cell: one for one, cell in cells.items()}
    if any(cell not in CELLS.known() for cell in asked):
        folder = args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-{args.data}-"))
        project = write_project(args.data, folder)
        every = [*light_before(args.data), *budget, *ALWAYS]
        CELLS.fill(list(asked), lambda cell: run_cell(project, *asked[cell], every), args.jobs)
    print(f"{args.data}, {', '.join(budget)}, seeds {args.seeds}\n")
    print(f"{'index':18} " + " ".join(f"{name:>16}" for name in FIGURES))
    for row in args.rows:
        found = [CELLS.known()[cells[row, seed]] for seed in args.seeds]
        texts = []
        for name in FIGURES:
            values = [cell[name] for cell in found]
            spread = f" ± {stdev(values):.4f}" if len(values) > 1 and name in FIGURES[:2] else ""
            texts.append(f"{mean(values):.4f}{spread}" if name not in FIGURES[-2:] else f"{mean(values):.1f}")
        print(f"{row:18} " + " ".join(f"{text:>16}" for text in texts))


if __name__ == "__main__":
    main()
