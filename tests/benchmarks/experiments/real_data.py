"""The whole line on a real data set: seconds of every stage, peak memory, and the table.

    python tests/benchmarks/experiments/real_data.py beauty [FOLDER] [--set key=value ...]

Reads `$EAGERTUI_DATA/NAME` (default ../shared/data). FOLDER keeps the project and its runs; an interrupted benchmark
goes on from there. The figures are those of `eagertui --headless train` on the written project.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

TEXT = {
    "beauty": ["title", "brand", "categories"],
    "scientific": ["title", "brand", "categories", "description"],
    "online-retail": ["title"],
}
ORDER = {"beauty": "position", "scientific": "position", "online-retail": "time"}
COLUMN = {"position": "position", "time": "timestamp"}


def data_folder(name: str) -> Path:
    """Where a data set lies."""
    data = Path(os.environ.get("EAGERTUI_DATA", "../shared/data")).resolve() / name
    if not data.is_dir():
        sys.exit(f"no data in {data}: set EAGERTUI_DATA")
    return data


def write_project(name: str, folder: Path) -> Path:
    """A project file for one of the data sets; one that is there already is kept."""
    data = data_folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    order = ORDER[name]
    lines = [
        f'name = "{name}"',
        'recipe = "light"',
        "[data]",
        f'interactions = "{data}/interactions.parquet"',
        f'items = "{data}/items.parquet"',
        'user = "user_id"',
        'item = "item_id"',
        f'{order} = "{COLUMN[order]}"',
        f"text = {json.dumps(TEXT[name])}",
    ]
    path = folder / "project.toml"
    if not path.exists():
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(TEXT))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    folder = args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-{args.name}-"))
    project = write_project(args.name, folder)
    sets = [part for text in args.sets for part in ("--set", text)]
    command = [sys.executable, "-m", "eagertui.cli", "--headless", "train", str(project), *sets, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    run = Path(events[-1]["run"])
    total = 0.0
    print(f"{run}\n\nstage          seconds")
    for note in sorted((run / "stages").glob("*.json"), key=lambda p: p.stat().st_mtime):
        about = json.loads(((run / json.loads(note.read_text())["artefact"]) / "stage.json").read_text())
        total += about["seconds"]
        print(f"{about['stage']:12} {about['seconds']:9.1f}   {json.dumps(about['summary'])}")
    print(f"{'all':12} {total:9.1f}\n")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20:.2f} GiB")
    subprocess.run([sys.executable, "-m", "eagertui.cli", "--headless", "train", str(project), *sets], check=True)


if __name__ == "__main__":
    main()
