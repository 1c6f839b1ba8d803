"""Whether a folder lies on a disk of this machine alone."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

REMOTE = ("nfs", "cifs", "smb", "fuse", "9p", "lustre", "ceph", "gluster", "afs", "gpfs", "beegfs")
"""File systems on which several machines could share the file: SQLite's shared memory does not work there."""


def is_remote(folder: Path) -> bool:
    """Whether a folder lies on a file system that other machines may share."""
    place = str(folder.resolve())
    best, kind = "", ""
    with contextlib.suppress(OSError):
        for partition in psutil.disk_partitions(all=True):
            mount = partition.mountpoint
            inside = place == mount or place.startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best):
                best, kind = mount, partition.fstype.lower()
    return kind.startswith(REMOTE)
