"""What the recipes reach and cost, part by part.

    python tests/benchmarks/experiments/recipes.py DATA [FOLDER] \
        [--rows NAME ...] [--seeds 0 1 2] [--jobs 1] [--set KEY=VALUE ...]

DATA is `sample`, or a folder of `$EAGERTUI_DATA` (default ../shared/data): scientific, beauty. Every finished cell is
kept in results/recipes.json under its data, row, seed and settings; only the table is printed where
nothing is missing. FOLDER keeps the project and its runs. Seconds are the processor's in stage `tune`, one thread.

Rows: the recipes; `light` without its scorer, and at 5 and 15 million parameters; and `eager-llm-small` without one of
its parts. Without annealing is the same run, its base measured without the adapter: one seed gives one base, whatever
follows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from cells import Cells, artefact, eagertui, light_before
from real_data import write_project

from core.data.dataset import Dataset
from core.evaluate.metrics import bootstrap_interval, ranking_metrics
from core.evaluate.ranks import ranks_of
from core.machine import prepare, use_bf16
from core.model.checkpoint import load_checkpoint
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporting import NullReporter

ALWAYS = ["run.threads=1", 'evaluate.baselines=["popularity", "sasrec"]', "evaluate.bootstrap=1000"]
EAGER = ["recipe=eager-llm-small"]
ROWS = {
    "light": [],
    "light, no contrast": ["contrast.form=none"],
    "light, 5 M": [
        "backbone.hidden_size=320",
        "backbone.layers=4",
        "backbone.heads=5",
        "backbone.intermediate_size=896",
    ],
    "light, 15 M": ["recipe=light-large"],
    "lc-rec-small": ["recipe=lc-rec-small"],
    "semantic-convergence-small": ["recipe=semantic-convergence-small"],
    "eager-llm-small": EAGER,
    "without behaviour": [*EAGER, 'index.sources=["semantic"]'],
    "without text codes": [*EAGER, 'index.sources=["behavior"]'],
    "without contrast": [*EAGER, "contrast.form=none"],
    "summary contrast": [*EAGER, "contrast.form=summary", "contrast.semantic=0.1", "contrast.behavior=0.1"],
    "without annealing": EAGER,
    "without text tasks": [*EAGER, "tune.stages.0.tasks={sequential=1}", "tune.stages.0.caps={}"],
}
FIGURES = ("recall@10", "ndcg@10")
METHODS = ("model", "model+fused", "dense", "sasrec", "sasrec-text")
CELLS = Cells("recipes")


def project_of(data: str, folder: Path) -> Path:
    """A project file on the data; one that is there is kept.

    The sample's own names its stage, a short one of sequences alone: it would win over every recipe's, and goes.
    """
    if data != "sample":
        return write_project(data, folder)
    file = folder / "project.toml"
    if not file.exists():
        shutil.copytree(Path(__file__).parents[3] / "assets" / "sample", folder, dirs_exist_ok=True)
        file.write_text(file.read_text().partition("\n[[tune.stages]]")[0] + "\n")
    return file


def train(project: Path, sets: list[str], base: bool = False) -> Mapping[str, float]:
    """Train one cell; what its methods reach (or the base below its adapters), and what it cost."""
    run = Path(eagertui("train", str(project), *[part for text in sets for part in ("--set", text)])[-1]["run"])
    metrics = json.loads((run / "metrics.json").read_text())
    found = {f"{m} {f}": metrics["test"][m][f] for m in METHODS if m in metrics["test"] for f in FIGURES}
    for method in METHODS:
        if method in metrics["test"]:
            low, high = metrics["intervals"]["test"][method]["recall@10"]
            found |= {f"{method} low": low, f"{method} high": high}
    told = json.loads((artefact(run, "tune") / "stage.json").read_text())
    cost = {"seconds": told["cpu_seconds"], "parameters": told["summary"]["parameters"]}
    return {**(base_of(run) if base else found), **cost}


def base_of(run: Path, adapters: Collection[str] = ()) -> dict[str, float]:
    """What the model of a finished run reaches on the test users with some of its adapters, or without any."""
    folder = RunFolder(run)
    project, best = Project.load(folder.project_path), artefact(run, "tune") / "best"
    prepare(project.run)
    held = load_checkpoint(best, adapters=adapters)
    split = Dataset.load(folder.artefact("data")).evaluation("test")
    ranks = ranks_of(
        held.model, held.trie, split, np.arange(len(split)), project.data.max_history, project.recommend.beams,
        use_bf16(project.run), NullReporter(),
    ).ranks  # fmt: skip
    low, high = bootstrap_interval("recall@10", ranks, project.evaluate.bootstrap)
    found = ranking_metrics(ranks)
    return {**{f"model {f}": found[f] for f in FIGURES}, "model low": low, "model high": high}


def main() -> None:
    """Fill in the missing cells, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    told = " | ".join(sorted(args.sets))
    cells = {f"{args.data} | {row} | seed {seed} | {told}": (row, seed) for row in args.rows for seed in args.seeds}
    folder = args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-{args.data}-"))
    if any(cell not in CELLS.known() for cell in cells):
        project = project_of(args.data, folder)
        print(f"project: {project}", file=sys.stderr)

        def make(cell: str) -> Mapping[str, float]:
            row, seed = cells[cell]
            light = [] if any(text.startswith("recipe=") for text in ROWS[row]) else light_before(args.data)
            return train(project, [*light, *ROWS[row], *ALWAYS, *args.sets, f"seed={seed}"], row == "without annealing")

        CELLS.fill(list(cells), make, args.jobs)
    print(f"{args.data}, seeds {args.seeds} {told}\n")
    head = " ".join(f"{f'{m} R/N@10':>31}" for m in METHODS[:3])
    print(f"{'recipe':27} {'parameters':>11} {'seconds':>8} {head}")
    for row in args.rows:
        found = [CELLS.known()[cell] for cell, (name, _) in cells.items() if name == row]
        texts = []
        for method in METHODS[:3]:
            if f"{method} recall@10" not in found[0]:
                texts.append("")
                continue
            parts = []
            for figure in FIGURES:
                values = [cell[f"{method} {figure}"] for cell in found]
                parts.append(f"{mean(values):.4f}" + (f" ±{stdev(values):.4f}" if len(values) > 1 else ""))
            span = f"[{found[0][f'{method} low']:.4f}, {found[0][f'{method} high']:.4f}] " if len(found) == 1 else ""
            texts.append(span + " / ".join(parts))
        cost = mean(cell["seconds"] for cell in found)
        print(f"{row:27} {found[0]['parameters']:11,.0f} {cost:8.0f} " + " ".join(f"{text:>31}" for text in texts))


if __name__ == "__main__":
    main()
