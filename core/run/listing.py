"""The list of a project's runs for somebody who looks again and again: only what changed is read anew."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from core.run.folder import RunFolder, RunInfo, newest_first, run_info
from core.run.status import Status, read_status

Stamp = tuple[int, int, int]
_FILES = ("run.json", "metrics.json", "status.json", "label.json", "checkpoints/best.json")


@dataclass
class _Known:
    stamps: tuple[Stamp | None, ...]
    status: Status | None
    """What the file said; whether its process is still there is another question, asked at every look."""
    info: RunInfo


class RunList:
    """The runs below a folder; `look` as often as you like.

    A run that did not change is the very same object as before.

    Args:
        runs_dir: the project's `runs` folder.
    """

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self._known: dict[str, _Known] = {}

    def look(self) -> list[RunInfo]:
        """Every run, the newest first; empty where the folder is missing."""
        try:
            names = [path.name for path in self.runs_dir.iterdir()]
        except OSError:
            names = []
        before, self._known = self._known, {}
        root = str(self.runs_dir)
        for name in names:
            if name.startswith("."):
                continue
            stamps = tuple(_stamp(f"{root}/{name}/{file}") for file in _FILES)
            if stamps[0] is None:
                continue  # it is no run
            old = before.get(name)
            known = self._look_at(name, stamps, old)
            if known is old or known.info.folder.path.is_dir():  # or else it was deleted meanwhile
                self._known[name] = known
        return newest_first(known.info for known in self._known.values())

    def _look_at(self, name: str, stamps: tuple[Stamp | None, ...], known: _Known | None) -> _Known:
        folder = known.info.folder if known else RunFolder(self.runs_dir / name)
        if known is None or known.stamps != stamps:
            said = read_status(folder.status_path)
            return _Known(stamps, said, run_info(folder, folder.judge(said) if said else folder.status()))
        if known.status is not None and known.status.state in ("queued", "running"):
            status = folder.judge(known.status)
            if status != known.info.status:
                known.info = replace(known.info, status=status)
        return known


def _stamp(path: str) -> Stamp | None:
    """What changes when a file is written or replaced; None where it is missing."""
    try:
        stat = os.stat(path)  # noqa: PTH116  a Path for each of hundreds of files a second costs more than the look
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
