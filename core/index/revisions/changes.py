"""What was added to a run's index and taken from it after training: an append-only row of small files.

`RUN/revisions/0001.parquet`, `0002.parquet` ...: each holds the items of one call of `add_items` or `remove_items`.
No file is ever changed; the items that a run knows are its base and all revisions, in order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.assets import refuse_demo
from core.errors import DataError, EnvironmentFault
from core.files import locked, sync
from core.run.disk import fault_of
from core.run.folder import RunFolder

NEAREST: Mapping[str, pl.DataType] = {"like": pl.List(pl.Int32), "cosines": pl.List(pl.Float32)}
"""Columns that revisions of version 0.1 do not have."""
SCHEMA: Mapping[str, pl.DataType] = {
    "item_id": pl.String(),
    "title": pl.String(),
    "text": pl.String(),
    "codes": pl.List(pl.Int32),
    "removed": pl.Boolean(),
    **NEAREST,
}
BASE = "eagertui.base_id"
LIKE = 8
"""Known items that speak for a new one, at most."""


@dataclass(frozen=True)
class Revision:
    """What one call did.

    Attributes:
        number: of its file; 0 = nothing was new, and nothing was written.
        items: its rows, in the columns of `SCHEMA`.
        figures: counts of what was read, taken and refused; JSON values.
    """

    number: int
    items: pl.DataFrame
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Number and figures as JSON values."""
        return {"revision": self.number, **self.figures}


@dataclass(frozen=True)
class Growth:
    """All revisions of a run together.

    Attributes:
        number: of the newest revision; 0 = none.
        base_id: the index that they extend; empty without revisions.
        items: items that the base does not hold, in the order in which they came, removed ones too: `item_id`,
            `title`, `text`. The first gets the number after the base's last.
        codes: their codes; int32, shape (items, levels).
        like: numbers of the base's items whose text is nearest to each one's, the nearest first; empty where nothing
            is known.
        cosines: of these texts.
        removed: ids that are not recommended any more, of the base too.
    """

    number: int
    base_id: str
    items: pl.DataFrame
    codes: npt.NDArray[np.int32]
    removed: frozenset[str]
    like: tuple[tuple[int, ...], ...] = ()
    cosines: tuple[tuple[float, ...], ...] = ()


def load_revisions(run: RunFolder | Path | str, most: int | None = None) -> Growth:
    """Read every revision of a run, or so many of the first.

    Raises:
        DataError: a revision is missing or damaged, or belongs to another index.
    """
    folder = _folder(run)
    tables: list[pl.DataFrame] = []
    bases: list[str] = []
    for number, path in enumerate(_files(folder)[:most], 1):
        try:
            table = pl.read_parquet(path, glob=False)
            base = pl.read_parquet_metadata(path)[BASE]
        except (OSError, KeyError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise DataError(
                f"{path}: the revision cannot be read ({error})", "put the file back from a copy"
            ) from error
        if not NEAREST.keys() & dict(table.schema).keys():
            table = table.with_columns(pl.lit([], dtype=kind).alias(name) for name, kind in NEAREST.items())
        if path.stem != _name(number) or dict(table.schema) != SCHEMA or base not in (bases or [base]):
            raise DataError(
                f"{path}: no revision {_name(number)} of this index", f"put the files of {folder} back from a copy"
            )
        tables.append(table.with_columns(pl.lit(number).alias("number")))
        bases.append(base)
    if not tables:
        empty = pl.DataFrame(schema=SCHEMA).select("item_id", "title", "text")
        return Growth(0, "", empty, np.zeros((0, 0), dtype=np.int32), frozenset())
    rows = pl.concat(tables)
    last = rows.unique("item_id", keep="last", maintain_order=True)
    first = rows.unique("item_id", keep="first", maintain_order=True).filter(~pl.col("removed"))
    levels = len(rows["codes"][0])  # where nothing was added there is no row to tell
    codes = np.array(first["codes"].to_list(), dtype=np.int32).reshape(len(first), levels)
    removed = frozenset(last.filter(pl.col("removed"))["item_id"].to_list())
    like, cosines = (tuple(map(tuple, first[name].to_list())) for name in ("like", "cosines"))
    return Growth(len(tables), bases[0], first.select("item_id", "title", "text"), codes, removed, like, cosines)


def newest_revision(run: RunFolder | Path | str) -> int:
    """The number of a run's newest revision; 0 = none. Quick: nothing is read."""
    return len(_files(_folder(run)))


def write_revision(run: RunFolder | Path | str, rows: pl.DataFrame, base_id: str) -> int:
    """Write the next revision, whole or not at all; the caller holds `growing`.

    Args:
        run: the run's folder.
        rows: in the columns of `SCHEMA`; an item of the base that is removed comes with its codes.
        base_id: the index that is extended.

    Returns:
        Its number.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    folder = _folder(run)
    number = len(_files(folder)) + 1
    fresh = folder / f".{_name(number)}.new"
    try:
        rows.select(list(SCHEMA)).write_parquet(fresh, metadata={BASE: base_id})
        sync(fresh)
        fresh.replace(folder / f"{_name(number)}.parquet")
        sync(folder)
    except (OSError, pl.exceptions.PolarsError) as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise fault_of(error, folder) or error from error
    return number


@contextlib.contextmanager
def growing(run: RunFolder | Path | str) -> Iterator[None]:
    """Nobody else adds to this run meanwhile; the kernel lets go when the process ends, however it ends.

    Raises:
        EnvironmentFault: the run's folder cannot be written.
    """
    folder = _folder(run)
    refuse_demo(folder)
    try:
        lock = contextlib.ExitStack()
        lock.enter_context(locked(folder))
    except OSError as error:
        raise EnvironmentFault(f"cannot write {folder}: {error.strerror or error}") from error
    with lock:
        for left in folder.glob(".*.new"):  # somebody was interrupted
            left.unlink(missing_ok=True)
        yield


def _folder(run: RunFolder | Path | str) -> Path:
    return (run.path if isinstance(run, RunFolder) else Path(run)) / "revisions"


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.parquet"), key=lambda path: (len(path.stem), path.stem))


def _name(number: int) -> str:
    return f"{number:04}"
