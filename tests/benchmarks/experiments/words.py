"""The words of the largest first-level branches of Beauty's item index, and the seconds that finding them takes.

    python tests/benchmarks/experiments/words.py [FOLDER] [--data beauty] [--set key=value ...]

Reads `$EAGERTUI_DATA/NAME` (default ../shared/data) and builds the index through the real stages in FOLDER (default: a
temporary one). The behaviour vectors are the quick ones: the first level comes from the text, they do not touch it. The
bar: 10 s for all branches.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from real_data import TEXT, write_project

from core.index.branches import BranchTable
from core.index.words.label import branch_words

SHOWN = 20
BAR = 10.0


def built(project: Path, sets: list[str]) -> tuple[Path, Path]:
    """Build the index of a project; where the artefacts of the data and of the index lie."""
    told = [part for text in ["vectors.behavior=ppmi-svd", *sets] for part in ("--set", text)]
    command = [sys.executable, "-m", "eagertui.cli", "--headless", "index", "build", str(project), *told, "--json"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    run = Path(next(told["run"] for line in reversed(lines) if "run" in (told := json.loads(line))))
    notes = [json.loads((run / "stages" / f"{stage}.json").read_text()) for stage in ("data", "index")]
    return run / notes[0]["artefact"], run / notes[1]["artefact"]


def main() -> None:
    """Build, label once more with a clock, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--data", default="beauty", choices=sorted(TEXT))
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-words-{args.data}-"))
    data, index = built(write_project(args.data, folder), args.sets)
    table = BranchTable.load(index)
    items = pl.read_parquet(data / "items.parquet", columns=["title", "text"])
    began = time.perf_counter()
    words = branch_words(table, items["title"].to_list(), items["text"].to_list())
    seconds = time.perf_counter() - began
    first = sorted(table.children(0), key=lambda row: (-int(table.size[row]), -int(table.rows[row])))
    print(f"{len(first)} first-level branches, the {SHOWN} largest (of equal ones those with most interactions):\n")
    print("items   rows  words")
    for row in first[:SHOWN]:
        print(f"{table.size[row]:5}  {table.rows[row]:5}  {', '.join(words[row])}")
    verdict = "ok" if seconds <= BAR else "TOO SLOW"
    print(f"\n{len(items):,} items, {len(table) - 1:,} branches: {seconds:.2f} s  {verdict}")


if __name__ == "__main__":
    main()
