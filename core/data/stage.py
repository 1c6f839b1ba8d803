"""The stage `data`: logs and items, read, cleaned, numbered and split."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from core.cost import MB, Cost, Job, Work
from core.files import digest
from core.project import Project
from core.run.reporting import Reporter
from core.stage import Artefacts, Settings, Stage, inputs

ROW = 250.0
"""Bytes a row of the log while it is read."""


def data_settings(project: Project) -> Settings:
    """The data table of the project, and the files' contents."""
    from core.data.sniff import open_table

    tables = {"data.interactions": project.data.interactions, "data.items": project.data.items}
    sources = [
        s for key, name in tables.items() if name for s in open_table(project.resolve(name), key, project.data.encoding)
    ]
    files = [digest(source.path) for source in sources]
    settings = asdict(project.data)
    settings = {k: v for k, v in settings.items() if v or k not in ("columns", "item_columns")}  # they came later
    if not project.data.encoding:
        del settings["encoding"]  # as it was before there was such a setting
    # Where the files lie does not matter, what is in them does; the history's length is the model's business.
    return {**{k: v for k, v in settings.items() if k not in ("interactions", "items", "max_history")}, "files": files}


def make_data(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Read, clean, number and split."""
    from core.data.dataset import load_dataset

    dataset = load_dataset(project.data, project.directory)
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
    return job.sizes.rows * ROW * MB + 3 * job.sizes.text_mb


def _disk(job: Job) -> float:
    return (job.sizes.interactions * 4 + job.sizes.n_users * 16) * MB + 1.5 * job.sizes.text_mb


DATA = Stage("data", 2, data_settings, inputs(), make_data, Cost(_work, _memory, _disk))
