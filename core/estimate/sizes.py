"""How large the data are: from the finished artefact, else from a small log itself, else guessed from a large one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.cost import Sizes
from core.project import Project

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.data.read import TableFile

    Counts = npt.NDArray[np.int64]

READ_ROWS = 500_000
"""Logs of so many rows are read as training would read them, in under a second; larger ones are guessed."""
HEAD_ROWS = 200_000


def sizes_of(project: Project, artefact: Path | None = None) -> Sizes:
    """Count what is there, or guess.

    Args:
        project: what is wanted.
        artefact: of the stage `data`, where it is finished.

    Raises:
        EagerError: the data cannot be read.
    """
    found = sizes_made(artefact) if artefact else None
    return found or _read(project)


def sizes_made(artefact: Path) -> Sizes | None:
    """From an artefact of the stage `data`; None where it cannot be read."""
    import polars as pl

    try:
        lengths = pl.read_parquet(artefact / "users.parquet", columns=["interactions"], glob=False)["interactions"]
        bytes_of_text = pl.col("text").str.len_bytes().sum()
        table = pl.scan_parquet(artefact / "items.parquet", glob=False)
        text, items = table.select(bytes_of_text, count=pl.len()).collect().row(0)
        return _sizes(lengths.cast(pl.Int64), int(items), len(lengths), int(lengths.sum()), float(text or 0) / 1e6)
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def _sizes(lengths: object, items: int, users: int, rows: int, text_mb: float) -> Sizes:
    import numpy as np

    values, counts = np.unique(np.asarray(lengths, dtype=np.int64), return_counts=True)
    return Sizes(values, counts.astype(np.int64), max(1, items), rows, text_mb)


def _read(project: Project) -> Sizes:
    """Read a small log as training would; guess a large one."""
    import numpy as np

    from core.data.data_report import DataReport
    from core.data.doubts import check_measurable
    from core.data.k_core import build_log
    from core.data.log import read_rows
    from core.data.sniff import item_files, log_files
    from core.data.split import Split

    data = project.data
    sources = log_files(data, project.directory)
    tables = item_files(data, project.directory)
    text_mb = sum(source.path.stat().st_size * source.text_ratio() for source in tables) / 1e6 if data.text else 0.0
    listed = sum(source.row_count() for source in tables)
    rows = sum(source.row_count() for source in sources)
    if rows > READ_ROWS:
        return _guess(project, sources, rows, listed, text_mb)
    report = DataReport()
    log = build_log(read_rows(data, project.directory, report), data, report, project.seed)
    lengths = np.diff(log.offsets)
    if project.run.goal == "metrics":
        check_measurable(lengths, log.split or Split.leave_one_out(lengths))
    items = max(len(log.item_ids), listed) if data.catalogue == "all" else len(log.item_ids)
    text_mb *= min(1.0, items / max(1, listed))
    return _sizes(lengths, items, len(log.user_ids), report.rows, text_mb)


def _guess(project: Project, sources: list[TableFile], rows: int, listed: int, text_mb: float) -> Sizes:
    """Users and items of a large log, from its first rows; the k-core is not known yet."""
    import numpy as np
    import polars as pl

    data = project.data
    try:
        head = sources[0].scan([data.user, data.item]).select(data.user, data.item).head(HEAD_ROWS).collect()
        users, items = head[data.user].n_unique(), head[data.item].n_unique()
        same = (head[data.user] == head[data.user].shift()).sum() / max(1, head.height)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return _fallback(rows, listed, text_mb)
    grown = rows / max(1, head.height)
    # A log that is sorted by user shows new users at a steady rate; any other one shows fewer and fewer.
    users = round(users * grown ** (1.0 if same > 0.5 else 0.7))
    items = round(items * grown**0.5)
    items = max(items, listed) if data.catalogue == "all" else min(items, listed) if listed else items
    users = max(1, min(users, rows // max(1, data.min_user_interactions)))
    each = np.array([max(1, round(rows / users))], dtype=np.int64)
    return Sizes(each, np.array([users], dtype=np.int64), max(1, items), rows, text_mb, known=False)


def _fallback(rows: int, listed: int, text_mb: float) -> Sizes:
    """A log of which nothing but its length is known: ten interactions a user, as in most shops."""
    import numpy as np

    items = listed or max(1, round(rows**0.5 * 20))
    return Sizes(np.array([10]), np.array([max(1, rows // 10)]), items, rows, text_mb, known=False)
