"""A run is a folder; everything that one process must know of another's run lies in it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import EnvironmentFault, ProjectError
from core.run.process import identity
from core.run.status import STALE, Status, read_status, write_atomic, write_status

SCHEMA = 1


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
        run_id = f"{now:%Y-%m-%d-%H%M%S}_{slug}_{secrets.token_hex(2)}"
        path = runs_dir / run_id
        try:
            path.mkdir(parents=True)
            for inner in ("stages", "checkpoints"):
                (path / inner).mkdir()
            (path / "project.resolved.toml").write_text(project_toml, encoding="utf-8")
            info = {
                "schema": SCHEMA,
                "id": run_id,
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
            raise EnvironmentFault(f"cannot write the run folder {path}: {error.strerror}") from error
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
    def project_path(self) -> Path:
        """The resolved project."""
        return self.path / "project.resolved.toml"

    def manifest(self) -> dict[str, Any]:
        """What `run.json` says; empty where it is unreadable."""
        return _read_json(self.path / "run.json")

    def metrics(self) -> dict[str, Any]:
        """What `metrics.json` says; empty before the evaluation."""
        return _read_json(self.path / "metrics.json")

    def launched(self) -> dict[str, Any]:
        """What `launch.json` says; empty where nobody launched the run as a child."""
        return _read_json(self.launch_path)

    def status(self) -> Status:
        """How the run stands, checked against the process itself.

        On the engine's own machine the process decides; seen from another machine, the heartbeat does.
        """
        status = read_status(self.status_path)
        if status is None:
            return Status(state="lost", error="the run folder has no status.json")
        if status.state == "queued":
            return self._queued(status)
        if status.state != "running":
            return status
        silent = time.time() - status.heartbeat > STALE
        if status.host and status.host != socket.gethostname():
            return replace(status, state="lost") if silent else status
        if not status.process or identity(status.pid) != status.process:
            fresh = read_status(self.status_path)  # it may have finished between the two looks
            if fresh is not None and fresh.state != "running":
                return fresh
            return replace(status, state="lost", error=status.error or "its process is gone")
        return replace(status, responding=not silent)

    def _queued(self, status: Status) -> Status:
        launch = self.launched()
        pid, process = launch.get("pid"), launch.get("process")
        if not isinstance(pid, int) or launch.get("host") != socket.gethostname():
            return status
        if process and identity(pid) == process:
            return replace(status, pid=pid, process=process, host=socket.gethostname())
        fresh = read_status(self.status_path)
        if fresh is not None and fresh.state != "queued":
            return fresh if fresh.state != "running" else self.status()
        return replace(status, state="lost", error="the engine ended before it began; see stdout.log")

    def write_status(self, status: Status) -> None:
        """Replace `status.json` in one step."""
        write_status(self.status_path, status)

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
    def lock(self) -> Iterator[None]:
        """Hold the run for writing; the kernel lets go of it when the process ends, however it ends.

        Raises:
            EnvironmentFault: where another process holds it.
        """
        handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                owner = self.status()
                raise EnvironmentFault(
                    f"another engine is at work on run {self.id} (process {owner.pid})",
                    "attach to it (the app's run view shows it), or stop it first",
                ) from None
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
    metrics: dict[str, float]
    """The model's test metrics where they were measured, else those of the best validation."""


def run_info(folder: RunFolder) -> RunInfo:
    """What a list of runs shows of one run."""
    manifest, status = folder.manifest(), folder.status()
    created = manifest.get("created")
    test = folder.metrics().get("test")
    model = test.get("model") if isinstance(test, dict) else None
    measured = {k: float(v) for k, v in model.items() if isinstance(v, int | float)} if isinstance(model, dict) else {}
    return RunInfo(
        folder=folder,
        id=folder.id,
        name=str(manifest.get("name") or folder.id),
        created=float(created) if isinstance(created, int | float) else 0.0,
        recipe=str(manifest.get("recipe") or ""),
        status=status,
        metrics=measured or status.best,
    )


def list_runs(runs_dir: Path) -> list[RunInfo]:
    """Every run below a folder, the newest first; empty where the folder is missing."""
    try:
        paths = [p for p in runs_dir.iterdir() if not p.name.startswith(".") and (p / "run.json").is_file()]
    except OSError:
        return []
    return sorted((run_info(RunFolder(p)) for p in paths), key=lambda r: (r.created, r.id), reverse=True)


def find_run(runs_dir: Path, run_id: str | None = None) -> RunFolder:
    """The run with an id, a part of one that only one run has, or else the newest finished run.

    Raises:
        ProjectError: where no run or more than one fits.
    """
    if run_id and (Path(run_id) / "run.json").is_file():
        return RunFolder(Path(run_id))
    runs = list_runs(runs_dir)
    if not run_id:
        for run in runs:
            if run.status.state == "finished":
                return run.folder
        raise ProjectError(f"no finished run in {runs_dir}", "train one first: eagertui --headless train")
    hits = [r for r in runs if r.id == run_id] or [r for r in runs if run_id in r.id]
    if len(hits) == 1:
        return hits[0].folder
    if hits:
        raise ProjectError(f"{run_id}: {len(hits)} runs fit", "one of " + ", ".join(r.id for r in hits[:8]))
    known = ", ".join(r.id for r in runs[:8]) or "none"
    raise ProjectError(f"no run {run_id} in {runs_dir}", f"its runs: {known}")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}
