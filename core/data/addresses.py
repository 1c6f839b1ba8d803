"""Tables in object stores and on the web: Polars copies them to this machine once, and all else reads the copy.

A copy stays until another is taken, so that the same project gives the same data set; it is dated, and what is read
is said to be one. Credentials are found as Polars finds them: in the environment and the files of each cloud's tools.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import polars as pl
from platformdirs import user_cache_path

from core.errors import DataError, EnvironmentFault, ProjectError
from core.files import address_of, locked, make_private, system_fault, write_atomic
from core.safe_json import read_object

_ABOUT = "copy.json"
_PATH = "\x00path"
_LINE = "line"
_BATCH = 100_000
"""Lines that are held at once."""


@dataclass(frozen=True)
class Copy:
    """A copy of what lies at an address.

    Attributes:
        address: where it was copied from.
        taken: when, seconds since 1970.
        folder: the folder of its files, below the one of the address.
        files: how many there are.
        size: of all, in bytes.
    """

    address: str
    taken: float
    folder: str
    files: int
    size: int


def shown(address: str) -> str:
    """An address for messages: without what follows a question mark on the web, which can be a key."""
    return (address.partition("?")[0] if address.startswith("http") else address)[:200]


def copy_of(where: Path) -> Copy | None:
    """The copy of an address; None where `where` is none, or was never copied."""
    address = address_of(where)
    if not address:
        return None
    place = _place(address)
    try:
        copy = Copy(**read_object(place / _ABOUT))
    except TypeError:  # there is none, or it was written by another version
        return None
    return copy if copy.address == address and (place / copy.folder).is_dir() else None


def on_disk(where: Path) -> Path:
    """Where the files of a table lie on this machine: `where` itself, or the folder of its copy, once there is one."""
    copy = copy_of(where)
    return _place(copy.address) / copy.folder if copy else where


def copied(where: Path, key: str) -> Path:
    """As `on_disk`; an address that was never copied is copied now.

    Raises:
        EagerError: as `take_copy`.
    """
    if address_of(where) and copy_of(where) is None:
        take_copy(where, key, again=False)
    return on_disk(where)


def take_copy(where: Path, key: str, again: bool = True) -> Copy:
    """Copy what lies at an address to this machine; the copy before stays until the next, for runs that read it.

    Args:
        where: The address.
        key: The project's key that names it, for messages.
        again: Whether a copy that is there is taken anew.

    Raises:
        ProjectError: there is nothing at the address.
        DataError: it is neither Parquet nor Arrow nor UTF-8 text.
        EnvironmentFault: it cannot be reached or read, or the copy not written.
    """
    address = address_of(where)
    place = _place(address)
    try:
        with locked(place):
            before = copy_of(where)
            if before is not None and not again:
                return before
            new = place / f"{time.time_ns()}"
            for old in place.iterdir():
                if old.is_dir() and (before is None or old.name != before.folder):
                    shutil.rmtree(old)
            new.mkdir()
            try:
                with _explained(address, key):
                    _copy(address, new)
            except BaseException:
                shutil.rmtree(place if before is None else new, ignore_errors=True)
                raise
            files = list(new.iterdir())
            size = sum(file.stat().st_size for file in files)
            copy = Copy(address, time.time(), new.name, len(files), size)
            write_atomic(place / _ABOUT, json.dumps(asdict(copy)))
            make_private(place)
            return copy
    except OSError as error:
        raise system_fault(error) from None


def copy_note(where: Path, what: str) -> list[str]:
    """That a table is a copy, and of when: one sentence, or none."""
    copy = copy_of(where)
    if copy is None:
        return []
    taken = time.strftime("%Y-%m-%d %H:%M", time.localtime(copy.taken))
    return [f"{what} is a copy of {shown(copy.address)}, taken {taken}; eagertui fetch takes another"]


def _place(address: str) -> Path:
    readable = re.sub(r"[^A-Za-z0-9]+", "-", shown(address)).strip("-")[:60]
    return user_cache_path("eagertui") / "tables" / f"{readable}-{sha256(address.encode()).hexdigest()[:12]}"


def _copy(address: str, folder: Path) -> None:
    """Write the files of an address into a folder, in the order of their addresses.

    The content says what they are: Parquet and Arrow have marks that Polars looks for, all else is read as lines.
    """
    glob = not address.startswith("http")
    if glob and not any(sign in address for sign in "*?["):
        try:
            return _copy_all(address, folder, glob)
        except (FileNotFoundError, pl.exceptions.ComputeError) as error:
            if not _nothing(error):
                raise
        address += "/"  # a folder, whose last slash a path has lost
    return _copy_all(address, folder, glob)


def _copy_all(address: str, folder: Path, glob: bool) -> None:
    for scan, write, suffix in (
        (pl.scan_parquet, pl.LazyFrame.sink_parquet, "parquet"),
        (pl.scan_ipc, pl.LazyFrame.sink_ipc, "arrow"),
    ):
        try:
            listed = scan(address, glob=glob, include_file_paths=_PATH, hive_partitioning=False)
            paths = sorted(listed.select(pl.col(_PATH).unique()).collect(engine="streaming").to_series())
        except pl.exceptions.ComputeError as error:
            if "out-of-spec" in str(error) or "out of specification" in str(error):
                continue  # of another format
            raise
        for number, path in enumerate(paths, 1):
            file = folder / _name(path, number, suffix)
            write(scan(path, glob=False, hive_partitioning=False), file)
        return
    _copy_lines(address, glob, folder)


def _copy_lines(address: str, glob: bool, folder: Path) -> None:
    """Write files of text, unpacked, line by line."""
    lines = pl.scan_lines(address, name=_LINE, glob=glob, include_file_paths=_PATH)
    names: dict[str, str] = {}
    for batch in lines.collect_batches(chunk_size=_BATCH):
        for (path,), part in batch.group_by(_PATH, maintain_order=True):
            name = names.setdefault(str(path), _name(str(path), len(names) + 1, "txt"))
            with (folder / name).open("ab") as file:
                part.select(_LINE).write_csv(file, include_header=False, quote_style="never")


def _name(path: str, number: int, suffix: str) -> str:
    """A file's name here: its number, so that order stays, and what it is called there, as far as that is harmless."""
    last = re.sub(r"[^A-Za-z0-9._-]+", "-", shown(path).rstrip("/").rpartition("/")[2])[:80]
    last = re.sub(r"\.(gz|zst|parquet|arrow)$", "", last)
    return f"{number:05d}-{last}.{suffix}" if "." not in last else f"{number:05d}-{last}"


