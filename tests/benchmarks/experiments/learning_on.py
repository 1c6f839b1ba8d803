"""What a run that learns on from another reaches and costs, beside one from scratch.

    python tests/benchmarks/experiments/learning_on.py FOLDER [--share 0.9] [--set KEY=VALUE ...]

The sample, cut at a share of its interactions by time, is trained; then the whole of it, once with `--from` that run
and once from scratch, with the same settings. Printed are the model's and the served lists' R@10 of both (test, seen
items kept), and the processor's seconds of index and tuning (bar: within .010 of R@10). What is finished in FOLDER is
taken from there.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import polars as pl
from cells import artefact, eagertui

from core.assets import assets_path
from core.store import STAGE_FILE

FILES = ("items.parquet", "project.toml")
STAGES = ("index", "tune")


def main() -> None:
    """Train three runs and print the two that are compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=0.9, help="of the interactions, the oldest first")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    sets = [part for text in options.overrides for part in ("--set", text)]
    sample = assets_path() / "sample"
    for name in FILES:
        shutil.copy(sample / name, folder)
    log = pl.read_parquet(sample / "interactions.parquet").sort("timestamp", maintain_order=True)
    log.head(round(len(log) * options.share)).write_parquet(folder / "interactions.parquet")
    base = run_of(str(folder), *sets)
    log.write_parquet(folder / "interactions.parquet")
    on, scratch = run_of(str(folder), "--from", base.name, *sets), run_of(str(folder), *sets)
    for name, run in (("learned on", on), ("from scratch", scratch)):
        test = json.loads((run / "metrics.json").read_text())["test"]
        seconds = {one: json.loads((artefact(run, one) / STAGE_FILE).read_text())["cpu_seconds"] for one in STAGES}
        figures = {method: test[method]["recall@10"] for method in ("model+fused", "model", "dense") if method in test}
        print(f"{name:14} R@10 {figures}   processor's seconds {seconds}   {run.name}")


def run_of(*argv: str) -> Path:
    """The run that a training ends with."""
    return Path(str(eagertui("train", *argv)[-1]["run"]))


if __name__ == "__main__":
    main()
