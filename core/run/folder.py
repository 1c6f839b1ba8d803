"""A run is a folder; everything that one process must know of another's run lies in it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import secrets
import shlex
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.assets import refuse_demo
from core.errors import EnvironmentFault, ProjectError
from core.files import system_fault, taken, write_atomic
from core.run.disk import fault_of, gone
from core.run.identity import identity
from core.run.rankings import headline
from core.run.status import STALE, Status, read_status, write_status
from core.safe_json import figures, moment, number, read_object

SCHEMA = 1
GOES_ON = "train goes on from its last checkpoint"
WITH_MODEL = ("metrics", "model")
"""Goals of runs whose model recommends."""
HANGS = "if that lasts, stop it, by force at last; train goes on from its last checkpoint"


class RunFolder:
    """One run's folder. Making the object touches nothing on disk; `create` makes a new run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunFolder) and other.path == self.path

    def __hash__(self) -> int:
        return hash(self.path)

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @classmethod
    def create(cls, runs_dir: Path, project_toml: str, name: str, **manifest: Any) -> RunFolder:
        """Make a queued run below `runs_dir`.

        Args:
            runs_dir: the project's `runs` folder; made where it is missing.
            project_toml: the resolved project, defaults included.
            name: the project's name.
            **manifest: more for `run.json` (recipe, fingerprint, project file ...), JSON values only.

        Raises:
            EnvironmentFault: where the folder cannot be written.
        """
        now = datetime.now().astimezone()
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
        while (path := runs_dir / f"{now:%Y-%m-%d-%H%M%S}_{slug}_{secrets.token_hex(2)}").exists():
            pass  # two runs of one second drew the same letters
        try:
            path.mkdir(mode=0o700, parents=True)  # what people did is in it
            for inner in ("stages", "checkpoints"):
                (path / inner).mkdir()
            (path / "project.resolved.toml").write_text(project_toml, encoding="utf-8")
            info = {
                "schema": SCHEMA,
                "id": path.name,
                "name": name,
                "created": now.timestamp(),
                "host": socket.gethostname(),
                "argv": sys.argv,
                "python": platform.python_version(),
                "platform": platform.platform(),
                **manifest,
            }
            write_atomic(path / "run.json", json.dumps(info, indent=1))
            write_status(path / "status.json", Status())
            for empty in ("events.jsonl", "control.jsonl", "stdout.log", "lock"):
                (path / empty).touch()
        except OSError as error:
            remedy = fault.remedy if runs_dir.is_dir() and (fault := fault_of(error, runs_dir)) else ""
            raise EnvironmentFault(f"cannot write the run folder {path}: {error.strerror}", remedy) from error
        return cls(path)

    @property
    def id(self) -> str:
        """The run's id, which is the folder's name."""
        return self.path.name

    @property
    def events_path(self) -> Path:
        """The story, one JSON line an event."""
        return self.path / "events.jsonl"

    @property
    def control_path(self) -> Path:
        """What people ask of the engine, one JSON line a wish."""
        return self.path / "control.jsonl"

    @property
    def stdout_path(self) -> Path:
        """Whatever the engine and its libraries print."""
        return self.path / "stdout.log"

    @property
    def status_path(self) -> Path:
        """How the run stands."""
        return self.path / "status.json"

    @property
    def launch_path(self) -> Path:
        """Written by whoever started the engine: its process, and where its control lines begin."""
        return self.path / "launch.json"

    @property
    def best_path(self) -> Path:
        """Written by the engine while it tunes: where the best checkpoint so far lies."""
        return self.path / "checkpoints" / "best.json"

    @property
    def label_path(self) -> Path:
        """What people say of the run: its name, and whether it is pinned."""
        return self.path / "label.json"

    @property
    def project_path(self) -> Path:
        """The resolved project."""
        return self.path / "project.resolved.toml"

    def manifest(self) -> dict[str, Any]:
        """What `run.json` says; empty where it is unreadable."""
        return read_object(self.path / "run.json")

    def artefact(self, stage: str) -> Path:
        """Where a stage's artefact of this run lies.

        Raises:
            ProjectError: where the run has not come that far.
        """
        note = self.path / "stages" / f"{stage}.json"
        if not note.is_file():
            raise ProjectError(f"run {self.id} has no {stage} yet", "train it to the end first")
        place = read_object(note).get("artefact")
        if not isinstance(place, str) or not (self.path / place).is_dir():
            raise ProjectError(f"{note}: names no artefact that is there", "`train --new` makes what is missing")
        return (self.path / place).resolve()

    def best_checkpoint(self) -> Path | None:
        """The best checkpoint of a tuning that is not over; None before its first validation, and once it is over.

        The folder may be missing for a moment, when a better one takes its place.
        """
        place = read_object(self.best_path).get("path")
        path = self.path / place if isinstance(place, str) else None
        return path.resolve() if path is not None and path.parent.is_dir() else None

    def model_state(self, status: Status) -> str:
        """What of its model can be asked: nothing yet (empty), the best of `step N`, `tuned`, or `finished`."""
        if status.state == "finished":
            return "finished"
        if (self.path / "stages" / "tune.json").is_file():
            return "tuned"
        return f"step {number(read_object(self.best_path).get('step')):.0f}" if self.best_checkpoint() else ""

    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` says; empty before the evaluation."""
        return read_object(self.path / "metrics.json")

    def label(self) -> dict[str, Any]:
        """What `label.json` says, which people write by `set_label`: `label`, a name, and `pinned`."""
        return read_object(self.label_path)

    def set_label(self, *, label: str | None = None, pinned: bool | None = None) -> None:
        """Give the run a name (an empty one takes it away), or pin it; None leaves what is.

        Raises:
            ProjectError: it is the demo's.
            EnvironmentFault: the folder cannot be written.
        """
        refuse_demo(self.path)
        given = {"label": label, "pinned": pinned}
        told = {**self.label(), **{key: value for key, value in given.items() if value is not None}}
        try:
            write_atomic(self.label_path, json.dumps(told, indent=1))
        except OSError as error:
            raise fault_of(error, self.path) or gone(self.path) from error

    def launched(self) -> dict[str, Any]:
        """What `launch.json` says; empty where nobody launched the run as a child."""
        return read_object(self.launch_path)

    def status(self) -> Status:
        """How the run stands, checked against the process itself.

        On the engine's own machine the process decides; seen from another machine, the heartbeat does.
        """
        status = read_status(self.status_path)
        return self.judge(status) if status is not None else self._missing()

    def judge(self, status: Status) -> Status:
        """What becomes of a status once the process it speaks of is looked for."""
        if status.state == "queued":
            return self._queued(status)
        if status.state != "running":
            return status
        silent = status.silence > STALE
        if status.host and status.host != socket.gethostname():
            return replace(status, state="lost", error="its machine is silent", remedy=GOES_ON) if silent else status
        if not status.process or identity(status.pid) != status.process:
            fresh = read_status(self.status_path)  # it may have finished between the two looks
            if fresh is None:
                return self._missing()
            if (fresh.state, fresh.process) != (status.state, status.process):
                return self.judge(fresh)
            return replace(status, state="lost", error=status.error or "its process is gone", remedy=GOES_ON)
        return replace(status, responding=False, remedy=HANGS) if silent else status

    def _missing(self) -> Status:
        if not self.path.is_dir():
            return Status(state="lost", error="the run folder is gone", remedy=gone(self.path).remedy)
        return Status(state="lost", error="the run folder has no status.json", remedy=GOES_ON)

    def _queued(self, status: Status) -> Status:
        launch = self.launched()
        pid, process = launch.get("pid"), launch.get("process")
        if not isinstance(pid, int) or launch.get("host") != socket.gethostname():
            return status
        if process and identity(pid) == process:
            return replace(status, pid=pid, process=process, host=socket.gethostname())
        fresh = read_status(self.status_path)
        if fresh is None:
            return self._missing()
        if fresh.state != "queued":
            return self.judge(fresh)
        return replace(status, state="lost", error="the engine ended before it began", remedy="stdout.log says why")

    def write_status(self, status: Status) -> None:
        """Replace `status.json` in one step."""
        write_status(self.status_path, status)

    def sweep(self) -> None:
        """Remove what a writer of `status.json` left that died at it; only for who holds the run."""
        for left in self.path.glob(".status.json.*"):
            left.unlink(missing_ok=True)

    def log_tail(self, lines: int = 20) -> list[str]:
        """The last lines of `stdout.log`."""
        try:
            with self.stdout_path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 64 * 1024))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [line.rsplit("\r", 1)[-1] for line in text.rstrip().split("\n")[-lines:]] if text.strip() else []

    @contextlib.contextmanager
    def lock(self, wait: float = 0.0) -> Iterator[None]:
        """Hold the run for writing; the kernel lets go of it when the process ends, however it ends.

        Args:
            wait: seconds to try for.

        Raises:
            EnvironmentFault: where another process holds it, or the folder is gone.
        """
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise fault_of(error, self.path) or gone(self.path) from error
        try:
            end = time.monotonic() + wait
            while not taken(handle):
                if time.monotonic() >= end:
                    owner = self.status()
                    raise EnvironmentFault(
                        f"another engine is at work on run {self.id} (process {owner.pid})",
                        "attach to it (the app's run view shows it), or stop it first",
                    )
                time.sleep(0.02)
            yield
        finally:
            os.close(handle)

    def locked(self) -> bool:
        """Whether some process holds the run for writing."""
        try:
            with self.lock():
                return False
        except EnvironmentFault:
            return True


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
