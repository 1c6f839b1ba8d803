"""A tuned model as a plain Hugging Face folder that others load without us, its item index beside it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from core.errors import EnvironmentFault, ProjectError
from core.index.exchange.in_out import write_index
from core.model.adapters import merge_adapters
from core.model.checkpoint import MANIFEST, PROMPTS, load_checkpoint
from core.model.model_card import ABOUT, write_card
from core.run.folder import RunFolder


def export_model(source: RunFolder | Path, out: Path) -> Path:
    """Write a model with all its adapters merged, so that `AutoModelForCausalLM` and `AutoTokenizer` load it.

    Beside it: `index.json` (LC-Rec's format), `index.parquet`, the prompts, and `eagertui.json`, which names the
    tokens before a history and the levels; and `README.md`, the model's card, with the licence of its base where there
    is one. The folder appears whole or not at all.

    Args:
        source: a run, its folder, or the folder of a checkpoint.
        out: the new folder.

    Returns:
        The new folder.

    Raises:
        ProjectError: `out` is there already, or the run is not trained.
        DataError: the checkpoint is damaged.
        EnvironmentFault: it cannot be written, or the base that the adapters belong to is not there.
    """
    if out.exists() or out.is_symlink():
        raise ProjectError(f"{out} is there already", "name a folder that is not there yet: --out FOLDER")
    run, checkpoint = _checkpoint(source)
    tuned = load_checkpoint(checkpoint, dtype=torch.float32)  # adapters are merged without rounding
    lm = tuned.model.lm
    merge_adapters(lm)
    transformers_logging.disable_progress_bar()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise EnvironmentFault(f"cannot write {out}: {error.strerror or error}", "check the path") from error
    try:
        lm.save_pretrained(fresh, safe_serialization=True)
        tuned.vocabulary.tokenizer.save_pretrained(fresh)
        for name in ("index.json", "index.parquet"):
            write_index(tuned.index.item_ids, tuned.index.codes, fresh / name, tuned.index.widths)
        if (checkpoint / PROMPTS).is_dir():
            shutil.copytree(checkpoint / PROMPTS, fresh / PROMPTS)
        (fresh / ABOUT).write_text(json.dumps(_about(checkpoint), indent=1) + "\n", encoding="utf-8")
        write_card(fresh, run)
        _open_up(fresh)
        os.rename(fresh, out)  # noqa: PTH104  Path.rename says nothing more
    except OSError as error:
        raise EnvironmentFault(f"cannot write {out}: {error.strerror or error}", "check the disk") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return out


def _checkpoint(source: RunFolder | Path) -> tuple[RunFolder | None, Path]:
    """The run, where one is named, and the folder of its checkpoint."""
    if isinstance(source, Path) and (source / MANIFEST).is_file():
        return None, source
    folder = source if isinstance(source, RunFolder) else RunFolder(source)
    if not (folder.path / "run.json").is_file():
        raise ProjectError(f"{folder.path} is neither a run nor a checkpoint", "runs: eagertui --headless runs")
    return folder, folder.artefact("tune") / "best"


def _about(checkpoint: Path) -> dict[str, Any]:
    """What somebody needs who recommends with the model: prompt = frame, then the codes of the history's items."""
    manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    adapters = [one["name"] for one in manifest.get("adapters", [])]
    levels = len(manifest["code_ids"])
    return {"index": manifest["index"], "frame": manifest["frame"], "levels": levels, "merged": adapters}


def _open_up(folder: Path) -> None:
    """Give a folder and all in it the rights that the umask leaves: weights and temporary folders are made private."""
    mask = os.umask(0)
    os.umask(mask)
    for path in (folder, *folder.rglob("*")):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
