"""The runs of a project: what a list shows of each, and which one is meant."""

from __future__ import annotations

import errno
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import ProjectError
from core.files import system_fault
from core.run.folder import RunFolder
from core.run.rankings import headline
from core.run.status import Status, read_status
from core.safe_json import figures, moment, number

WITH_MODEL = ("metrics", "model")
"""Goals of runs whose model recommends."""
Stamp = tuple[int, int, int]
_FILES = ("run.json", "metrics.json", "status.json", "label.json", "checkpoints/best.json")


@dataclass(frozen=True)
class RunInfo:
    """One line of a list of runs."""

    folder: RunFolder
    id: str
    name: str
    created: float
    """Unix seconds."""
    recipe: str
    status: Status
    goal: str
    """What it was for: `metrics`, `model` or `index`."""
    metrics: dict[str, float]
    """The model's test metrics; of a run that is not finished, those of the best validation until they are measured."""
    label: str = ""
    """The name that somebody gave it."""
    pinned: bool = False
    """Whether it must not be deleted."""
    group: str = ""
    """What it shares with the runs that differ from it in their seed alone and were made together with it."""
    seed: int = 0
    """Of everything random in it; known where it is of a group."""
    model_state: str = ""
    """See `RunFolder.model_state`."""

    @property
    def has_model(self) -> bool:
        """Whether it is to have a model: recommendations can be asked of it once it is finished."""
        return self.goal != "index"

    @property
    def explorable(self) -> bool:
        """Whether recommendations can be asked of it now."""
        return self.has_model and bool(self.model_state)


def run_info(folder: RunFolder, status: Status | None = None) -> RunInfo:
    """What a list of runs shows of one run; `status` is how it stands, where that is known already."""
    manifest, status = folder.manifest(), status or folder.status()
    test = folder.metrics().get("test")
    label = folder.label()
    measured = figures(test.get(headline(test)) if isinstance(test, dict) else None)
    return RunInfo(
        folder=folder,
        id=folder.id,
        name=str(manifest.get("name") or folder.id),
        created=moment(manifest.get("created")),
        recipe=str(manifest.get("recipe") or ""),
        status=status,
        goal=goal if (goal := str(manifest.get("goal"))) in ("index", "model") else "metrics",
        metrics=measured if status.state == "finished" else measured or status.best,
        label=str(label.get("label") or ""),
        pinned=label.get("pinned") is True,
        group=str(manifest.get("group") or ""),
        seed=int(number(manifest.get("seed"))),
        model_state=folder.model_state(status),
    )


def newest_first(runs: Iterable[RunInfo]) -> list[RunInfo]:
    """The runs in the order in which lists show them."""
    return sorted(runs, key=lambda run: (run.created, run.id), reverse=True)


def list_runs(runs_dir: Path) -> list[RunInfo]:
    """Every run below a folder that may be read, the newest first; empty where the folder is missing.

    Raises:
        EnvironmentFault: no permission to look into the folder.
    """
    paths = [path for path in _run_paths(runs_dir) if os.access(path, os.X_OK) and (path / "run.json").is_file()]
    return newest_first(info for path in paths if (info := run_info(RunFolder(path))) and path.is_dir())


def closed_runs(runs_dir: Path) -> list[str]:
    """The ids of runs that `list_runs` leaves out, for nobody but their owner may look into them."""
    return [path.name for path in _run_paths(runs_dir) if path.is_dir() and not os.access(path, os.X_OK)]


def _run_paths(runs_dir: Path) -> list[Path]:
    """What may be runs, by name.

    Raises:
        EnvironmentFault: no permission to look into the folder.
    """
    try:
        if runs_dir.is_dir() and not os.access(runs_dir, os.R_OK | os.X_OK):
            raise system_fault(PermissionError(errno.EACCES, "", str(runs_dir)))
        return [path for path in sorted(runs_dir.iterdir()) if not path.name.startswith(".")]
    except OSError:
        return []


def find_run(runs_dir: Path, run_id: str | None = None, goals: Sequence[str] = ("metrics",)) -> RunFolder:
    """The run with an id or a label, a part of an id that only one run has, or else the newest finished run of a goal.

    Args:
        runs_dir: the project's `runs` folder.
        run_id: the id, label or part; None = none is named.
        goals: of the runs that may be meant then; `WITH_MODEL` are those that recommend.

    Raises:
        ProjectError: where no run or more than one fits.
        EnvironmentFault: it, or all of them, may not be looked into.
    """
    if run_id and run_id in closed_runs(runs_dir):
        raise system_fault(PermissionError(errno.EACCES, "", str(runs_dir / run_id)))
    if run_id and (Path(run_id) / "run.json").is_file():
        return RunFolder(Path(run_id))
    runs = list_runs(runs_dir)
    if not run_id:
        for run in runs:
            if run.status.state == "finished" and run.goal in goals:
                return run.folder
        also = f" that may be read ({len(closed)} may not)" if (closed := closed_runs(runs_dir)) else ""
        remedy = f"train one first: eagertui --headless train {shlex.quote(str(runs_dir.parent))}"
        raise ProjectError(f"no finished run in {runs_dir}{also}", remedy)
    hits = [r for r in runs if run_id in (r.id, r.label)] or [r for r in runs if run_id in r.id]
    if len(hits) == 1:
        return hits[0].folder
    if hits:
        raise ProjectError(f"{run_id}: {len(hits)} runs fit", "one of " + ", ".join(r.id for r in hits[:8]))
    known = ", ".join(r.id for r in runs[:8]) or "none"
    raise ProjectError(f"no run {run_id} in {runs_dir}", f"its runs: {known}")


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
