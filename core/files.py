"""What every room does with files: write through a temporary name, sync, digest, hold a folder alone."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from core.errors import EnvironmentFault

_ADDRESS = re.compile(r"(?:^|/)(s3a?|gs|gcs|azure|az|abfss?|adl|hf|https?)://?([^/].*)$")
WAIT = 0.2
"""Seconds between two looks at what another process holds."""


def resolved(path: str, root: Path) -> Path:
    """A path as a person writes it, as an absolute one below `root`; `~` is the home folder."""
    place = root / Path(path).expanduser()
    # A folder that is yet to be made cannot be stepped out of by "..".
    return place if root.is_dir() else Path(os.path.normpath(place))


def address_of(path: str | Path) -> str:
    """The address in an object store or on the web that a path stands for, even without a slash; else empty."""
    found = _ADDRESS.search(str(path))
    return f"{found[1]}://{found[2]}" if found else ""


def system_fault(error: OSError) -> EnvironmentFault:
    """What the system refuses, in words: the file, why, and what can be done."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.EACCES, errno.EPERM):
        remedy = "look at who may read and write it (ls -ld), or copy the project to a folder that is your own"
        return EnvironmentFault(f"{where}no permission", remedy)
    if error.errno == errno.EROFS:
        remedy = "it lies on a disk that can only be read: copy the project to another one"
        return EnvironmentFault(f"{where}nothing can be written", remedy)
    return EnvironmentFault(f"{where}{error.strerror or error}", "look at the path, the permissions and the disk")


def unwritable(place: Path) -> EnvironmentFault:
    """A file or folder that this process may not write, in words: whether its disk can only be read, or who it is."""
    there = next(one for one in (place, *place.parents) if one.exists())
    if os.statvfs(there).f_flag & os.ST_RDONLY:
        return EnvironmentFault(
            f"cannot write {place}: {os.strerror(errno.EROFS)}", "copy the project to a disk that can be written"
        )
    remedy = "look at its permissions, or copy the project to a folder of your own"
    return EnvironmentFault(f"cannot write {place}", remedy)


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary file beside `path`, to write into; it takes the place of `path` when the block ends well.

    Raises:
        OSError: as the block, or the file system; nothing is left behind then.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        error.filename = str(path)  # nobody knows the temporary one
        raise
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp's own is for one person alone
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Remove what `written_whole` was writing in a folder when its process was killed; nobody may be at work there."""
    for left in folder.rglob(".*"):
        if left.is_file():
            left.unlink()


def write_atomic(path: Path, text: str) -> None:
    """Write a small text file through a temporary name beside it."""
    with written_whole(path) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")


def make_private(folder: Path) -> None:
    """Leave a folder and all in it to its owner alone: it may hold what people did."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


def sync(path: Path) -> None:
    """Put a file's bytes, or a folder's names, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def taken(handle: int) -> bool:
    """Try to lock an open file or folder; False where another process holds it.

    The kernel lets go of it when the handle is closed, or the process ends, however it ends.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, made where it is missing; waits while another process holds it.

    Raises:
        OSError: the folder cannot be made or read.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            while not taken(handle):
                time.sleep(WAIT)  # asleep a signal still arrives
            if not folder.exists() or os.fstat(handle).st_ino != folder.stat().st_ino:
                continue  # renamed or made anew meanwhile: hold the one that is there now
            yield
            return
        finally:
            os.close(handle)
