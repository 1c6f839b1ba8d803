"""A finished run as a comparison reads it: settings, what was measured, and every test user's ranks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import DataError, EagerError
from core.evaluate.comparison.settings_that_differ import flat_settings
from core.evaluate.metrics import DEPTH
from core.run.folder import RunFolder
from core.run.rankings import OURS
from core.safe_json import moment, read_object

Ranks = npt.NDArray[np.int16]
SPLIT = "test"
RANK, MASKED = "rank_", "masked_rank_"
_READ_ERRORS = (OSError, ValueError, TypeError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A run with ranks.

    Attributes:
        folder: where it lies.
        recipe: the recipe's name.
        created: Unix seconds.
        settings: every setting by its dotted key.
        seed: of everything random in it.
        metrics: what `metrics.json` holds.
        data: fingerprint of its data set; empty where the run does not say.
        histories: items of each test user's history; int32, shape (users,).
        popularity: training interactions of each test user's target; int64, shape (users,).
        kept: ranks of the targets in every method's lists, seen items kept; 0 = none. Shape (users,) each.
        masked: the same with seen items hidden.
    """

    folder: RunFolder
    recipe: str
    created: float
    settings: Mapping[str, Any]
    seed: int
    metrics: Mapping[str, Any]
    data: str
    histories: npt.NDArray[np.int32]
    popularity: npt.NDArray[np.int64]
    kept: Mapping[str, Ranks] = field(repr=False)
    masked: Mapping[str, Ranks] = field(repr=False)

    @property
    def id(self) -> str:
        """The run's id."""
        return self.folder.id

    @property
    def short(self) -> str:
        """What tells the run from others of its project."""
        return self.id.rsplit("_", 1)[-1]

    @property
    def methods(self) -> list[str]:
        """Every method that it measured, its own rankings first."""
        return sorted(self.kept, key=lambda name: OURS.index(name) if name in OURS else len(OURS))

    @property
    def users(self) -> int:
        """Test users."""
        return len(self.histories)

    @cached_property
    def ids(self) -> pl.DataFrame:
        """`user_id` and `item_id` (the target) of every test user, as text.

        Raises:
            DataError: they cannot be read.
        """
        path = self.folder.path / "ranks.parquet"
        try:
            rows = pl.scan_parquet(path, glob=False).filter(pl.col("split") == SPLIT)
            found = rows.select(pl.col("user_id", "item_id").cast(pl.String)).collect()
        except _READ_ERRORS as error:
            raise _unreadable(self.folder, path, error) from None
        if found.height != self.users:
            raise DataError(f"{path}: changed while it was read", "ask again")
        return found

    def artefact(self, stage: str) -> Path:
        """Where a stage's artefact lies.

        Raises:
            EagerError: it is not there any more.
        """
        return self.folder.artefact(stage)


def load_run(folder: RunFolder) -> MeasuredRun:
    """Read a finished run.

    Raises:
        DataError: it has no ranks, or they cannot be read; names the file and what to do.
    """
    path = folder.path / "ranks.parquet"
    if not path.is_file():
        raise DataError(f"run {folder.id} has no {path.name}: nothing was measured", _again(folder))
    try:
        rows = pl.scan_parquet(path, glob=False)
        names = [name for name in rows.collect_schema().names() if name.startswith((RANK, MASKED))]
        methods = [name.removeprefix(RANK) for name in names if name.startswith(RANK)]
        methods = [name for name in methods if MASKED + name in names]
        if not methods:
            raise ValueError("it has no column of ranks")
        columns = ["history", "popularity", *(start + name for start in (RANK, MASKED) for name in methods)]
        frame = rows.filter(pl.col("split") == SPLIT).select(columns).collect()
        arrays = {name: _whole(frame[name]) for name in columns}
    except _READ_ERRORS as error:
        raise _unreadable(folder, path, error) from None
    if not frame.height:
        raise DataError(f"{path}: holds no user of the split {SPLIT}", _again(folder))
    manifest = folder.manifest()
    settings = flat_settings(folder)
    seed = settings.get("seed", 0)
    return MeasuredRun(
        folder,
        str(manifest.get("recipe") or settings.get("recipe") or ""),
        moment(manifest.get("created")),
        settings,
        seed if type(seed) is int else 0,
        folder.metrics(),
        str(read_object(folder.path / "stages" / "data.json").get("fingerprint") or ""),
        arrays["history"].astype(np.int32),
        arrays["popularity"].astype(np.int64),
        {name: _ranks(arrays[RANK + name]) for name in methods},
        {name: _ranks(arrays[MASKED + name]) for name in methods},
    )


def _whole(column: pl.Series) -> npt.NDArray[Any]:
    """A column of whole numbers, none missing or negative."""
    if not column.dtype.is_integer() or column.null_count():
        raise ValueError(f"column {column.name} does not hold whole numbers alone")
    if column.len() and int(column.min()) < 0:  # type: ignore[arg-type]  # of integers it is one
        raise ValueError(f"column {column.name} holds a negative number")
    return column.to_numpy()


def _ranks(column: npt.NDArray[Any]) -> Ranks:
    return np.where(column <= DEPTH, column, 0).astype(np.int16)


def _unreadable(folder: RunFolder, path: Path, error: BaseException) -> DataError:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return DataError(f"{path}: the ranks cannot be read ({text})", _again(folder))


def _again(folder: RunFolder) -> str:
    return f"measure it again: eagertui evaluate PROJECT --run {folder.id}"


def stamp(folder: RunFolder) -> object:
    """What changes when a run is measured again; None where it was not measured."""
    try:
        stats = [(folder.path / name).stat() for name in ("ranks.parquet", "metrics.json")]
    except OSError:
        return None
    return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in stats)


def data_summary(run: MeasuredRun) -> dict[str, Any]:
    """What the stage `data` said of its data set; empty where it is unreadable."""
    summary = read_object(run.folder.path / "stages" / "data.json").get("summary")
    return summary if isinstance(summary, dict) else {}


def data_report(run: MeasuredRun) -> dict[str, Any]:
    """What was read and dropped when the data set was made; empty where it is unreadable."""
    try:
        report = json.loads((run.artefact("data") / "report.json").read_text(encoding="utf-8"))
    except (EagerError, OSError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}
