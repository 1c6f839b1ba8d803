"""What lies in a folder, for somebody who looks for a table. No screen here."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from core.errors import EnvironmentFault, ProjectError
from core.files import address_of

SHOWN = 500
"""Entries that are shown at most; of more, somebody types a part of the name."""
LOOKED = 200_000
"""Names of one folder that are looked at, at most."""
SIGNS = "*?["
_TABLES = (".parquet", ".pq", ".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".inter", ".item", ".user", ".dat",
           ".data")  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file or a folder; a folder's size is -1."""

    name: str
    folder: bool
    size: int = -1
    changed: float = 0.0


@dataclass(frozen=True)
class Listing:
    """What of a folder is shown, and how much more there is."""

    entries: tuple[Entry, ...]
    matching: int
    hidden: int
    whole: bool


def split_path(text: str, here: Path) -> tuple[Path, str]:
    """What is typed as a folder and the beginning of a name, or a pattern, in it; whole ones also behind others."""
    text = text.strip()
    if address := address_of(text):
        place, _, last = address.rpartition("/")
        return Path(place), last
    for again in ("//", "/~"):  # whoever types a whole path behind another means that one
        text = text[text.rindex(again) + 1 :] if again in text else text
    if text in ("~", ".", ".."):
        text += "/"
    head, slash, last = text.rpartition("/")
    folder = Path(f"{head}{slash}")
    with contextlib.suppress(RuntimeError):  # ~nobody
        folder = folder.expanduser()
    return Path(os.path.normpath(here / folder)), last  # `..` leads up, also out of a link


def folder_text(folder: Path) -> str:
    """A folder as a person would type it, with its slash."""
    with contextlib.suppress(RuntimeError):
        if folder != Path.home() and folder.is_relative_to(Path.home()):
            return f"~/{folder.relative_to(Path.home())}/"
    return f"{str(folder).rstrip('/')}/"


def list_folder(folder: Path, wanted: str, *, every: bool, stopped: Callable[[], bool]) -> Listing | None:
    """The folders and tables in a folder whose names hold a text or fit a pattern, folders first.

    Args:
        folder: where to look.
        wanted: a part of the names, or a pattern; empty is all.
        every: files that do not look like tables and hidden ones too.
        stopped: asked now and then; None is returned where it says yes.

    Raises:
        ProjectError: there is no such folder.
        EnvironmentFault: it cannot be read.
    """
    found: list[tuple[bool, str]] = []
    hidden = looked = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                looked += 1
                if looked > LOOKED or (looked % 1000 == 0 and stopped()):
                    break
                is_folder = _is_folder(entry)
                if not _fits(entry.name, wanted):
                    continue
                if every or (not entry.name.startswith(".") and (is_folder or is_table(entry.name))):
                    found.append((not is_folder, entry.name))
                else:
                    hidden += 1
    except FileNotFoundError:
        raise ProjectError(f"there is no folder {folder}") from None
    except NotADirectoryError:
        raise ProjectError(f"{folder} is a file, not a folder") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise EnvironmentFault(f"{folder}: cannot be read ({why})") from None
    if stopped():
        return None
    found.sort(key=lambda one: (one[0], one[1].casefold(), one[1]))
    shown = tuple(_entry(folder, name, not is_file) for is_file, name in found[:SHOWN])
    return Listing(shown, len(found), hidden, looked <= LOOKED)


def is_table(name: str) -> bool:
    """Whether a file's name looks like that of a table."""
    return name.lower().removesuffix(".gz").endswith(_TABLES)


def completed(names: list[str], wanted: str) -> str:
    """The longest beginning that all names which begin so have in common."""
    starting = [name for name in names if name.casefold().startswith(wanted.casefold())]
    return os.path.commonprefix(starting) if starting else wanted  # noqa: RUF071


def _fits(name: str, wanted: str) -> bool:
    if any(sign in wanted for sign in SIGNS):
        return fnmatchcase(name, wanted)
    return wanted.casefold() in name.casefold()


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _entry(folder: Path, name: str, is_folder: bool) -> Entry:
    try:
        about = (folder / name).stat()
    except (OSError, ValueError):
        return Entry(name, is_folder)
    return Entry(name, is_folder, -1 if is_folder else about.st_size, about.st_mtime)
