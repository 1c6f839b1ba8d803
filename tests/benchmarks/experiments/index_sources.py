"""Does the index matter? Dual-source codes against text-only and random ones, on the sample, over several seeds.

    python tests/benchmarks/experiments/index_sources.py [--seeds 5] [--set key=value ...]

Every finished cell is kept in results/index_sources.json under its seed and settings, so an
interrupted benchmark goes on. The same data, backbone and training budget in every cell; only the codes differ:
random ones have the shape of the dual-source codes, random-short ones that of the text-only codes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev

RESULTS = Path(__file__).parent / "results" / "index_sources.json"
CODES = {
    "dual-source": ["index.method=kmeans-tree"],
    "text-only": ["index.method=kmeans-tree", 'index.sources=["semantic"]'],
    "random": ["index.method=random"],
    "random-short": ["index.method=random", 'index.sources=["semantic"]'],
}
METRICS = ("recall@10", "ndcg@10")


def run_cell(folder: Path, seed: int, sets: list[str]) -> dict[str, float]:
    """Train one cell and return the model's test metrics."""
    told = [part for text in [*sets, f"seed={seed}"] for part in ("--set", text)]
    command = [sys.executable, "-m", "eagertui.cli", "--headless", "train", str(folder), *told, "--json"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    run = Path(json.loads(lines.splitlines()[-1])["run"])
    model = json.loads((run / "metrics.json").read_text())["test"]["model"]
    return {name: model[name] for name in METRICS}


def key(name: str, seed: int, sets: list[str]) -> str:
    """Names a cell."""
    return " ".join([name, f"seed {seed}", *sorted(sets)])


def main() -> None:
    """Fill in the missing cells, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    RESULTS.parent.mkdir(exist_ok=True)
    cells: dict[str, dict[str, float]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        shop = Path(scratch) / "shop"
        subprocess.run([sys.executable, "-m", "eagertui.cli", "init", "--sample", str(shop)], check=True)
        for seed in range(args.seeds):
            for name, sets in CODES.items():
                cell = key(name, seed, args.sets)
                if cell not in cells:
                    cells[cell] = run_cell(shop, seed, [*sets, *args.sets])
                    RESULTS.write_text(json.dumps(cells, indent=1) + "\n")
                    print(cell, cells[cell], flush=True)
    print(f"{'codes':12} " + " ".join(f"{m:>18}" for m in METRICS))
    for name in CODES:
        rows = [cells[key(name, seed, args.sets)] for seed in range(args.seeds)]
        figures = [[row[m] for row in rows] for m in METRICS]
        print(f"{name:12} " + " ".join(f"{mean(f):9.4f} ± {stdev(f) if len(f) > 1 else 0:.4f}" for f in figures))


if __name__ == "__main__":
    main()
