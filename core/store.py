"""Artefacts by fingerprint: made once, reused by every run whose settings and inputs are the same."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from core.run.status import write_atomic

STAGE_FILE = "stage.json"
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
        """Whether it is there, whole."""
        return (self.artefact(fingerprint) / STAGE_FILE).is_file()

    def about(self, fingerprint: str) -> dict[str, Any]:
        """What made it: name, settings, inputs, versions, seconds, summary."""
        text = (self.artefact(fingerprint) / STAGE_FILE).read_text(encoding="utf-8")
        return dict(json.loads(text))

    def make(self, fingerprint: str, recipe: Mapping[str, Any], work: Callable[[Path], Summary]) -> dict[str, Any]:
        """Do the work and put the artefact into place; return what `about` will say."""
        partial = self.path / f"{fingerprint}.partial"
        partial.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        summary = work(partial)
        about = {
            **recipe,
            "fingerprint": fingerprint,
            "versions": {name: _version(name) for name in PACKAGES},
            "seconds": round(time.monotonic() - began, 3),
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