def _nothing(error: Exception) -> bool:
    return isinstance(error, FileNotFoundError) or "expanded paths were empty" in str(error)


@contextmanager
def _explained(address: str, key: str) -> Iterator[None]:
    """What Polars says of an address, in one sentence and with what to do."""
    where = f"{key}: {shown(address)}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a bucket's region is looked up
            yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        text = " ".join(str(error).split()).replace(address, shown(address))[:300]
        if "No space left" in text or "ENOSPC" in text:
            raise EnvironmentFault(f"{where} does not fit on this disk", f"Free some of {_place(address)}.") from None
        if _nothing(error):
            raise ProjectError(f"{where}: there is nothing", "Look at the name, and at whose keys are used.") from None
        if "invalid utf8" in text:
            remedy = "Copy the file here and name the copy: then its encoding, workbooks and databases are recognised."
            raise DataError(f"{where}: is neither Parquet nor Arrow nor UTF-8 text", remedy) from None
        if re.search(r"\b40[13]\b|denied|credential|must be specified|token", text):
            remedy = "Keys are looked for as the cloud's own tools do: AWS_*, GOOGLE_*, AZURE_*, HF_TOKEN."
            raise EnvironmentFault(f"{where}: no permission ({text})", remedy) from None
        raise EnvironmentFault(f"{where} cannot be read: {text}", "Look at the address and the network.") from None
