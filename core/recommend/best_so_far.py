"""The model of a run: its tuned one, or the best checkpoint so far of a training that may exchange it meanwhile."""

from __future__ import annotations

import time

from core.errors import DataError
from core.model.checkpoint import MANIFEST, TunedModel, load_checkpoint
from core.run.folder import RunFolder
from core.safe_json import number, read_object

TRIES, PAUSE = 20, 0.1
"""How often a checkpoint that is exchanged while it is read is read again, and seconds to wait where there is none."""
ALONE = "the model alone, not yet measured"


def load_model(folder: RunFolder, device: str) -> tuple[TunedModel, str]:
    """A run's model, and in words how far the run had come; empty where it is over.

    While a run trains, the engine exchanges its best checkpoint for a better one now and then, and never changes a file
    of it: what was loaded is of one piece where the manifest, which holds the digest of every file, is the same before
    and after.

    Raises:
        ProjectError: the run has no model yet.
        DataError: its files are damaged.
    """
    for _ in range(TRIES):
        if (folder.path / "stages" / "tune.json").is_file() or not read_object(folder.best_path):
            whole = (folder.path / "stages" / "evaluate.json").is_file()
            return load_checkpoint(folder.artefact("tune") / "best", device), "" if whole else f"trained, {ALONE}"
        best = folder.best_checkpoint()
        before = read_object(best / MANIFEST) if best is not None else {}
        if best is None or not before:  # exchanged at this very moment, or its place has become the artefact
            time.sleep(PAUSE)
            continue
        try:
            loaded = load_checkpoint(best, device)
        except DataError:
            if read_object(best / MANIFEST) == before:
                raise
            continue
        if read_object(best / MANIFEST) == before:
            return loaded, _said_of(before, folder.status().live)
    raise DataError(f"{folder.best_path}: names a checkpoint that cannot be read", "ask again in a moment")


def _said_of(manifest: dict[str, object], live: bool) -> str:
    """How far a training had come that wrote a manifest."""
    epoch, stage = int(number(manifest.get("epoch"))), manifest.get("stage")
    where = f"after epoch {epoch}" + (f" of {stage}" if isinstance(stage, str) else "")
    return f"{where}, {'still training' if live else 'the training is not over'}: {ALONE}"
