"""A log in many partitions gives the same data set as in one, byte for byte."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.data import Dataset, flat_rows, load_dataset, partitions, profile
from core.data.partitions import WorkFolder
from core.data.stage import make_data
from core.data.timeline import nth
from core.errors import DataError, EnvironmentFault
from core.run.reporter import NullReporter
from tests.core.data.data_tools import MakeProject

FILES = ("users.parquet", "items.parquet", "sequences.parquet", "times.parquet", "report.json")


def random_log(seed: int, rows: int = 600) -> pl.DataFrame:
    """A log with repeats, equal times, bad rows of several kinds, and a fringe that a k-core takes away."""
    rng = np.random.default_rng(seed)
    users, items = rng.zipf(1.3, rows) % 60, rng.zipf(1.2, rows) % 50
    times = rng.integers(1_600_000_000, 1_600_000_000 + 10**7, rows) // 5000 * 5000
    frame = pl.DataFrame(
        {
            "user_id": [f"u{user:02}" for user in users],
            "item_id": [f"i{item:02}" for item in items],
            "ts": [str(one) for one in times],
            "stars": [str(one) for one in rng.integers(1, 6, rows)],
        }
    )
    frame = pl.concat([frame, frame.sample(40, seed=seed)])
    spoil = rng.permutation(frame.height)[:8]
    return frame.with_row_index("n").with_columns(
        pl.when(pl.col("n").is_in(spoil[:3].tolist())).then(pl.lit("null")).otherwise("user_id").alias("user_id"),
        pl.when(pl.col("n").is_in(spoil[3:6].tolist())).then(pl.lit("\x02")).otherwise("item_id").alias("item_id"),
        pl.when(pl.col("n").is_in(spoil[6:].tolist())).then(pl.lit("soon")).otherwise("ts").alias("ts"),
    ).drop("n")  # fmt: skip


def saved(data: Dataset, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    data.save(folder)
    there = {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}
    assert ("times.parquet" in there) == (data.times is not None)
    return there


CASES: list[dict[str, Any]] = [
    {"time": "ts", "min_user_interactions": 4, "min_item_interactions": 5},
    {"time": "ts", "rating": "stars", "min_rating": 3.0, "duplicates": "first", "min_user_interactions": 3},
    {"position": "ts", "duplicates": "keep", "min_item_interactions": 7},
    {"min_user_interactions": 5, "min_item_interactions": 5},
    {"time": "ts", "split": "time", "min_user_interactions": 2, "valid_from": "0.3", "where": "stars > 1"},
    {"time": "ts", "ties": "shuffle", "min_item_interactions": 3},
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_many_partitions_are_as_one(
    case: int, make: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(random_log(case).write_csv(), **CASES[case])
    whole = load_dataset(project.data, project.directory)
    assert whole.report.core_rounds >= 1 and whole.report.rejected and whole.n_users > 5
    monkeypatch.setattr(partitions, "PARTITION_ROWS", 50)
    work = tmp_path / "work"
    work.mkdir()
    parted = load_dataset(project.data, project.directory, work)
    assert list(work.iterdir()) == []
    assert saved(parted, tmp_path / "parted") == saved(whole, tmp_path / "whole")
    assert profile(parted) == profile(whole)


def test_several_files_of_several_formats(make: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times are whole numbers in one and decimal ones in the other; the files decide between equal ones."""
    log = random_log(9).filter(pl.col("ts") != "soon").with_columns(pl.col("ts").cast(pl.Int64))
    folder = tmp_path / "logs"
    folder.mkdir()
    log[:300].write_parquet(folder / "a.parquet")
    log[300:].with_columns(pl.col("ts").cast(pl.Float64) + 0.5).write_ndjson(folder / "b.jsonl")
    project = make("user_id,item_id\n", time="ts", min_user_interactions=3)
    data = project.data.__class__(**{**vars(project.data), "interactions": str(folder)})
    whole = load_dataset(data, project.directory)
    monkeypatch.setattr(partitions, "PARTITION_ROWS", 40)
    parted = load_dataset(data, project.directory)
    assert saved(parted, tmp_path / "parted") == saved(whole, tmp_path / "whole")


