"""The stage `data`: logs and items, read, cleaned, numbered and split."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path

from core.cost import MB, Cost, Job, Work
from core.data.partitions import PARTITION_ROWS
from core.files import digest
from core.project import Project
from core.run.reporting import Reporter
from core.settings import DataSettings
from core.stage import Artefacts, Settings, Stage, inputs

_LATER = ("columns", "item_columns", "encoding", "table", "item_table", "where", "ties", "valid_from", "test_from")
"""Settings that came after the first data sets were made: at their default they are no part of the fingerprint."""
ROW, PARTITION, USER, ITEM = 250.0, 5e6, 120.0, 160.0
"""Bytes a row of the partition that is worked on, each partition of the log, a user and an item."""
WRITTEN_ROW = 100.0
"""Bytes a row on the disk while a log is in partitions."""


def data_settings(project: Project) -> Settings:
    """The data table of the project, and the files' contents."""
    from core.data.sniff import item_files, log_files

    data, root = project.data, project.directory
    files = [digest(source.path) for source in (*log_files(data, root), *item_files(data, root))]
    settings = asdict(project.data)
    usual = asdict(DataSettings())
    settings = {k: v for k, v in settings.items() if k not in _LATER or v != usual[k]}
    if project.data.split != "time":
        settings = {k: v for k, v in settings.items() if k not in ("valid_from", "test_from")}
    if project.data.ties == "shuffle":
        settings["seed"] = project.seed
    # Where the files lie does not matter, what is in them does; the history's length is the model's business.
    return {**{k: v for k, v in settings.items() if k not in ("interactions", "items", "max_history")}, "files": files}


def make_data(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Read, clean, number and split."""
    from core.data.dataset import load_dataset
    from core.data.partitions import WorkFolder

    for left in WorkFolder.left_in(folder):
        shutil.rmtree(left)
    dataset = load_dataset(project.data, project.directory, folder, project.seed)
    dataset.save(folder)
    for note in dataset.report.notes:
        reporter.alert("warning", "a reading in doubt", note)
    if not len(dataset.evaluated) and project.data.split != "none":
        reporter.alert("warning", "nothing to evaluate", "no user has three interactions")
    figures = {"users": dataset.n_users, "items": dataset.n_items, "interactions": len(dataset.sequences.items)}
    return {**figures, "targets": dataset.targets_count(), "rejected": sum(dataset.report.rejected.values())}


def _work(job: Job) -> Work:
    return Work(single=0.03 + job.sizes.rows * 0.7e-6 + job.sizes.text_mb * 0.03)


def _memory(job: Job) -> float:
    sizes = job.sizes
    at_once = min(sizes.rows, 3 * PARTITION_ROWS // 2) * ROW
    written = sizes.rows // PARTITION_ROWS * PARTITION
    return (at_once + written + sizes.n_users * USER + sizes.items * ITEM) * MB + 3 * sizes.text_mb


def _disk(job: Job) -> float:
    partitions = job.sizes.rows * WRITTEN_ROW if job.sizes.rows > PARTITION_ROWS else 0.0
    return (partitions + job.sizes.interactions * 12 + job.sizes.n_users * 16) * MB + 1.5 * job.sizes.text_mb


# The times beside the sequences came later, without a new version: nothing is computed from them, and data sets that
# lack them stay as good as they were.
DATA = Stage("data", 2, data_settings, inputs(), make_data, Cost(_work, _memory, _disk))
