"""Find the files of a table and recognise each by its content, not its name."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from core.data import sources
from core.data.addresses import copied
from core.data.encoding import guessed_encoding, late_lines, may_be, unread_lines
from core.data.layouts import layout_fault
from core.data.packed import GZIP, UNPACK_ERRORS, ZSTD, check_unpacked_size, is_packed
from core.data.read import REMEDY, Head, TableFile, read_fault
from core.did_you_mean import nearest
from core.errors import DataError, EnvironmentFault, ProjectError
from core.files import resolved
from core.settings import DataSettings

_KNOWN_BINARIES = {
    b"PK\x03\x04": "a zip archive or a spreadsheet that is no whole workbook; unpack it, or save the sheet as CSV",
    b"7z\xbc\xaf": "a 7z archive",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet; save the sheet as CSV or .xlsx",
    b"\x89HDF": "an HDF5 file",
}


_MOST_COLUMNS = 2_000
_KNOWN_TEXTS = {
    b"<!doctype html": "a web page, not data",
    b"<html": "a web page, not data",
    b"<?xml": "XML",
    b"version https://git-lfs": "a pointer of Git LFS, not the data; fetch them with git lfs pull",
    b"@relation": "an ARFF file",
    b"+---": "a table drawn with lines, as mysql prints it; take --batch, which writes tabs",
    b"%%matrixmarket": "a Matrix Market file",
    **dict.fromkeys(
        (b"insert into", b"create table", b"drop table", b"pragma foreign_keys", b"begin transaction", b"-- mysql dump",
         b"-- mariadb dump", b"--\n-- postgresql", b"/*!40"),
        "an SQL dump; load it into a database, and export the table as CSV",
    ),
}


def open_table(
    where: Path, key: str, encoding: str = "", columns: Sequence[str] = (), inner: str = ""
) -> list[TableFile]:
    """Find and sniff the files of a table.

    Args:
        where: A file, a glob, a folder (searched to any depth; names that start with `.` or `_` are skipped), or an
            address, whose copy is read.
        key: The project's key that names it, for messages.
        encoding: How text files are written; empty = UTF-8, or else what each looks like.
        columns: Names of the columns, where the files have no header line.
        inner: Which of their tables is meant, where the files hold several.

    Raises:
        ProjectError: there is no such file, no such encoding or table, or the names do not fit it.
        DataError: a file is empty, truncated or of no supported format.
        EnvironmentFault: a file cannot be read.
    """
    try:
        codecs.lookup(encoding or "utf-8")
        b"".decode(encoding or "utf-8")
    except (LookupError, ValueError):
        message = f"data.encoding: there is no encoding {encoding!r}"
        raise ProjectError(message, "Usual ones: latin-1, cp1252, utf-16.") from None
    files = [sniff(path, encoding, inner) for path in table_files(copied(where, key), key)]
    named = "data.item_columns" if "items" in key else "data.columns"
    return [file.named(columns, named) for file in files] if columns else files


def log_files(data: DataSettings, root: Path) -> list[TableFile]:
    """The files of a project's log, as `open_table`; `root` is the project's folder."""
    where = resolved(data.interactions, root)
    return open_table(where, "data.interactions", data.encoding, data.columns, data.table)


def item_files(data: DataSettings, root: Path) -> list[TableFile]:
    """The files of a project's item table, as `open_table`; none where it has no such table."""
    if not data.items:
        return []
    return open_table(resolved(data.items, root), "data.items", data.encoding, data.item_columns, data.item_table)


