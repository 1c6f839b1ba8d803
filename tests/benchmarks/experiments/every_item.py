"""Every item of a history as a target, beside the last one alone, for the same time of training.

    python tests/benchmarks/experiments/every_item.py DATA [FOLDER] [--every 5] [--last 1] [--set KEY=VALUE ...]

DATA as in recipes.py. Both runs are the project's recipe, but for `tune.supervise` and the epochs: an epoch with a row
for every target takes several times as many steps. The time is the processor's, of the whole stage `tune` (teachers
asked, training, validations); the difference is paired by user, with its 95 % bootstrap interval.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import polars as pl
from cells import artefact, eagertui
from recipes import project_of

from core.evaluate.metrics import paired_difference

ALWAYS = ["run.threads=1", 'evaluate.baselines=["popularity"]']


def train(project: Path, supervise: str, epochs: int, sets: list[str]) -> tuple[Path, dict[str, float]]:
    """A run, and what its tuning cost."""
    own = [f"tune.supervise={supervise}", f"tune.stages.0.epochs={epochs}"]
    told = [part for text in [*ALWAYS, *own, *sets] for part in ("--set", text)]
    run = Path(eagertui("train", str(project), *told)[-1]["run"])
    about = json.loads((artefact(run, "tune") / "stage.json").read_text())
    return run, {"seconds": about["seconds"], "cpu_seconds": about["cpu_seconds"]}


def main() -> None:
    """Train both, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--every", type=int, default=5, help="epochs with every item a target")
    parser.add_argument("--last", type=int, default=1, help="epochs with a row for every target")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    project = project_of(args.data, args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-{args.data}-")))
    ranks = {}
    for supervise, epochs in (("every", args.every), ("last", args.last)):
        run, cost = train(project, supervise, epochs, args.sets)
        metrics = json.loads((run / "metrics.json").read_text())["test"]["model"]
        frame = pl.read_parquet(artefact(run, "evaluate") / "ranks.parquet").filter(pl.col("split") == "test")
        ranks[supervise] = frame.sort("user_id")["rank_model"].to_numpy()
        print(
            f"{supervise:5} {epochs:3} epochs, {cost['cpu_seconds']:6.0f} s of the processor ({cost['seconds']:.0f} s),"
            f" R@10 {metrics['recall@10']:.4f}, N@10 {metrics['ndcg@10']:.4f}",
            flush=True,
        )
    for metric in ("recall@10", "ndcg@10"):
        told = paired_difference(metric, ranks["every"], ranks["last"])
        print(f"{metric}, every - last: {told['difference']:+.4f} [{told['low']:+.4f}, {told['high']:+.4f}]")


if __name__ == "__main__":
    main()
