"""The parts of an estimate: sizes of the data, shape of the codes, the machine."""

from __future__ import annotations

import gzip
import json
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
from core.estimate.probe import crowding, free_disk_mb, free_memory_mb, machine_for
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
    job = RunJob(pipeline.recipes_of(project), sizes.sizes_of(project), Machine(2), project.resolve)
    shape = index_shape(asdict(project.index), sources, job.sizes.items)
    assert job.widths == shape.widths and job.levels == len(shape.levels)
    if sources == Project.load(finished).index.sources:
        assert ItemIndex.load(record(finished, "index").parent / "index.parquet").widths == shape.levels


def test_the_small_backbone_has_the_parameters_that_it_will_have(finished):
    project = Project.load(finished)
    job = RunJob(pipeline.recipes_of(project), sizes.sizes_of(project), Machine(2), project.resolve)
    made = json.loads(record(finished, "tune").read_text())["summary"]["parameters"]
    assert job.backbone is not None
    assert job.backbone.parameters == pytest.approx(made, rel=0.1)


def test_the_machine():
    import torch

    from core.machine import use_bf16

    here = machine_for(RunSettings(device="cpu", threads=1))
    assert (here.threads, here.bf16) == (1, use_bf16(RunSettings(device="cpu")))
    assert machine_for(RunSettings(threads=1024)).threads <= 1024
    assert machine_for(RunSettings()).gpu == torch.cuda.is_available()
    assert machine_for(RunSettings(device="cuda:1")).gpu
    assert not machine_for(RunSettings(dtype="fp32")).bf16
    assert free_memory_mb() > 0
    assert free_disk_mb(Path("/no/such/folder")) == pytest.approx(free_disk_mb(Path("/")), rel=0.01)
    assert crowding(10_000) > 2 and crowding(-10_000) == 1
