"""Find the files of a table and recognise each by its content, not its name."""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from core.data.read import Source, first_line, opened, read_fault
from core.errors import DataError, EnvironmentFault, ProjectError
from core.fields import nearest

HEAD_BYTES = 1 << 20
_DELIMITERS = ",\t;|"
_REMEDY = "Supported are Parquet, CSV, TSV (any of , ; | tab) and JSON lines, plain or gzipped."
_KNOWN_BINARIES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"ARROW1": "an Arrow file",
    b"7z\xbc\xaf": "a 7z archive",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
    b"\x89HDF": "an HDF5 file",
}


def open_table(where: Path, key: str) -> list[Source]:
    """Find and sniff the files of a table.

    Args:
        where: A file, a glob or a folder (searched to any depth; names that start with `.` or `_` are skipped).
        key: The project's key that names it, for messages.

    Raises:
        ProjectError: there is no such file.
        DataError: a file is empty, truncated or of no supported format.
        EnvironmentFault: a file cannot be read.
    """
    return [sniff(path) for path in table_files(where, key)]


def table_files(where: Path, key: str) -> list[Path]:
    """The files of a table, sorted by name.

    Args:
        where: A file, a glob or a folder (searched to any depth; names that start with `.` or `_` are skipped).
        key: The project's key that names it, for messages.

    Raises:
        ProjectError: there is no such file.
        EnvironmentFault: no permission.
    """
    text = str(where)
    try:
        if where.is_dir():
            found = sorted(path for path in where.rglob("*") if path.is_file() and _wanted(path.relative_to(where)))
            if not found:
                raise ProjectError(f"{key}: no files in the folder {where}")
            return found
        if where.is_file():
            return [where]
        if where.exists():
            raise ProjectError(f"{key}: {where} is not a regular file")
        if any(c in text for c in "*?["):
            found = sorted(path for path in _glob(where) if path.is_file())
            if found:
                return found
    except PermissionError:
        raise EnvironmentFault(f"{key}: no permission to read {where}") from None
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL
        raise ProjectError(f"{key}: {text[:200]!r} is not a file name ({error})") from None
    raise ProjectError(f"{key}: there is no file {where}", "Relative paths start at the project file's folder.")


def _glob(pattern: Path) -> Iterator[Path]:
    parts = pattern.parts
    fixed = next(number for number, part in enumerate(parts) if any(c in part for c in "*?["))
    return Path(*parts[:fixed]).glob("/".join(parts[fixed:]))


def _wanted(path: Path) -> bool:
    return not any(part.startswith((".", "_")) for part in path.parts)


def sniff(path: Path) -> Source:
    """Recognise one file by its first bytes.

    Raises:
        DataError: it is empty, truncated, or of no supported format.
        EnvironmentFault: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PAR1":
                return _sniff_parquet(path)
        with opened(path) as file:
            head = file.read(HEAD_BYTES)
    except (EOFError, OSError, zlib.error) as error:
        raise read_fault(path, error) from None
    for start, what in _KNOWN_BINARIES.items():
        if head.startswith(start):
            raise DataError(f"{path}: is {what}", _REMEDY)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: is UTF-16 text", "Save it as UTF-8.")
    head = head.removeprefix(b"\xef\xbb\xbf")
    if not head.strip():
        raise DataError(f"{path}: is empty")
    if head.count(b"\0") > 4 + len(head) // 100:
        raise DataError(f"{path}: is a binary file of an unknown format", _REMEDY)
    whole = len(head) < HEAD_BYTES - 3
    start = head.lstrip()[:1]
    if start == b"{":
        return _sniff_objects(path, head, whole)
    if start == b"[" and head.lstrip()[1:].lstrip()[:1] in (b"{", b"[", b"]"):
        raise DataError(f"{path}: is one JSON array", "Write JSON lines: one object a line.")
    return _sniff_csv(path, head.decode("utf-8", errors="replace"), whole)


def _sniff_parquet(path: Path) -> Source:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 4))
        if size < 12 or file.read(4) != b"PAR1":
            raise DataError(f"{path}: the Parquet file is truncated", "Copy or write the file again.")
    try:
        return Source(path, "parquet", tuple(pl.scan_parquet(path, glob=False).collect_schema()))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(f"{path}: the Parquet file is damaged ({first_line(error)})") from None


def _sniff_objects(path: Path, head: bytes, whole: bool) -> Source:
    lines = head.split(b"\n")
    keys: dict[str, None] = {}
    good = 0
    for raw in lines if whole or len(lines) == 1 else lines[:-1]:
        try:
            parsed = json.loads(raw.decode("utf-8", errors="replace"))
        except (ValueError, RecursionError):
            continue
        if isinstance(parsed, dict):
            good += 1
            keys.update(dict.fromkeys(str(key) for key in parsed))
    if not good:
        raise DataError(f"{path}: starts like JSON, but no line of it is a JSON object", "Write one object a line.")
    return Source(path, "jsonl", tuple(keys))


def _sniff_csv(path: Path, head: str, whole: bool) -> Source:
    eol = "\n" if "\n" in head or "\r" not in head else "\r"
    text = head.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    lines = [line for line in (text if whole else text.rpartition("\n")[0]).split("\n") if line.strip()][:200]
    if not lines:
        raise DataError(f"{path}: its first line is longer than {HEAD_BYTES:,} bytes", _REMEDY)
    delimiter = max(_DELIMITERS, key=lambda d: _agreement(lines, d))
    try:
        header = next(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        header = lines[0].split(delimiter)
    names: list[str] = []
    for number, name in enumerate(header, start=1):
        name = name.strip().replace("\0", "") or f"column_{number}"
        names.append(name if name not in names else f"{name}_{number}")
    # A tab-separated file is rarely quoted: a quote at one end of a field only means that quotes are plain text.
    quoted = delimiter != "\t" or not any(
        (field[:1] == '"') != (len(field) > 1 and field[-1:] == '"')
        for line in lines
        for field in line.split(delimiter)
    )
    return Source(path, "csv", tuple(names), delimiter, quoted, eol)


def _agreement(lines: list[str], delimiter: str) -> tuple[float, int]:
    """How well a delimiter splits all lines alike, then into how many fields."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error:
        widths = [line.count(delimiter) + 1 for line in lines]
    if not widths or widths[0] < 2:
        return (0.0, 0)
    return (sum(width == widths[0] for width in widths) / len(widths), widths[0])


def column_in(sources: list[Source], name: str, key: str) -> None:
    """Check that every file of a table has a column.

    Raises:
        ProjectError: one has not; names the nearest column.
    """
    for source in sources:
        if name not in source.columns:
            near = nearest(name, source.columns)
            hint = f'did you mean "{near}"?' if near else f"it has: {', '.join(source.columns[:30])}"
            raise ProjectError(f'{key}: {source.path} has no column "{name}"; {hint}')
