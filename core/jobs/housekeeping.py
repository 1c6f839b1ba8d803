"""Deleting runs and artefacts: what would go, how large it is, and what stays since another run uses it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.assets import refuse_demo
from core.errors import EagerError, ProjectError
from core.files import locked, taken
from core.pipeline import recipes_of
from core.project import Project
from core.run.disk import fault_of
from core.run.folder import RunFolder
from core.run.listing import RunInfo, list_runs
from core.run.status import UNFINISHED
from core.safe_json import read_object
from core.store import fingerprint

GOING = ".deleted-"
"""What the name of a folder begins with that is being deleted: a deletion that was cut off leaves it."""
_MARK = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True)
class Deletion:
    """What a deletion takes away.

    Attributes:
        runs_dir: the project's `runs` folder.
        runs: runs, folders and all.
        artefacts: folders of the store that no other run uses, and what deletions that were cut off have left.
        shared: artefacts of these runs that stay, since other runs use them.
        bytes: size of all files that go.
    """

    runs_dir: Path
    runs: tuple[RunFolder, ...]
    artefacts: tuple[Path, ...]
    shared: int
    bytes: int


def removal(runs_dir: Path, runs: Iterable[RunFolder]) -> Deletion:
    """What deleting these runs takes away.

    Raises:
        ProjectError: one of them is at work or pinned, or it is not known what a run at work still needs.
    """
    refuse_demo(runs_dir)
    known = list_runs(runs_dir)
    going = tuple(dict.fromkeys(runs))
    for info in known:
        if info.folder in going:
            _refuse(info)
        else:
            _refuse_what_it_builds_on(info, {run.id for run in going})
    kept = _used(info for info in known if info.folder not in going)
    own = _used(info for info in known if info.folder in going)
    artefacts = [path for path in _artefacts(runs_dir) if _mark(path) in own - kept]
    return _deletion(runs_dir, going, artefacts, len(own & kept & {path.name for path in _artefacts(runs_dir)}))


def pruning(runs_dir: Path) -> Deletion:
    """What the store holds that no run uses.

    Raises:
        ProjectError: it is not known what a run at work still needs.
    """
    refuse_demo(runs_dir)
    kept = _used(list_runs(runs_dir))
    left = [path for path in _children(runs_dir) if path.name.startswith(GOING)]
    return _deletion(runs_dir, (), [*(path for path in _artefacts(runs_dir) if _mark(path) not in kept), *left], 0)


def delete(deletion: Deletion) -> None:
    """Delete what was planned, unless a run has come to need it since: that is looked at again, alone.

    Raises:
        ProjectError: as `removal`; nothing is deleted then.
        EnvironmentFault: a run is held by a process, or the disk refuses.
    """
    runs_dir = deletion.runs_dir
    try:
        with locked(runs_dir):  # nobody chooses or starts a run meanwhile
            now = removal(runs_dir, deletion.runs) if deletion.runs else pruning(runs_dir)
            for run in now.runs:
                with run.lock():
                    run.path.rename(runs_dir / f"{GOING}{run.id}")
            for path in now.artefacts:
                if not path.name.startswith(GOING):
                    path.rename(runs_dir / f"{GOING}{path.name}")
            for path in _children(runs_dir):
                if path.name.startswith(GOING):
                    shutil.rmtree(path)
    except OSError as error:
        raise fault_of(error, runs_dir) or error from error


def _refuse(info: RunInfo) -> None:
    if info.status.live:
        raise ProjectError(f"run {info.id} is at work", f"stop it first: eagertui control stop --run {info.id}")
    if info.pinned:
        raise ProjectError(f"run {info.id} is pinned", f"take the pin away first: eagertui runs --unpin {info.id}")


def _refuse_what_it_builds_on(info: RunInfo, going: Collection[str]) -> None:
    """A run that another one was started from, or that chose for it, is read again whenever that one is."""
    try:
        settings = Project.load(info.folder.project_path).run
    except (EagerError, OSError):
        return
    for run in (settings.base, settings.chosen):
        if run and run in going:
            raise ProjectError(f"run {info.id} builds on run {run}", f"delete run {info.id} too, or keep both")


def _used(runs: Iterable[RunInfo]) -> set[str]:
    """Fingerprints of everything that runs use: what they have, and what those still need that may go on."""
    marks: set[str] = set()
    for info in runs:
        for note in _children(info.folder.path / "stages"):
            place = read_object(note).get("artefact")
            marks.update(_MARK.findall(place) if isinstance(place, str) else ())
        if info.status.live or info.status.state in UNFINISHED:
            marks |= _needs(info)
    return marks


def _needs(info: RunInfo) -> set[str]:
    """Fingerprints of the stages that a run goes through; of a run that cannot go on, none."""
    try:
        project = Project.load(info.folder.project_path)
        return {fingerprint(recipe) for recipe in recipes_of(project).values()}
    except (EagerError, OSError) as error:
        if info.status.live:
            raise ProjectError(f"it is not known what run {info.id}, at work, still needs", str(error)) from error
        return set()


def _mark(path: Path) -> str:
    return path.name.removesuffix(".partial")


def _artefacts(runs_dir: Path) -> list[Path]:
    """Everything of the store: artefacts, and what stages that were cut off have left; not what is being made now."""
    known = [path for path in _children(runs_dir / ".store") if _MARK.fullmatch(_mark(path))]
    return [path for path in known if path.suffix != ".partial" or not _in_the_making(path)]


def _in_the_making(partial: Path) -> bool:
    """Whether a process works on an artefact: it need not be a run's, see `core.jobs.errands`."""
    handle = os.open(partial, os.O_RDONLY)
    try:
        return not taken(handle)
    finally:
        os.close(handle)


def _children(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _deletion(runs_dir: Path, runs: Sequence[RunFolder], artefacts: Collection[Path], shared: int) -> Deletion:
    size = sum(_size(path) for path in (*(run.path for run in runs), *artefacts))
    return Deletion(runs_dir, tuple(runs), tuple(artefacts), shared, size)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder; what goes away meanwhile counts nothing."""
    size = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            size += file.lstat().st_size if not file.is_dir() or file.is_symlink() else 0
    return size
