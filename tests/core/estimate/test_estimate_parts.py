"""The parts of an estimate: sizes of the data, shape of the codes, the machine, the words."""

from __future__ import annotations

import gzip
import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core import pipeline
from core.cost import MachineSpeed as Machine
from core.cost import Sizes
from core.estimate import sizes
from core.estimate.job import RunJob
from core.estimate.probe import busy, free_disk_mb, free_memory_mb, machine_for, probe
from core.estimate.words import between, gigabytes, in_words, roughly
from core.project import Project
from core.run.folder import RunFolder
from core.settings import RunSettings


@pytest.fixture
def finished(trained: RunFolder, tmp_path: Path) -> Path:
    """The tiny world with all of its artefacts, in a folder of its own."""
    folder = tmp_path / "finished"
    shutil.copytree(Project.load(trained.project_path).directory, folder)
    return folder / "project.toml"


def record(file: Path, name: str) -> Path:
    """The file that tells about a finished stage."""
    store = file.parent / "runs" / ".store"
    return next(f for f in store.glob("*/stage.json") if json.loads(f.read_text())["stage"] == name)


def test_rows_of_a_file_are_known_without_reading_it(tmp_path):
    from core.data.sniff import sniff

    frame = pl.DataFrame({"user_id": np.arange(100_000) // 7, "item_id": np.arange(100_000) % 977})
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_csv(tmp_path / "b.csv")
    frame.write_ndjson(tmp_path / "c.jsonl")
    for name in ("b.csv", "c.jsonl"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
    assert sniff(tmp_path / "a.parquet").row_count() == 100_000
    for name in ("b.csv", "c.jsonl", "b.csv.gz", "c.jsonl.gz"):
        assert sniff(tmp_path / name).row_count() == pytest.approx(100_000, rel=0.25), name


def test_sizes_are_those_of_the_engine(finished):
    from core.data.dataset import Dataset
    from core.tune.target_rows import every_item_rows

    project = Project.load(finished)
    data = record(finished, "data").parent
    dataset = Dataset.load(data)
    made, read = sizes.sizes_made(data), sizes.sizes_of(project)
    assert made is not None
    for found in (made, read):
        assert (found.n_users, found.items) == (dataset.n_users, dataset.n_items)
        assert found.evaluated == len(dataset.evaluated)
        for most in (1, 2, 3, 6, 50):
            rows = every_item_rows(dataset.train(), most)
            assert found.windows(most) == (len(rows.windows), len(rows.windows.items), rows.targets), most
        asked = dataset.evaluation("test").histories.lengths
        assert found.history(4) == pytest.approx(np.minimum(asked, 4).mean())


def test_an_empty_kind_of_data():
    none = Sizes(np.array([2]), np.array([5]), 3, 10, 0.0)
    assert (none.evaluated, none.history(5), none.windows(5)) == (0, 0.0, (5, 10, 5))


@pytest.mark.parametrize("sources", [("semantic", "behavior"), ("behavior",)])
def test_the_codes_have_the_shape_of_the_index(finished, sources):
    """What is estimated with is what `index_shape` says of the data's size, and what the engine then built."""
    from core.index.shape import index_shape
    from core.index.table import ItemIndex

    project = Project.load(finished)
    project = replace(project, index=replace(project.index, sources=sources))
    job = RunJob(pipeline.recipes_of(project), sizes.sizes_of(project), Machine(170.0, 2), project.resolve)
    shape = index_shape(asdict(project.index), sources, job.sizes.items)
    assert job.widths == shape.widths and job.levels == len(shape.levels)
    if sources == Project.load(finished).index.sources:
        assert ItemIndex.load(record(finished, "index").parent / "index.parquet").widths == shape.levels


def test_the_small_backbone_has_the_parameters_that_it_will_have(finished):
    project = Project.load(finished)
    job = RunJob(pipeline.recipes_of(project), sizes.sizes_of(project), Machine(170.0, 2), project.resolve)
    made = json.loads(record(finished, "tune").read_text())["summary"]["parameters"]
    assert job.backbone is not None
    assert job.backbone.parameters == pytest.approx(made, rel=0.1)


def test_the_machine():
    import torch

    from core.machine import use_bf16

    assert 0.1 < probe(1, 0.02) < 10_000
    here = machine_for(RunSettings(device="cpu", threads=1))
    assert (here.threads, here.bf16) == (1, use_bf16(RunSettings(device="cpu")))
    assert here.all_threads == here.one_thread > 0
    assert machine_for(RunSettings(threads=1024), 1.0).threads <= 1024
    assert machine_for(RunSettings(), 1.0).gpu == torch.cuda.is_available()
    assert machine_for(RunSettings(device="cuda:1"), 1.0).gpu
    assert not machine_for(RunSettings(dtype="fp32"), 1.0).bf16
    assert free_memory_mb() > 0
    assert free_disk_mb(Path("/no/such/folder")) == pytest.approx(free_disk_mb(Path("/")), rel=0.01)
    assert busy(10_000) and not busy(-10_000)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (0.2, "under 1 s"), (3.2, "3 s"), (43, "45 s"), (58, "1 min"), (200, "3 min"), (720, "12 min"),
        (1750, "30 min"), (3500, "1 h"), (4700, "1 h 20 min"), (21_000, "5 h 50 min"), (40_000, "11 h"),
        (400_000, "5 days"), (None, "unknown"), (math.nan, "unknown"), (math.inf, "unknown"),
    ],
)  # fmt: skip
def test_times_in_words(span, words):
    assert roughly(span) == words


def test_the_line_for_people():
    assert between(720, 1.7) == "7–20 min"
    assert between(60, 2) == "30 s – 2 min"
    assert between(9_000, 1.5) == "1 h 40 min – 3 h 40 min"
    assert between(0.1, 2) == "under 1 s"
    assert in_words(720, 2_100, 320, 1.7) == "about 12 min (7–20 min), up to 2.1 GB of memory, 0.3 GB of disk"
    assert in_words(None, None, None, 1) == "an unknown time, an unknown amount of memory, an unknown amount of disk"
    assert (gigabytes(0), gigabytes(3.2), gigabytes(24_000)) == ("0 MB", "4 MB", "24 GB")
