"""Files packed by gzip or zstd: how they are opened, and which are refused because they would unpack without end."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.errors import DataError, EnvironmentFault

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_UNPACKERS = ("compression.zstd", "backports.zstd", "zstandard")
"""Python's own module from 3.14 on, what it is elsewhere, and the package of the extra `zstd`."""
_MOST_ROWS, _MOST_BYTES = 1, 40
"""Rows and bytes of text a byte of a packed file at most; logs have a tenth of a row and ten bytes."""
_FREE_ROWS, _FREE_BYTES = 1 << 20, 1 << 26
"""So much more is let through in any case."""
_STEP = 1 << 20
LOOKED_THROUGH = 1 << 26
"""Bytes of a packed file up to which all of it is unpacked for a look, before it is read."""


def is_packed(path: Path) -> bool:
    """Whether a file is packed.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(4).startswith((GZIP, ZSTD))


def unpacked(path: Path) -> BinaryIO:
    """Open a file for reading bytes, those of its content where it is packed.

    Raises:
        OSError: it cannot be read.
        EnvironmentFault: there is nothing to unpack zstd with.
    """
    file = path.open("rb")
    start = file.read(4)
    if start.startswith(GZIP):
        file.close()
        return cast(BinaryIO, gzip.open(path, "rb"))
    file.seek(0)
    if start == ZSTD:
        if _zstd() is None:
            file.close()
            raise EnvironmentFault(
                f"{path}: is zstd-compressed, and nothing here unpacks it",
                f"Unpack it (zstd -d {path.name}), or install what does: pip install 'eagertui[zstd]'.",
            )
        return cast(BinaryIO, io.BufferedReader(_zstd().open(file, "rb")))  # what it gives has no lines
    return file


@cache
def _zstd() -> Any:
    """What unpacks zstd; None where nothing is installed."""
    for name in _UNPACKERS:
        with contextlib.suppress(ImportError):
            return import_module(name)
    return None


UNPACK_ERRORS: tuple[type[Exception], ...] = (
    OSError, EOFError, zlib.error, *([_zstd().ZstdError] if _zstd() else [])
)  # fmt: skip
"""What reading a packed file can raise: the disk's faults, and damage."""


@lru_cache(maxsize=64)
def check_unpacked_size(path: Path, modified: int, size: int) -> None:
    """Refuse a small packed file that unpacks to far more than any log does; looked at once while it stays as it is.

    Args:
        path: The file.
        modified: When it was.
        size: How long it is.

    Raises:
        DataError: it has more rows or bytes than its own size makes likely.
        OSError, EOFError, zlib.error: it is damaged; whoever reads it says so.
    """
    rows = length = 0
    if size > LOOKED_THROUGH:
        return
    with unpacked(path) as file:
        while part := file.read(_STEP):
            length += len(part)
            rows += part.count(b"\n")
            if length > _FREE_BYTES + _MOST_BYTES * size or rows > _FREE_ROWS + _MOST_ROWS * size:
                raise DataError(
                    f"{path}: {size:,} bytes unpack to more than {length:,} bytes and {rows:,} rows, which no log does",
                    "If it is one all the same, unpack it yourself and name the unpacked file.",
                )


def check_row_count(path: Path, rows: int, size: int) -> None:
    """Refuse a file of columns that claims more rows than its size makes likely.

    Args:
        path: The file.
        rows: How many rows it says it has.
        size: How long it is in bytes.

    Raises:
        DataError: they are too many.
    """
    if rows > _FREE_ROWS + _MOST_ROWS * size:
        raise DataError(
            f"{path}: {size:,} bytes hold {rows:,} rows, which no log does",
            "If it is one all the same, write it as text, e.g. CSV.",
        )
