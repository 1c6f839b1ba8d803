"""The model of a run: its tuned one, or while it trains the best checkpoint so far, which may be replaced any moment."""

from __future__ import annotations

import time

from core.errors import DataError, ProjectError
from core.model.checkpoint import MANIFEST, TunedModel, load_checkpoint
from core.run.folder import RunFolder
from core.safe_json import number, read_object

TRIES, PAUSE = 20, 0.1
"""How often a checkpoint that is exchanged while it is read is read again, and seconds to wait where it is not there."""


def load_model(folder: RunFolder, device: str) -> tuple[TunedModel, str]:
    """A run's model, and in words how far its training had come; empty where that is over.

    While a run trains, the engine exchanges its best checkpoint for a better one now and then, and never changes a file
    of it: what was loaded is of one piece where the manifest, which holds the digest of every file, is the same before
    and after.

    Raises:
        ProjectError: the run has no model yet.
        DataError: its files are damaged.
    """
    if not _begun(folder):
        return load_checkpoint(folder.artefact("tune") / "best", device), ""
    for _ in range(TRIES):
        best = folder.best_checkpoint()
        if best is None:  # at this very moment exchanged, or its place has become the artefact
            if not _begun(folder):
                return load_checkpoint(folder.artefact("tune") / "best", device), ""
            time.sleep(PAUSE)
            continue
        before = read_object(best / MANIFEST)
        try:
            loaded = load_checkpoint(best, device)
        except DataError:
            if before and read_object(best / MANIFEST) == before:
                raise
            continue
        if read_object(best / MANIFEST) == before:
            return loaded, said_of(before, folder.status().live)
    raise DataError(f"{folder.best_path}: names a checkpoint that cannot be read", "ask again in a moment")


def _begun(folder: RunFolder) -> bool:
    """Whether the run has a checkpoint of a tuning that is not over."""
    try:
        folder.artefact("tune")
    except ProjectError:
        return bool(read_object(folder.best_path))
    return False


def said_of(manifest: dict[str, object], live: bool) -> str:
    """How far a training had come that wrote a manifest."""
    epoch, stage = int(number(manifest.get("epoch"))), manifest.get("stage")
    where = f"after epoch {epoch}" + (f" of {stage}" if isinstance(stage, str) else "")
    return f"{where}, {'still training' if live else 'the training is not over'}: the model alone, not yet measured"