FAULTS = {
    "ids in two ways": "user_id,item_id\n" + "".join(f"{n % 7:02},a{n % 5}\n{n % 7},b{n % 5}\n" for n in range(200)),
    "too many bad rows": "user_id,item_id\n" + "".join(f"u{n % 7},\nu{n % 7},b{n % 5}\n" for n in range(200)),
    "two units": "user_id,item_id,ts\n" + "".join(
        f"u{n % 7},a{n % 5},{1_600_000_000 + n}\nu{n % 7},b{n % 5},{1_600_000_000_000 + n}\n" for n in range(200)
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_alike(fault: str, make: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make(FAULTS[fault], time="ts" if "ts" in FAULTS[fault] else "")
    with pytest.raises(DataError) as whole:
        load_dataset(project.data, project.directory)
    monkeypatch.setattr(partitions, "PARTITION_ROWS", 50)
    with pytest.raises(DataError) as parted:
        load_dataset(project.data, project.directory)
    assert str(parted.value) == str(whole.value)


def test_no_place_for_partitions_is_an_environment_fault(
    make: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(random_log(0).write_csv(), time="ts")
    load_dataset(project.data, project.directory, tmp_path / "nowhere")  # a small log needs none
    monkeypatch.setattr(partitions, "PARTITION_ROWS", 50)
    with pytest.raises(EnvironmentFault, match="no folder for the partitions"):
        load_dataset(project.data, project.directory, tmp_path / "nowhere")


FULL_DISK = """
import subprocess, sys
from pathlib import Path
from core.data import load_dataset, partitions
from core.errors import EnvironmentFault
from core.project import Project
project, work = Project.load(sys.argv[1]), Path(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={sys.argv[3]}", "tmpfs", str(work)], check=True)
partitions.PARTITION_ROWS = 20_000
try:
    load_dataset(project.data, project.directory, work)
except EnvironmentFault as fault:
    print(fault.message, [path.name for path in work.iterdir()])
"""


@pytest.mark.parametrize("room", ["64k", "1600k"])
def test_a_full_disk_is_told_and_leaves_nothing(room: str, make: MakeProject, tmp_path: Path) -> None:
    """While the file is read, and later."""
    own_mount = ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*own_mount, "true"], check=False).returncode:
        pytest.skip("this system allows nobody a mount of his own")
    rows = "".join(f"user{n % 997},item{n % 91}\n" for n in range(60_000))
    project = make("user_id,item_id\n" + rows)
    work = tmp_path / "work"
    work.mkdir()
    argv = [*own_mount, sys.executable, "-c", FULL_DISK, str(project.directory / "project.toml"), str(work), room]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    where = "no space left for the partitions" if room == "64k" else "a partition of the log cannot be written"
    assert where in done.stdout and done.stdout.endswith(" []\n")


def test_what_a_killed_process_left_is_cleared(make: MakeProject, tmp_path: Path) -> None:
    project = make(random_log(0).write_csv(), time="ts")
    folder = tmp_path / "partial"
    folder.mkdir()
    killed = WorkFolder(folder)  # it is not closed
    (killed.path / "numbered-0.arrow").write_bytes(b"")
    make_data(project, {}, folder, NullReporter())
    assert {path.name for path in folder.iterdir()} == set(FILES)


@pytest.mark.parametrize("whole", [True, False])
def test_order_statistics_over_parts(whole: bool) -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        sizes = rng.integers(1, 40, rng.integers(1, 8))
        parts = [np.round(rng.normal(rng.integers(3) * 5, 10, size) if not whole else rng.integers(0, 30, size), 1)
                 for size in sizes]  # fmt: skip
        ordered = np.sort(np.concatenate(parts))
        places = [(len(ordered) - 1) // 2, len(ordered) // 2]
        assert nth(lambda parts=parts: parts, places).tolist() == ordered[places].tolist()
        for place in rng.integers(0, len(ordered), 5):
            assert nth(lambda parts=parts: parts, [int(place)])[0] == ordered[place]


def test_large_histories_are_counted_in_blocks(make: MakeProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of rows that begins and ends inside a user's, of a split that leaves some out of training."""
    project = make(random_log(3).write_csv(), time="ts")
    data = load_dataset(project.data, project.directory)
    taken, trained = (np.bincount(one.items, minlength=data.n_items) for one in (data.sequences, data.train()))
    digest = data.digest()
    for rows in (1, 7, 64, 10**6):
        monkeypatch.setattr(flat_rows, "BLOCK_ROWS", rows)
        assert data.item_counts().tolist() == taken.tolist()
        assert data.item_counts(training=True).tolist() == trained.tolist()
        assert data.digest() == digest
