"""Reading a large log: processor time and peak memory of the data stage and the profile, by rows.

`python tests/benchmarks/engine/log_scale.py --rows 1 10 25` makes up logs of so many million rows once (Zipf items, 2 M
users and 500 k items at 25 M rows, text ids, shuffled) in `--folder`, and reads each in a process of its own. Bars: 25
million in 120 s of processor time and 3 GB, 100 million in 4 GB; seconds per million rows within 1.3x from 10 to 100.
`--users 400000` holds users and items fixed while rows grow, which the peak should not follow. The figures are kept in
`FOLDER/figures.json`, so the same command goes on after a break; delete it to measure anew.
`--rows 1 10 25 100` needs 5 GB in `--folder` for the largest log, and as much again for its partitions.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

MILLION = 1_000_000
USERS, ITEMS = 2_000_000, 500_000
"""Of the log of 25 million rows and of larger ones; smaller logs have proportionally fewer."""
CHUNK = 1 << 20
LINKS = 4
"""Items and users of a chain at the fringe, which takes twice as many k-core rounds, see `fringe`."""


def make_log(path: Path, rows: int, users: int = 0, seed: int = 0) -> None:
    """Write a shuffled CSV log, chunk by chunk: users and items drawn from Zipf-like laws, times over three years."""
    rng = np.random.default_rng(seed)
    users = users or min(USERS, int(USERS * rows / (25 * MILLION)))
    items = users * ITEMS // USERS
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(b"user_id,item_id,ts\n")
        ends = fringe(users, items)
        mixed = rng.permutation(len(ends))
        places = np.linspace(0, len(ends), -(-rows // CHUNK) + 1).astype(int)
        for number, start in enumerate(range(0, rows, CHUNK)):
            count = min(CHUNK, rows - start)
            # Ranks by the inverse of the distribution: density ~ 1/rank for items, flatter for users; (count,).
            item = np.minimum((items + 1.0) ** rng.random(count), items).astype(np.int64) - 1
            user = (users * rng.random(count) ** 1.3).astype(np.int64)
            more = ends[mixed[places[number] : places[number + 1]]]
            put = rng.permutation(count)[: len(more)]
            user[put], item[put] = more[:, 0], more[:, 1]
            frame = pl.DataFrame({"u": user, "i": item, "t": rng.integers(1_600_000_000, 1_700_000_000, count)})
            # Numbers are scattered, so that the order of the ids says nothing.
            frame.select(
                pl.format("user-{}", (pl.col("u") * 2_654_435_761) % 1_000_000_007),
                pl.format("B{}", ((pl.col("i") * 2_654_435_761) % 1_000_000_007).cast(pl.String).str.zfill(10)),
                "t",
            ).write_csv(file, include_header=False)
    partial.rename(path)


def fringe(users: int, items: int) -> npt.NDArray[np.int64]:
    """Chains of which a 5-core takes one end a round, item and user in turn; shape (rows, 2), user and item.

    The first item of a chain has four rows, so it goes; then its user has four left and goes; then the next item, whose
    fifth row was that user's; and so on.
    """
    rows = []
    for chain in range(max(1, users // 1000)):
        for link in range(LINKS):
            user, item = users + chain * LINKS + link, items + chain * LINKS + link
            takers = [user, *((chain * 31 + link * 7 + n) % users for n in range(3))]
            rows += [(taker, item) for taker in (takers if link == 0 else [user - 1, *takers])]
            rows += [(user, (chain + n) % 100) for n in range(3 if link + 1 < LINKS else 4)]
    return np.array(rows, dtype=np.int64)


def project_of(log: Path) -> Path:
    """A project over the log."""
    file = log.with_suffix(".toml")
    file.write_text(
        f'name = "scale"\n[data]\ninteractions = "{log.name}"\nuser = "user_id"\nitem = "item_id"\ntime = "ts"\n',
        encoding="utf-8",
    )
    return file


def read(file: Path) -> None:
    """Read, cut, split and profile a project's log; print the figures as JSON."""
    from core.data import load_dataset, profile
    from core.project import Project

    project = Project.load(file)
    began = time.monotonic()
    steps = {}

    def step(name: str) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        steps[name] = {
            "cpu_s": round(time.process_time(), 1),
            "wall_s": round(time.monotonic() - began, 1),
            "peak_mb": round(usage.ru_maxrss / 1024),
        }

    step("start")
    dataset = load_dataset(project.data, project.directory)
    step("read")
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        dataset.save(Path(folder))
    step("saved")
    figures = profile(dataset)
    step("profiled")
    kept = {key: figures[key] for key in ("users", "items", "interactions")}
    print(json.dumps({"steps": steps, **kept, "k_core": figures["read"]["k_core"]}))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, nargs="+", default=[1.0, 10.0, 25.0], help="millions")
    parser.add_argument("--users", type=int, default=0, help="of every log, with a quarter as many items")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "eagertui-scale")
    parser.add_argument("--read", type=Path, help="read this project here and now")
    args = parser.parse_args()
    if args.read:
        read(args.read)
        return
    args.folder.mkdir(parents=True, exist_ok=True)
    kept = args.folder / "figures.json"
    figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    for millions in args.rows:
        log = args.folder / f"log-{millions:g}m{f'-{args.users}' if args.users else ''}.csv"
        if log.name not in figures:
            if not log.is_file():
                make_log(log, int(millions * MILLION), args.users)
            argv = [sys.executable, __file__, "--read", str(project_of(log))]
            done = subprocess.run(argv, check=True, capture_output=True, text=True)
            figures[log.name] = json.loads(done.stdout)
            kept.write_text(json.dumps(figures, indent=1), encoding="utf-8")
        told = figures[log.name]
        last = told["steps"]["profiled"]
        print(
            f"{millions:g} M rows: {last['cpu_s']:.1f} s of processor time ({last['cpu_s'] / millions:.2f} s a "
            f"million), peak {last['peak_mb']:,} MB\n  {json.dumps(told)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
