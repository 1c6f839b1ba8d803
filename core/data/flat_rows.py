"""Every user's rows one after the other, put there partition by partition, in the memory of one block of them."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from core.data.arrays import Int64
from core.errors import EnvironmentFault

BLOCK_ROWS = 1 << 20
"""Rows that are in memory at once, of those that lie in files."""
Column = np.ndarray[Any, Any]
_TO = "to"


class FlatRows:
    """Rows of many partitions on their way to one order.

    A partition's rows are written behind those of the last one, in the order of their aims, so that a block of the
    order is made of one run of rows of every partition. The file has no name: it goes with the process.

    Args:
        total: How many rows there will be.
        work: Where the files lie; None = all of it is in memory.
    """

    def __init__(self, total: int, work: Path | None = None) -> None:
        self._total, self._work = total, work
        self._arrays: list[Column] = []
        self._edges = np.arange(0, total + BLOCK_ROWS, BLOCK_ROWS)  # where the blocks begin, and the last one's end
        self._runs: list[Int64] = []
        self._written = 0
        self._file: IO[bytes] | None = None
        self._kind = np.dtype([])

    def add(self, starts: Int64, lengths: Int64, *columns: Column) -> None:
        """Put a partition's rows.

        Args:
            starts: Where each user's rows go; (users,).
            lengths: How many each has; (users,).
            columns: The rows, user after user; (rows,) each, of the same kinds in every partition.

        Raises:
            EnvironmentFault: the disk is full, or cannot be written to.
        """
        if self._work is None:
            self._arrays = self._arrays or [np.empty(self._total, column.dtype) for column in columns]
            aims = _ranges(starts, lengths)
            for array, column in zip(self._arrays, columns, strict=True):
                array[aims] = column
            return
        if self._file is None:
            self._file = _file_in(self._work)
            self._kind = np.dtype([(_TO, np.int64), *((str(n), column.dtype) for n, column in enumerate(columns))])
        turn = np.argsort(starts)
        taken = _ranges((np.cumsum(lengths) - lengths)[turn], lengths[turn])
        rows = np.empty(len(taken), dtype=self._kind)
        rows[_TO] = _ranges(starts[turn], lengths[turn])
        for number, column in enumerate(columns):
            rows[str(number)] = column[taken]
        _write(self._file, rows, self._work)
        self._runs.append(self._written + np.searchsorted(rows[_TO], self._edges))
        self._written += len(rows)

    def arrays(self) -> list[Column]:
        """The columns, all rows in order; those of a log in partitions lie in files without names, see `blocks`.

        Raises:
            EnvironmentFault: the disk is full, or cannot be written to.
        """
        if self._work is None or self._file is None:
            return self._arrays
        names = self._kind.names or ()
        kinds = {name: self._kind[name] for name in names if name != _TO}
        files = {name: _file_in(self._work) for name in kinds}
        for number, start in enumerate(self._edges[:-1]):
            block = {name: np.empty(min(BLOCK_ROWS, self._total - start), kind) for name, kind in kinds.items()}
            for run in self._runs:
                self._file.seek(int(run[number]) * self._kind.itemsize)
                rows = np.fromfile(self._file, self._kind, int(run[number + 1] - run[number]))
                for name, array in block.items():
                    array[rows[_TO] - start] = rows[name]
            for name, array in block.items():
                _write(files[name], array, self._work)
        self._file.close()
        return [np.memmap(files[name], kind, "r+", shape=(self._total,)) for name, kind in kinds.items()]


def blocks(rows: int, *arrays: Column) -> Iterator[slice]:
    """Rows block by block; what is read of arrays that lie in files leaves the memory after each.

    Args:
        rows: How many there are.
        arrays: What is read of them.
    """
    for start in range(0, rows, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, rows))
        for array in arrays:
            release(array)


def release(array: Column) -> None:
    """Let what was read of an array that lies in a file leave the memory; it is read anew where it is asked for."""
    mapped: Any = array.base
    while isinstance(mapped, np.ndarray):
        mapped = mapped.base
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _ranges(starts: Int64, lengths: Int64) -> Int64:
    """start, start + 1, and so on, so many of each; (sum of the lengths,)."""
    ends = np.cumsum(lengths)
    rows: Int64 = np.arange(ends[-1] if len(ends) else 0, dtype=np.int64)
    rows += np.repeat(starts - (ends - lengths), lengths)
    return rows


def _file_in(folder: Path) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise EnvironmentFault(f"no file for the rows of the log can be made in {folder} ({error.strerror})") from None


def _write(file: IO[bytes], rows: Column, folder: Path) -> None:
    try:
        file.write(rows.view(np.uint8).data)
        file.flush()
    except OSError as error:
        raise EnvironmentFault(
            f"the rows of the log cannot be written into {folder} ({error.strerror})", "make room on that disk"
        ) from None