def table_files(where: Path, key: str) -> list[Path]:
    """The files of a table, sorted by name, numbers in it by what they are worth: `part-2` before `part-10`.

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
            files = _in_order(path for path in where.rglob("*") if path.is_file() and _wanted(path.relative_to(where)))
            if not files:
                raise ProjectError(f"{key}: no files in the folder {where}")
            return files
        if where.is_file():
            return [where]
        if where.exists():
            raise ProjectError(f"{key}: {where} is not a regular file")
        if any(c in text for c in "*?["):
            files = _in_order(path for path in _glob(where) if path.is_file())
            if files:
                return files
    except PermissionError:
        raise EnvironmentFault(f"{key}: no permission to read {where}") from None
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL
        raise ProjectError(f"{key}: {text[:200]!r} is not a file name ({error})") from None
    if (address := re.search(r"\b([a-z][a-z0-9+]+)://?([^/].*)$", text)) is not None:
        raise ProjectError(
            f"{key}: {address[1]}://{address[2][:200]} is an address of a kind that is not read",
            "Read are s3, gs, az, abfs, hf, http and https; copy it here, and name the copy.",
        )
    start = "the folder that you are in" if key.startswith("--") else "the project file's folder"
    raise ProjectError(f"{key}: there is no file {where}", f"Relative paths start at {start}.")


def _glob(pattern: Path) -> Iterator[Path]:
    parts = pattern.parts
    fixed = next(number for number, part in enumerate(parts) if any(c in part for c in "*?["))
    return Path(*parts[:fixed]).glob("/".join(parts[fixed:]))


def _in_order(paths: Iterable[Path]) -> list[Path]:
    def pieces(path: Path) -> list[list[tuple[int, str]]]:
        split = (re.split(r"(\d+)", part) for part in path.parts)
        return [[(int(one) if one.isdecimal() else -1, one) for one in some] for some in split]

    return sorted(paths, key=pieces)


def _wanted(path: Path) -> bool:
    return not any(part.startswith((".", "_")) for part in path.parts)


def sniff(path: Path, encoding: str = "", inner: str = "") -> TableFile:
    """Recognise one file by its first bytes.

    Args:
        path: The file.
        encoding: How it is written, if it is text; empty = UTF-8, or else what it looks like.
        inner: Which of its tables is meant, where it holds several.

    Raises:
        DataError: it is empty, truncated, or of no supported format.
        ProjectError: it has no such table.
        EnvironmentFault: it cannot be read.
    """
    head = Head.of(path, encoding, inner)
    no_text = _no_text(head) or (None if encoding or head.encoding else _unread(path, head.content))
    stat = path.stat()
    try:
        if is_packed(path):
            check_unpacked_size(path, stat.st_mtime_ns, stat.st_size)
    except UNPACK_ERRORS as error:
        raise read_fault(path, error) from None
    if no_text is None and not encoding and not head.encoding and not head.whole and head.content.isascii():
        late = late_lines(path, stat.st_mtime_ns, stat.st_size)
        head = replace(head, encoding=guessed_encoding(late + b"\n....") if late else "")
        no_text = None if head.encoding else _unread(path, late)
    for kind in formats():
        if kind.rank and no_text is not None:  # it begins with no format's mark, and nobody can read it as text
            raise no_text
        try:
            source = kind.recognise(head)
        except DataError as error:
            raise layout_fault(head, None) or error from None
        if source is not None:
            if len(source.columns) > _MOST_COLUMNS:
                raise DataError(f"{path}: has {len(source.columns):,} columns; {_MOST_COLUMNS:,} are the most", REMEDY)
            if (fault := layout_fault(head, source)) is not None:
                raise fault
            return source if source.typed else replace(source, encoding=head.encoding)
    raise DataError(f"{path}: is of an unknown format", REMEDY)


def _no_text(head: Head) -> DataError | None:
    """Why the content cannot be read as text; None where it can."""
    path, content = head.path, head.content
    for start, what in _KNOWN_BINARIES.items():
        if content.startswith(start):
            return DataError(f"{path}: is {what}", REMEDY)
    if not content.strip():
        return DataError(f"{path}: is empty")
    begin = content[:100].lstrip().lower()
    for start, what in _KNOWN_TEXTS.items():
        if begin.startswith(start):
            return DataError(f"{path}: is {what}", REMEDY)
    if content.startswith((GZIP, ZSTD)):
        return DataError(f"{path}: is packed twice", "Unpack it once.")
    if content[257:262] == b"ustar":
        return DataError(f"{path}: is a tar archive", "Unpack it (tar -xf) and name the file of the rows.")
    if content.count(b"\0") > 4 + len(content) // 100:
        return DataError(f"{path}: is a binary file of an unknown format", REMEDY)
    return None


def _unread(path: Path, content: bytes) -> DataError | None:
    """Why text cannot be read in any encoding that is known by its look; None where it can."""
    if not (bad := unread_lines(content)):
        return None
    return DataError(
        f"{path}: {len(bad):,} lines or more are neither UTF-8 nor Western European, e.g. {bad[0][:60]!r}",
        f"Say how it is written: --set data.encoding=NAME; {', '.join(may_be(bad))} could be it.",
    )


@cache
def formats() -> tuple[type[TableFile], ...]:
    """The formats in `core.data.sources`, in the order in which they are asked about a file."""
    kinds: list[type[TableFile]] = []
    for module in iter_modules(sources.__path__, f"{sources.__name__}."):
        names = vars(import_module(module.name)).values()
        kinds += [
            one for one in names
            if isinstance(one, type) and issubclass(one, TableFile) and one.__module__ == module.name
        ]  # fmt: skip
    return tuple(sorted(kinds, key=lambda kind: (kind.rank, kind.format)))


def source_notes(sources: list[TableFile], encoding: str, inner: str) -> list[str]:
    """What is to be said of how files are read: an encoding that was not given and is not UTF-8, lines left out.

    Folders called `event=view` hold a column that stands in no file, and is not read.
    """
    parts = [tuple(part for part in source.path.parts[:-1] if "=" in part) for source in sources]
    named = {
        part.partition("=")[0]: part for own in parts for part in own if not all(part in other for other in parts)
    }
    return [
        *(
            f'the folders are called after "{name}", e.g. {part}, '
            "which is no column of the files and is not read: write it into them where it says when, who or what"
            for name, part in named.items()
            if not all(name in source.columns for source in sources)
        ),
        *(
            f'{source.path.name} is {source.format}, which is one table: the name "{inner}" is not used'
            for source in sources
            if inner and not source.inner
        ),
        *(
            f"{source.path.name} is not UTF-8 and is read as {source.encoding}; data.encoding sets another one"
            for source in sources
            if source.encoding and not encoding
        ),
        *(f"{source.path.name}: {note}" for source in sources for note in source.notes()),
    ]


def column_in(sources: list[TableFile], name: str, key: str) -> None:
    """Check that every file of a table has a column.

    Raises:
        ProjectError: one has not; names the nearest column.
    """
    for source in sources:
        if name not in source.columns:
            near = nearest(name, source.columns)
            hint = f'did you mean "{near}"?' if near else f"it has: {', '.join(source.columns[:30])}"
            raise ProjectError(f'{key}: {source.path} has no column "{name}"; {hint}')
