"""A run is a folder; everything that one process must know of another's run lies in it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.assets import refuse_demo
from core.errors import EnvironmentFault, ProjectError
from core.files import taken, write_atomic
from core.run.disk import fault_of, gone
from core.run.identity import identity
from core.run.status import STALE, Status, read_status, write_status
from core.safe_json import number, read_object

SCHEMA = 1
GOES_ON = "train goes on from its last checkpoint"
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
