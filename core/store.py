"""Artefacts by fingerprint: made once, reused by every run whose settings and inputs are the same."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from core.safe_json import number, read_object
from core.run.status import write_atomic

STAGE_FILE = "stage.json"
WAIT = 0.2
"""Seconds between two looks at an artefact that another process is making."""
PACKAGES = ("torch", "transformers", "polars", "faiss-cpu", "scikit-learn", "numpy", "tokenizers")

Summary = Mapping[str, Any]


class Store:
    """A folder of artefacts, one folder each, named by fingerprint.

    Work happens in `<fingerprint>.partial`, which survives an interruption, so that the stage can go on from what it
    left there; a finished artefact is renamed into place in one step.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def artefact(self, fingerprint: str) -> Path:
        """Where the artefact is or will be."""
        return self.path / fingerprint

    def has(self, fingerprint: str) -> bool:
        """Whether it is there, whole; one whose story cannot be read is made again."""
        about = self.about(fingerprint)
        return number(about.get("seconds"), -1.0) >= 0 and isinstance(about.get("summary"), dict)

    def about(self, fingerprint: str) -> dict[str, Any]:
        """What made it: name, settings, inputs, versions, seconds, summary; empty where nothing can be read of it."""
        return read_object(self.artefact(fingerprint) / STAGE_FILE)

    def make(self, fingerprint: str, recipe: Mapping[str, Any], work: Callable[[Path], Summary]) -> dict[str, Any]:
        """Do the work and put the artefact into place; return what `about` will say.

        Where another process is making the same artefact, wait for it and take what it made.
        """
        partial = self.path / f"{fingerprint}.partial"
        with _held(partial):
            if self.has(fingerprint):
                return self.about(fingerprint)
            return self._make(fingerprint, recipe, work, partial)

    def _make(
        self, fingerprint: str, recipe: Mapping[str, Any], work: Callable[[Path], Summary], partial: Path
    ) -> dict[str, Any]:
        began, spent = time.monotonic(), time.process_time()
        summary = work(partial)
        about = {
            **recipe,
            "fingerprint": fingerprint,
            "versions": {name: _version(name) for name in PACKAGES},
            "seconds": round(time.monotonic() - began, 3),
            "cpu_seconds": round(time.process_time() - spent, 3),  # a busy machine does not lengthen these
            "summary": dict(summary),
        }
        write_atomic(partial / STAGE_FILE, json.dumps(about, indent=1))
        for file in partial.rglob("*"):
            if file.is_file():
                _sync(file)
        shutil.rmtree(self.artefact(fingerprint), ignore_errors=True)
        partial.rename(self.artefact(fingerprint))
        _sync(self.path)
        return about


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder, made where it is missing; the kernel lets go of it when the process ends, however it ends."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
        try:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    time.sleep(WAIT)  # asleep a signal still arrives
            if folder.exists() and os.fstat(handle).st_ino != folder.stat().st_ino:
                continue  # made anew meanwhile: hold that one
            yield
            return
        finally:
            os.close(handle)


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """SHA-256 of what makes an artefact, shortened to 20 hexadecimal digits."""
    text = json.dumps(recipe, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
