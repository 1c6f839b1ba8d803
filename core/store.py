"""Artefacts by fingerprint: made once, reused by every run whose settings and inputs are the same."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from core.assets import refuse_demo
from core.files import digest, locked, make_private, sweep, sync, write_atomic
from core.safe_json import number, read_object

STAGE_FILE = "stage.json"
PACKAGES = ("torch", "transformers", "polars", "faiss-cpu", "scikit-learn", "numpy", "tokenizers")

Summary = Mapping[str, Any]


class Store:
    """A folder of artefacts, one folder each, named by fingerprint; its owner's alone, since histories lie in it.

    Work happens in `<fingerprint>.partial`, which survives an interruption, so that the stage can go on from what it
    left there; a finished artefact is renamed into place in one step.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def artefact(self, fingerprint: str) -> Path:
        """Where the artefact is or will be."""
        return self.path / fingerprint

    def has(self, fingerprint: str) -> bool:
        """Whether it is there, and every file as long as it was; one whose story cannot be read is made again."""
        about = self.about(fingerprint)
        told = number(about.get("seconds"), -1.0) >= 0 and isinstance(about.get("summary"), dict)
        return told and all(_size(file) == size for file, size, _ in self._files(fingerprint))

    def damaged(self, fingerprint: str) -> Path | None:
        """The first file that is not, to the byte, as it was written; None where all are. It reads all of them."""
        files = self._files(fingerprint)
        return next((file for file, size, mark in files if _size(file) != size or digest(file) != mark), None)

    def discard(self, fingerprint: str) -> None:
        """Remove an artefact, so that it is made again."""
        with locked(self.path / f"{fingerprint}.partial"):
            shutil.rmtree(self.artefact(fingerprint), ignore_errors=True)

    def _files(self, fingerprint: str) -> list[tuple[Path, int, str]]:
        """The files, their sizes and digests as they were written; none of an artefact that an older version made."""
        listed = self.about(fingerprint).get("files")
        folder = self.artefact(fingerprint)
        if not isinstance(listed, dict):
            return []
        return [
            (folder / name, int(number(one[0], -1.0)), str(one[1]))
            for name, one in listed.items()
            if isinstance(one, list) and len(one) == 2
        ]

    def about(self, fingerprint: str) -> dict[str, Any]:
        """What made it: name, settings, inputs, versions, seconds, summary; empty where nothing can be read of it."""
        return read_object(self.artefact(fingerprint) / STAGE_FILE)

    def make(self, fingerprint: str, recipe: Mapping[str, Any], work: Callable[[Path], Summary]) -> dict[str, Any]:
        """Do the work and put the artefact into place; return what `about` will say.

        Where another process is making the same artefact, wait for it and take what it made.
        """
        refuse_demo(self.path)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self.path / f"{fingerprint}.partial"
        with locked(partial):
            if self.has(fingerprint):
                return self.about(fingerprint)
            return self._make(fingerprint, recipe, work, partial)

    def _make(
        self, fingerprint: str, recipe: Mapping[str, Any], work: Callable[[Path], Summary], partial: Path
    ) -> dict[str, Any]:
        began, spent = time.monotonic(), time.process_time()
        sweep(partial)
        summary = work(partial)
        about = {
            **recipe,
            "fingerprint": fingerprint,
            "versions": {name: _version(name) for name in PACKAGES},
            "seconds": round(time.monotonic() - began, 3),
            "cpu_seconds": round(time.process_time() - spent, 3),  # a busy machine does not lengthen these
            "summary": dict(summary),
            "files": {
                file.relative_to(partial).as_posix(): [file.stat().st_size, digest(file)]
                for file in sorted(partial.rglob("*"))
                if file.is_file() and file.name != STAGE_FILE
            },
        }
        write_atomic(partial / STAGE_FILE, json.dumps(about, indent=1))
        make_private(partial)
        for file in partial.rglob("*"):
            if file.is_file():
                sync(file)
        shutil.rmtree(self.artefact(fingerprint), ignore_errors=True)
        partial.rename(self.artefact(fingerprint))
        sync(self.path)
        return about


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """SHA-256 of what makes an artefact, shortened to 20 hexadecimal digits."""
    text = json.dumps(recipe, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _size(file: Path) -> int:
    """Bytes of a file; -1 where it is not there."""
    try:
        return file.stat().st_size
    except OSError:
        return -1


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
