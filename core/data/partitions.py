"""A log in partitions by a hash of the user, worked on one after another: a log larger than memory is no special case.

A user's rows are all in one partition, so what is counted, sorted or dropped by user is local to it, and only what is
counted by item has to be summed over all. The data set that comes out is the same for any number of partitions.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from core.data.read import ROW, TableFile, collect, first_line, sink_by_key
from core.errors import EnvironmentFault

PARTITION_ROWS = 1 << 20
"""Rows of a partition, about. A log that has no more is one partition, and stays in memory."""
FILE, USER = "file", "user"
_KEY = "partition"
_PREFIX = "partitions-"


def place() -> pl.Expr:
    """Where a row stands in the log, as one number that rises from file to file and row to row."""
    return pl.col(FILE).cast(pl.Int64) * (1 << 40) + pl.col(ROW)


def place_of(number: int) -> tuple[int, int]:
    """The file's number and the row of a `place`."""
    return number >> 40, number & ((1 << 40) - 1)


class WorkFolder:
    """A folder for partitions, made when it is needed, and gone when it is closed.

    Args:
        parent: Where it is made; None = where the system keeps temporary files.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent
        self._made: tempfile.TemporaryDirectory[str] | None = None

    @property
    def path(self) -> Path:
        """The folder.

        Raises:
            EnvironmentFault: it cannot be made.
        """
        if self._made is None:
            try:
                self._made = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=self._parent)
            except OSError as error:
                raise EnvironmentFault(f"no folder for the partitions of the log can be made ({error})") from None
        return Path(self._made.name)

    def close(self) -> None:
        """Remove it."""
        if self._made is not None:
            self._made.cleanup()
            self._made = None

    @staticmethod
    def left_in(parent: Path) -> list[Path]:
        """Folders that a process left there which was killed."""
        return list(parent.glob(f"{_PREFIX}*"))


class Frames:
    """Frames of one schema, one a partition: in memory, or as files in a folder.

    Args:
        folder: Where to write them; None = in memory.
        name: What the files are called.
    """

    def __init__(self, folder: Path | None, name: str) -> None:
        self._folder, self._name = folder, name
        self._frames: list[pl.DataFrame | Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Keep the next partition's frame.

        Raises:
            EnvironmentFault: the disk is full, or cannot be written to.
        """
        if self._folder is None:
            self._frames.append(frame)
            return
        file = self._folder / f"{self._name}-{len(self._frames)}.arrow"
        try:
            frame.write_ipc(file)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise EnvironmentFault(
                f"a partition of the log cannot be written into {self._folder} ({first_line(error)})",
                "make room on that disk",
            ) from None
        self._frames.append(file)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for frame in self._frames:
            yield pl.scan_ipc(frame, glob=False).collect() if isinstance(frame, Path) else frame


class TypedRows:
    """The rows of a log's files with typed columns, by a hash of the user.

    Args:
        files: Every file with the columns that are read and the expressions that take their place.
        count: Partitions.
        work: Where they are written where they are more than one.

    Raises:
        DataError: the content cannot be read.
        EnvironmentFault: not enough memory, or the disk fails.
    """

    def __init__(
        self, files: Sequence[tuple[TableFile, list[str], list[pl.Expr]]], count: int, work: WorkFolder
    ) -> None:
        self.count = count
        self._parts: list[list[pl.LazyFrame]] = [[] for _ in range(count)]
        if count == 1:
            self._parts[0] = [collect(source, names, *columns).lazy() for source, names, columns in files]
        else:
            folder = Path(tempfile.mkdtemp(dir=work.path))
            key = (pl.col(USER).fill_null("").hash(0) % count).cast(pl.Int32).alias(_KEY)
            for number, (source, names, columns) in enumerate(files):
                sink_by_key(source, names, columns, key, folder / str(number), PARTITION_ROWS // (2 * count))
                for file in sorted((folder / str(number)).glob("*/*.parquet")):
                    part = int(file.parent.name.partition("=")[2])
                    self._parts[part].append(pl.scan_parquet(file, glob=False))
            if not any(self._parts):
                self._parts[0] = [collect(source, names, *columns).lazy() for source, names, columns in files]
        self.schema = self.scan().collect_schema()

    def scan(self) -> pl.LazyFrame:
        """All rows, in any order."""
        return pl.concat([scan for part in self._parts for scan in part], how="vertical_relaxed")

    def frames(self) -> Iterator[pl.DataFrame]:
        """The partitions' rows, each in the order of the files."""
        for part in self._parts:
            if part:
                frame = pl.concat(part, how="vertical_relaxed").cast(self.schema).collect()
                # A file's pieces may have been read in another order.
                yield frame if frame.select(place()).to_series().is_sorted() else frame.sort(FILE, ROW)


def partition_count(sources: Sequence[TableFile]) -> int:
    """How many partitions a log is worked on in."""
    return max(1, round(sum(source.row_count() for source in sources) / PARTITION_ROWS))
