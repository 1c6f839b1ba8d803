"""How much of a figure is the order of equal times? Real logs hold whole days; what comes first inside one is chance.

    python tests/benchmarks/experiments/ties.py beauty [--code asin] [--seeds 3] [--methods transitions itemknn sasrec]

Counts how many neighbouring interactions of a user ascend by the item's code (chance is one half), among all and right
before the test item: logs that were sorted by code inside a day show it. The code is a column of the item table; of
Scientific none is left, its ids are numbers. Then every run of ascending codes is shuffled
inside itself, seeded, and baselines are fitted and measured on both logs: what they lose was read off the codes.
Recall and NDCG at 10, over all users, seen items kept and seen items hidden; means over seeds with their spread.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import numpy.typing as npt
from real_data import write_project

from core.baselines import BaselineTask
from core.data.arrays import Sequences
from core.data.dataset import Dataset
from core.evaluate.metrics import ranking_metrics
from core.evaluate.ranks import rank_by_scores
from core.pipeline import run_stages
from core.project import Project
from core.registry import BASELINES
from core.run.reporter import NullReporter
from core.vectors.sasrec_model import fit_sasrec

FIGURES = ("recall@10", "ndcg@10")


def dataset_of(name: str, folder: Path) -> Dataset:
    """The data set as a run sees it."""
    sets = ["run.goal=index", "index.method=random", "vectors.behavior=ppmi-svd", "vectors.semantic=none"]
    return Dataset.load(run_stages(Project.load(write_project(name, folder), sets), NullReporter())["data"])


def ascending(sequences: Sequences, place: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each interaction but a user's first has a higher code than the one before; shape (interactions,).

    Args:
        sequences: of item numbers.
        place: of each item in the order of the codes; shape (items,).
    """
    codes = place[sequences.items]
    rising = np.zeros(len(codes), dtype=bool)
    rising[1:] = codes[1:] > codes[:-1]
    rising[sequences.offsets[:-1][sequences.lengths > 0]] = False
    return rising


def shuffled(sequences: Sequences, rising: npt.NDArray[np.bool_], seed: int) -> Sequences:
    """Every run of ascending codes in a random order."""
    run = np.cumsum(~rising)  # a run's number; it never goes over a user's end
    order = np.lexsort((np.random.default_rng(seed).random(len(run)), run))
    return Sequences(sequences.items[order], sequences.offsets)


def figures(dataset: Dataset, method: str, seed: int, scratch: Path) -> dict[str, float]:
    """What a baseline reaches on the test split, under both protocols."""
    train, count, reporter = dataset.train(), dataset.n_items, NullReporter()
    baseline = BASELINES.get(method)
    if method == "sasrec":
        folder = Path(tempfile.mkdtemp(dir=scratch))
        scorer = fit_sasrec(train, count, Project().sasrec, seed, True, reporter, folder).frozen()
    else:
        scorer = baseline.fit(BaselineTask(train, count, None, {}, seed, reporter))
    ranking = rank_by_scores(scorer, dataset.evaluation("test"), count, method, reporter)
    found = {}
    for protocol, ranks in (("kept", ranking.ranks), ("hidden", ranking.masked)):
        measured = ranking_metrics(ranks)
        found |= {f"{protocol} {name}": measured[name] for name in FIGURES}
    return found


def main() -> None:
    """Count, shuffle, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--code", default="asin")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="*", default=["transitions", "itemknn"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="eagertui-ties-") as scratch:
        for name in args.names:
            dataset = dataset_of(name, Path(scratch) / name)
            if args.code not in dataset.items.columns:
                print(f"{name}: the item table has no column {args.code}")
                continue
            sequences, codes = dataset.sequences, dataset.items[args.code].fill_null("")
            rising = ascending(sequences, codes.rank("ordinal").to_numpy().astype(np.int64))
            later = np.ones(len(rising), dtype=bool)
            later[sequences.offsets[:-1]] = False
            last = sequences.offsets[1:][dataset.evaluated] - 1
            said = f"{rising[later].mean():.1%} of neighbours ascend, {rising[last].mean():.1%} before test items"
            print(f"{name}: {said}", flush=True)
            for method in args.methods:
                plain = [figures(dataset, method, seed, Path(scratch)) for seed in range(args.seeds)]
                mixed = [
                    figures(replace(dataset, sequences=shuffled(sequences, rising, seed)), method, seed, Path(scratch))
                    for seed in range(args.seeds)
                ]
                for key in plain[0]:
                    before, after = ([one[key] for one in some] for some in (plain, mixed))
                    spread = f" ±{stdev(after):.4f}" if len(after) > 1 else ""
                    change = mean(after) / mean(before) - 1
                    print(f"  {method:12} {key:18} {mean(before):.4f} -> {mean(after):.4f}{spread}  {change:+.1%}")


if __name__ == "__main__":
    main()
