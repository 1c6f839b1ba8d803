"""The demo that ships with the program: trains assets/demo/project.toml, and puts what a look at the run needs there.

    python tests/benchmarks/terminal/demo.py WORK

WORK is a folder to train in; an interrupted training goes on there. Takes about eight minutes of processor time. Prints
the table and how large the demo is, packed as in the wheel (bar: 5 MB).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np

from core.assets import assets_path
from core.project import Project
from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.listing import find_run
from core.run.status import Status

MOST = 5_000_000
RUN = "bookshop-demo"
SAID = ("schema", "name", "created", "recipe", "goal", "fingerprint")
"""What of `run.json` is true on another machine."""
NOT_NEEDED = ("loops", "best.old", "*-valid.npz", "*-test.npz", ".*")
"""What stages leave in their artefacts for themselves."""
ROUNDED = {"semantic": ("lsa.npz", "vectors.npz"), "behavior": ("vectors.npz",)}
"""Files whose numbers are kept as exactly as bf16 keeps them: they find neighbours and read words that somebody types;
what lists follow stays as it was measured."""
BITS = 16
"""Bits of an fp32 that are rounded away there."""


def train(work: Path) -> RunFolder:
    """The finished run; trains what is missing."""
    for name in ("sample", "demo"):
        shutil.copytree(
            assets_path() / name, work / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("runs", ".*")
        )
    subprocess.run([sys.executable, "-m", "eagertui.cli", "--headless", "train", str(work / "demo")], check=True)
    return find_run(Project.load(work / "demo").runs_dir)


def ship(run: RunFolder, runs: Path) -> None:
    """Write the run and its artefacts below `runs`, without what only its own machine understands."""
    shutil.rmtree(runs, ignore_errors=True)
    fresh = runs / RUN
    (fresh / "stages").mkdir(parents=True)
    for name in ("project.resolved.toml", "metrics.json", "ranks.parquet"):
        shutil.copyfile(run.path / name, fresh / name)
    manifest = run.manifest()
    (fresh / "run.json").write_text(json.dumps({"id": RUN} | {name: manifest[name] for name in SAID}, indent=1))
    status = run.status()
    RunFolder(fresh).write_status(
        Status(state="finished", started=status.started, ended=status.ended, elapsed=status.elapsed, exit_code=0)
    )
    events = [event for event in EventReader(run.events_path).poll(1 << 30) if event.kind not in ("progress", "system")]
    with (fresh / "events.jsonl").open("w", encoding="utf-8") as file:
        for seq, event in enumerate(events, 1):
            data = {name: value for name, value in event.data.items() if name not in ("pid", "run", "checkpoint")}
            data = {name: value for name, value in data.items() if event.kind != "artefact" or name != "path"}
            file.write(json.dumps({"v": 1, "seq": seq, "ts": event.ts, "kind": event.kind, **data}) + "\n")
    for note in sorted((run.path / "stages").iterdir()):
        shutil.copyfile(note, fresh / "stages" / note.name)
        artefact = run.artefact(note.stem)
        shutil.copytree(
            artefact, runs / ".store" / artefact.name, ignore=shutil.ignore_patterns(*NOT_NEEDED)
        )
    (runs / ".store" / run.artefact("evaluate").name / "ranks.parquet").unlink()  # the run has its own
    for stage, names in ROUNDED.items():
        for name in names:
            shorten(runs / ".store" / run.artefact(stage).name / name)
    for path in (runs, *runs.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # a run is its owner's alone; this one is everybody's


def shorten(file: Path) -> None:
    """Round the numbers of a file, so that it packs well."""
    with np.load(file, allow_pickle=False) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    for name, array in kept.items():
        if array.dtype == np.float32:
            kept[name] = (((array.view(np.uint32) + (1 << (BITS - 1))) >> BITS) << BITS).view(np.float32)
    np.savez(file, **kept)


def packed(folder: Path) -> dict[str, int]:
    """Bytes of every file, packed one by one as in a wheel."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): len(zlib.compress(path.read_bytes())) for path in files}


def main() -> None:
    """Train, write, and tell how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    run = train(parser.parse_args().work.absolute())
    ship(run, assets_path() / "demo" / "runs")
    sizes = packed(assets_path() / "demo")
    for name, size in sorted(sizes.items(), key=lambda pair: -pair[1])[:12]:
        print(f"{size:>10,}  {name}")
    total = sum(sizes.values())
    print(f"{total:>10,}  all, packed: {'ok' if total <= MOST else f'above {MOST:,}'}")


if __name__ == "__main__":
    main()
